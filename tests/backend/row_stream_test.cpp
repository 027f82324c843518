// Rows on their way to a device (backend/row_stream.h): what arrives there, in which order, and what happens where something
// fails.  The device is the emulator's plugin, whose copies are done as late as may be; no kernel runs.
#include "backend/row_stream.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/errors.h"

namespace velbo::internal {
namespace {

constexpr Device kDevice{DeviceKind::cuda, 0};

// Rows of 5 features in strides of 7, some of them twice in the index.
template <class T>
struct HostRows {
  HostRows(std::int64_t n, Element element, bool centred, bool indexed) {
    for (std::int64_t i = 0; i < 7 * n; ++i) as_float.push_back(static_cast<float>(1000 + 3 * i % 4001));
    as_double.assign(as_float.begin(), as_float.end());
    for (double& value : as_double) value += 1.0 / 3;
    for (std::int64_t i = 0; indexed && i < n; ++i) index.push_back(11 * i % (n / 2 + 1));
    centre = {1000.5, 0, -3, 1e3 + 1.0 / 7, 2000};
    rows.x = element == Element::float32 ? static_cast<const void*>(as_float.data()) : as_double.data();
    rows.element = element;
    rows.stride = 7;
    rows.centre = centred ? centre.data() : nullptr;
    rows.index = rows.host_index = indexed ? index.data() : nullptr;  // the emulator's memory is the host's
    rows.n_rows = n;
    rows.n_features = 5;
  }
  [[nodiscard]] T at(std::int64_t n, std::int64_t j) const {
    const std::int64_t stored = index.empty() ? n : index[static_cast<std::size_t>(n)];
    const auto k = static_cast<std::size_t>(7 * stored + j);
    const double x = rows.element == Element::float32 ? static_cast<double>(as_float[k]) : as_double[k];
    return static_cast<T>(rows.centre != nullptr ? x - centre[static_cast<std::size_t>(j)] : x);
  }
  // How many numbers of a slab are not those of rows first, first + 1, ...; padding is zeros.
  [[nodiscard]] std::int64_t wrong(const Rows<T>& slab, std::int64_t first) const {
    std::int64_t count = 0;
    const T* x = static_cast<const T*>(slab.x);
    for (std::int64_t n = 0; n < slab.n_rows; ++n)
      for (std::int64_t j = 0; j < slab.stride; ++j)
        count += x[n * slab.stride + j] == (j < 5 ? at(first + n, j) : T(0)) ? 0 : 1;
    return count;
  }

  std::vector<float> as_float;
  std::vector<double> as_double, centre;
  std::vector<std::int64_t> index;
  Rows<T> rows;
};

template <class T>
class RowStreams : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("VELBO_CUDA_PLUGIN") == nullptr) GTEST_SKIP() << "the emulator's plugin is not named";
  }
  static StreamSizes sizes(std::int64_t rows_of_a_slab, std::int64_t rows_of_a_piece) {
    constexpr std::int64_t row_bytes = 8 * static_cast<std::int64_t>(sizeof(T)) - (sizeof(T) == 8 ? 16 : 0);
    return {.slab_bytes = rows_of_a_slab * row_bytes, .piece_bytes = rows_of_a_piece * row_bytes};
  }
};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(RowStreams, Scalars);

TYPED_TEST(RowStreams, BringEveryRowOnceAndInOrder) {
  using T = TypeParam;
  for (const Element element : {Element::float32, Element::float64})
    for (const bool centred : {false, true})
      for (const bool indexed : {false, true})
        for (const std::int64_t n : {1, 9, 10, 11, 20, 95}) {
          const HostRows<T> host(n, element, centred, indexed);
          RowStream<T> stream(kDevice, n, 5, this->sizes(10, 3));
          std::int64_t next = 0;
          stream.for_each_slab(host.rows, 2, [&](const Rows<T>& slab, std::int64_t first) {
            EXPECT_EQ(first, next);
            EXPECT_EQ(slab.n_rows, std::min<std::int64_t>(10, n - first));
            EXPECT_EQ(host.wrong(slab, first), 0) << "n " << n << " from " << first;
            EXPECT_EQ(slab.element, sizeof(T) == 4 ? Element::float32 : Element::float64);
            EXPECT_EQ(slab.stride * static_cast<std::int64_t>(sizeof(T)) % 16, 0);
            EXPECT_EQ(slab.centre, nullptr);
            EXPECT_TRUE(slab.packed);
            EXPECT_EQ(slab.index, indexed ? host.index.data() + first : nullptr);
            EXPECT_EQ(slab.first_row, indexed ? 0 : first);
            next = first + slab.n_rows;
          });
          EXPECT_EQ(next, n);
        }
}

// Enough bytes for threads to share.
TYPED_TEST(RowStreams, BringTheSameRowsForAnyNumberOfThreads) {
  using T = TypeParam;
  const std::int64_t n = 300000;
  const HostRows<T> host(n, Element::float64, true, true);
  for (const int threads : {1, 3}) {
    RowStream<T> stream(kDevice, n, 5, this->sizes(200000, 150000));
    std::int64_t count = 0;
    stream.for_each_slab(host.rows, threads, [&](const Rows<T>& slab, std::int64_t first) {
      EXPECT_EQ(host.wrong(slab, first), 0);
      count += slab.n_rows;
    });
    EXPECT_EQ(count, n);
  }
}

TYPED_TEST(RowStreams, NoRowsAreOneSlabOfNone) {
  using T = TypeParam;
  const HostRows<T> host(0, Element::float64, false, false);
  RowStream<T> stream(kDevice, 0, 5);
  int calls = 0;
  stream.for_each_slab(host.rows, 1, [&](const Rows<T>& slab, std::int64_t) { calls += slab.n_rows == 0 ? 1 : 100; });
  EXPECT_EQ(calls, 1);
}

// The next slab is filled meanwhile, and the one after it must wait.
TYPED_TEST(RowStreams, LeaveASlabAloneWhileItIsWorkedOn) {
  using T = TypeParam;
  const HostRows<T> host(60, Element::float32, true, false);
  RowStream<T> stream(kDevice, 60, 5, this->sizes(10, 4));
  stream.for_each_slab(host.rows, 1, [&](const Rows<T>& slab, std::int64_t first) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(host.wrong(slab, first), 0);
  });
}

TYPED_TEST(RowStreams, GoThroughPageableMemoryWhereNoneCanBePinned) {
  using T = TypeParam;
  EXPECT_TRUE(HostMemory(kDevice, 100).is_pinned());
  setenv("VELBO_EMULATED_NO_PINNED", "1", 1);
  const HostRows<T> host(95, Element::float32, false, true);
  RowStream<T> stream(kDevice, 95, 5, this->sizes(10, 3));
  EXPECT_FALSE(HostMemory(kDevice, 100).is_pinned());
  unsetenv("VELBO_EMULATED_NO_PINNED");
  std::int64_t count = 0;
  stream.for_each_slab(host.rows, 1, [&](const Rows<T>& slab, std::int64_t first) {
    EXPECT_EQ(host.wrong(slab, first), 0);
    count += slab.n_rows;
  });
  EXPECT_EQ(count, 95);
}

TYPED_TEST(RowStreams, EndWhereTheWorkFails) {
  using T = TypeParam;
  const HostRows<T> host(95, Element::float32, false, false);
  RowStream<T> stream(kDevice, 95, 5, this->sizes(10, 3));
  for (const std::int64_t at : {0, 10, 90}) {
    std::int64_t last = -1;
    EXPECT_THROW(stream.for_each_slab(host.rows, 1,
                                      [&](const Rows<T>&, std::int64_t first) {
                                        last = first;
                                        if (first == at) throw std::runtime_error("work");
                                      }),
                 std::runtime_error);
    EXPECT_EQ(last, at);
  }
  std::int64_t wrong = 0;
  stream.for_each_slab(host.rows, 1,
                       [&](const Rows<T>& slab, std::int64_t first) { wrong += host.wrong(slab, first); });
  EXPECT_EQ(wrong, 0);
}

TYPED_TEST(RowStreams, EndWhereACopyFails) {
  using T = TypeParam;
  const HostRows<T> host(95, Element::float32, false, false);
  RowStream<T> batch(kDevice, 95, 5), stream(kDevice, 95, 5, this->sizes(10, 3));
  setenv("VELBO_EMULATED_BAD_COPIES", "1", 1);
  for (RowStream<T>* each : {&batch, &stream})
    EXPECT_EQ(test::error_of([&] { each->for_each_slab(host.rows, 1, [](const Rows<T>&, std::int64_t) { FAIL(); }); }),
              "device| cuda: invalid argument");
  unsetenv("VELBO_EMULATED_BAD_COPIES");
  std::int64_t wrong = 0;
  stream.for_each_slab(host.rows, 1,
                       [&](const Rows<T>& slab, std::int64_t first) { wrong += host.wrong(slab, first); });
  EXPECT_EQ(wrong, 0);
}

// Fits side by side share a model's stream.
TYPED_TEST(RowStreams, ServeSeveralThreadsInTurn) {
  using T = TypeParam;
  const HostRows<T> whole(95, Element::float32, true, false), some(60, Element::float64, false, true);
  RowStream<T> stream(kDevice, 95, 5, this->sizes(10, 3));
  std::vector<std::thread> threads;
  std::vector<std::int64_t> wrong(4, -1);
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      const HostRows<T>& host = t % 2 == 0 ? whole : some;
      std::int64_t count = 0;
      stream.for_each_slab(host.rows, 2,
                           [&](const Rows<T>& slab, std::int64_t first) { count += host.wrong(slab, first); });
      wrong[t] = count;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<std::int64_t>(4, 0));
}

}  // namespace
}  // namespace velbo::internal

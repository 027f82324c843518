// The kernels of topic models under every schedule, against definitions in long double; what shared memory holds changes no bit.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "emulator/device_array.h"
#include "emulator/every_schedule.h"
#include "topic_documents.cuh"
#include "topic_statistics.cuh"
#include "topic_words.cuh"
#include "topics/reference.h"

namespace velbo::kernels {
namespace {

using internal::TopicSums;
using internal::WordPlace;
using simt::DeviceArray;

std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

// lambda = eta + base + max(statistics, 0).
struct Globals {
  Globals(std::int64_t words, std::int64_t topics, bool earlier, double counts = 1, double prior = 0.05)
      : n_words(words), n_topics(topics), eta(prior) {
    std::mt19937_64 engine(17);
    for (std::int64_t i = 0; i < words * topics; ++i) {
      statistics.push_back(i % 11 == 3 ? -1e-12
                                       : std::gamma_distribution<double>(0.5, counts * (i % 7 == 0 ? 300 : 3))(engine));
      base.push_back(earlier ? std::gamma_distribution<double>(0.7)(engine) : 0);
      lambda.push_back(eta + base.back() + std::max(0.0, statistics.back()));
    }
    if (!earlier) base.clear();
  }
  std::int64_t n_words, n_topics;
  double eta;
  std::vector<double> statistics, base, lambda;
};

struct OnEmulator {
  explicit OnEmulator(const Globals& g)
      : statistics(g.statistics),
        base(g.base),
        globals{g.n_words, g.n_topics, g.eta, g.base.empty() ? nullptr : base.data(), statistics.data()} {}
  DeviceArray<double> statistics, base;
  TopicGlobals globals;
};

Launch launch_of(std::int64_t wanted_chunks, std::int64_t most_partial_sums = 1 << 20) {
  Launch launch;
  launch.wanted_chunks = wanted_chunks;
  launch.most_partial_sums = most_partial_sums;
  return launch;
}

template <class T>
constexpr std::int64_t stride_of(std::int64_t n_topics) {
  constexpr std::int64_t n = 32 / sizeof(T);
  return (n_topics + n - 1) / n * n;
}

template <class T>
class TopicKernels : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(TopicKernels, Scalars);

TYPED_TEST(TopicKernels, ExpectationsAreThoseOfDirichlets) {
  using T = TypeParam;
  struct Case {
    std::int64_t n_words, n_topics, chunks;
    bool earlier;
  };
  for (const Case& c : {Case{1, 1, 1056, false},
                        {2500, 1, 2, false},
                        {203, 5, 2, true},
                        {41, 50, 1056, false},
                        {3, 70, 3, true},
                        {9, 300, 2, false}}) {
    SCOPED_TRACE(testing::Message() << c.n_words << " words, " << c.n_topics << " topics");
    const Globals g(c.n_words, c.n_topics, c.earlier);
    const OnEmulator on(g);
    const std::int64_t stride = stride_of<T>(c.n_topics);
    const auto k_count = size_of(c.n_topics);
    const std::vector<long double> log_topics = test::expected_log_topics(g.lambda, k_count);
    std::vector<double> other(g.lambda.size());
    for (std::size_t i = 0; i < other.size(); ++i) other[i] = 1 + static_cast<double>(i % 5);
    const DeviceArray<double> others(other);
    const auto got = simt::same_under_every_schedule([&] {
      const DeviceArray<T> topics(size_of(c.n_words * stride));
      const DeviceArray<double> shift(size_of(c.n_words));
      std::vector<double> out(3 * k_count);
      const Launch launch = launch_of(c.chunks);
      topic_expectations(launch, on.globals, stride, topics.data(), shift.data(),
                         TopicSums{out.data(), out.data() + k_count, out.data() + 2 * k_count});
      out.push_back(topic_expected_log_sum(launch, on.globals, out.data(), others.data()));
      for (const double value : shift.on_host()) out.push_back(value);
      for (const T value : topics.on_host()) out.push_back(static_cast<double>(value));
      return out;
    });
    std::vector<long double> expected(3 * k_count);
    long double of_others = 0;
    for (std::size_t i = 0; i < g.lambda.size(); ++i) {
      expected[i % k_count] += g.lambda[i];
      expected[k_count + i % k_count] += std::lgamma(static_cast<long double>(g.lambda[i]));
      expected[2 * k_count + i % k_count] += std::max(0.0, g.statistics[i]) * log_topics[i];
      of_others += other[i] * log_topics[i];
    }
    expected.push_back(of_others);
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(got[i], static_cast<double>(expected[i]), 2e-13 * (1 + std::abs(static_cast<double>(expected[i]))))
          << "number " << i;
    for (std::size_t v = 0; v < size_of(c.n_words); ++v) {
      long double most = log_topics[v * k_count];
      for (std::size_t k = 0; k < k_count; ++k) most = std::max(most, log_topics[v * k_count + k]);
      const double shift = got[expected.size() + v];
      ASSERT_NEAR(shift, static_cast<double>(most), 1e-13 * (1 + std::abs(shift)));
      const double* const row = got.data() + expected.size() + size_of(c.n_words) + v * size_of(stride);
      for (std::size_t k = 0; k < size_of(stride); ++k) {
        const double value = k < k_count ? static_cast<double>(std::exp(log_topics[v * k_count + k] - most)) : 0;
        ASSERT_NEAR(row[k], value, (sizeof(T) == 4 ? 1e-7 : 1e-13) * (value + 1e-30)) << "number " << v << ", " << k;
      }
    }
  }
}

// Documents without words, with one, with fewer than a block has threads, and with more.
std::vector<std::vector<WordCount>> some_documents(std::int64_t n_words) {
  std::vector<std::vector<WordCount>> out = {{}, {{3, 2}}};
  for (const std::int64_t n : {std::int64_t{7}, std::int64_t{40}, n_words - 1}) {
    out.emplace_back();
    for (std::int64_t w = 0; w < n; ++w)
      out.back().push_back({static_cast<std::int32_t>(n_words / n * w), static_cast<std::int32_t>(1 + w * w % 5)});
  }
  std::swap(out[0], out[2]);
  return out;
}

template <class T>
struct Documents {
  // Each begins where a gap ends, as those of a corpus in another order do.
  Documents(const Globals& g, const std::vector<std::vector<WordCount>>& documents, const std::vector<double>& alphas)
      : given(documents), n_topics(g.n_topics), stride(stride_of<T>(g.n_topics)), alpha(alphas) {
    const std::vector<long double> logs = test::expected_log_topics(g.lambda, size_of(n_topics));
    for (std::int64_t v = 0; v < g.n_words; ++v) {
      const auto row = logs.begin() + v * n_topics;
      const long double most = *std::max_element(row, row + n_topics);
      shift.push_back(static_cast<double>(most));
      for (std::int64_t k = 0; k < stride; ++k)
        topics.push_back(k < n_topics ? static_cast<T>(std::exp(row[k] - most)) : T(0));
    }
    start.push_back(0);
    for (const auto& document : documents) {
      entries.push_back({-1, -1});
      first.push_back(static_cast<std::int64_t>(entries.size()));
      entries.insert(entries.end(), document.begin(), document.end());
      start.push_back(start.back() + static_cast<std::int64_t>(document.size()));
    }
    double sum = 0;
    for (const double a : alpha) {
      sum += a;
      log_normaliser -= std::lgamma(a);
    }
    log_normaliser += std::lgamma(sum);
  }

  struct Result {
    std::vector<T> gamma, theta, ratio;
    std::vector<double> value, expected_log;
    std::vector<std::int32_t> iterations;
  };
  // As numbers, one after the other.
  static std::vector<double> numbers(const Result& r) {
    std::vector<double> out;
    for (const auto* values : {&r.gamma, &r.theta, &r.ratio}) out.insert(out.end(), values->begin(), values->end());
    for (const auto* values : {&r.value, &r.expected_log}) out.insert(out.end(), values->begin(), values->end());
    out.insert(out.end(), r.iterations.begin(), r.iterations.end());
    return out;
  }

  Result run(const Launch& launch, std::int32_t usual_words, double tolerance, int most,
             const std::vector<double>& from = {1}, bool from_one = false) const {
    const std::int64_t n = static_cast<std::int64_t>(given.size());
    const DeviceArray<WordCount> all(entries.size());
    cudaMemcpyAsync(all.data(), entries.data(), entries.size() * sizeof(WordCount), cudaMemcpyHostToDevice);
    const DeviceArray<std::int64_t> firsts(first), starts(start);
    const DeviceArray<T> rows(topics), theta(size_of(n * stride)), ratio(size_of(start.back()));
    std::vector<T> begin;
    for (std::int64_t i = 0; i < n * stride; ++i)
      begin.push_back(static_cast<T>(from[size_of(i % stride) % from.size()]));
    const DeviceArray<T> gamma(begin);
    const DeviceArray<double> shifts(shift), alphas(alpha), value(size_of(n)), expected_log(size_of(n * n_topics));
    const DeviceArray<std::int32_t> iterations(size_of(n));
    launch_topic_documents<T>(launch, {.n_documents = n,
                                       .entries = all.data(),
                                       .first = firsts.data(),
                                       .start = starts.data(),
                                       .n_topics = n_topics,
                                       .stride = stride,
                                       .topics = rows.data(),
                                       .shift = shifts.data(),
                                       .alpha = alphas.data(),
                                       .log_normaliser = log_normaliser,
                                       .tolerance = tolerance,
                                       .max_iterations = most,
                                       .usual_words = usual_words,
                                       .from_one = from_one,
                                       .gamma = gamma.data(),
                                       .theta = theta.data(),
                                       .ratio = ratio.data(),
                                       .value = value.data(),
                                       .expected_log = expected_log.data(),
                                       .iterations = iterations.data()});
    return {gamma.on_host(), theta.on_host(),        ratio.on_host(),
            value.on_host(), expected_log.on_host(), iterations.on_host()};
  }

  std::vector<std::vector<WordCount>> given;
  std::int64_t n_topics, stride;
  std::vector<double> alpha, shift;
  std::vector<T> topics;
  std::vector<WordCount> entries;
  std::vector<std::int64_t> first, start;
  double log_normaliser = 0;
};

std::vector<double> some_alpha(std::int64_t n_topics) {
  std::vector<double> out;
  for (std::int64_t k = 0; k < n_topics; ++k) out.push_back(0.2 + 0.05 * static_cast<double>(k % 7));
  return out;
}

Launch with_shared(std::size_t bytes) {
  Launch launch;
  launch.shared_bytes = bytes;
  launch.most_blocks = 2;
  return launch;
}

TYPED_TEST(TopicKernels, DocumentsReachTheirOptimum) {
  using T = TypeParam;
  for (const std::int64_t n_topics : {1, 5, 50, 70, 130}) {
    SCOPED_TRACE(testing::Message() << n_topics << " topics");
    const std::int64_t n_words = n_topics > 100 ? 61 : 160;
    const Globals g(n_words, n_topics, false);
    const Documents<T> documents(g, some_documents(n_words), some_alpha(n_topics));
    const std::vector<long double> logs = test::expected_log_topics(g.lambda, size_of(n_topics));
    // In float the rule may stop an iteration earlier or later: there the iterations end by their number.
    const double tolerance = sizeof(T) == 4 ? 1e-30 : 0.02, near = sizeof(T) == 4 ? 3e-5 : 1e-12;
    const int most = n_topics == 5 ? 30 : 6;
    // The only topics of weight are other warps' than the first.
    std::vector<double> from(size_of(n_topics), 0.7);
    if (n_topics == 70) std::fill_n(from.begin(), 40, 1e-3);
    typename Documents<T>::Result got;
    simt::same_under_every_schedule([&] {
      got = documents.run({}, 50, tolerance, most, from);
      return Documents<T>::numbers(got);
    });
    for (std::size_t d = 0; d < documents.given.size(); ++d) {
      SCOPED_TRACE(testing::Message() << "document " << d);
      const test::Reference r =
          test::reference(documents.given[d], size_of(n_words), logs, documents.alpha, most, tolerance, from);
      if (sizeof(T) == 8) {
        EXPECT_EQ(got.iterations[d], r.iterations) << "number";
      } else {
        EXPECT_GE(got.iterations[d], 2) << "number";
      }
      ASSERT_NEAR(got.value[d], static_cast<double>(r.value), near * (1 + std::abs(static_cast<double>(r.value))));
      std::vector<double> e(size_of(n_topics));
      for (std::size_t k = 0; k < e.size(); ++k) {
        const auto gamma = static_cast<double>(r.gamma[k]);
        ASSERT_NEAR(got.gamma[d * size_of(documents.stride) + k], gamma, near * (1 + gamma)) << "number " << k;
        ASSERT_NEAR(got.expected_log[d * e.size() + k], static_cast<double>(r.expected_log[k]),
                    30 * near * (1 + 1 / gamma));
        e[k] = static_cast<double>(got.theta[d * size_of(documents.stride) + k]);
        // Times one number for all topics, of which none is large and the largest is not small.
        ASSERT_NEAR(std::log(e[k] / e[0]), static_cast<double>(r.expected_log[k] - r.expected_log[0]),
                    60 * near * (1 + 1 / gamma));
      }
      const double largest = *std::max_element(e.begin(), e.end());
      EXPECT_GT(largest, 0.01);
      EXPECT_LT(largest, 1e4 * static_cast<double>(1 + r.gamma[0]));
      for (std::int64_t k = n_topics; k < documents.stride; ++k)
        ASSERT_EQ(got.theta[d * size_of(documents.stride) + size_of(k)], T(0));
      for (std::size_t w = 0; w < documents.given[d].size(); ++w) {
        double nhat = 0;
        for (std::size_t k = 0; k < e.size(); ++k)
          nhat +=
              e[k] * static_cast<double>(documents.topics[size_of(documents.given[d][w].word * documents.stride) + k]);
        const double ratio = documents.given[d][w].count / nhat;
        ASSERT_NEAR(got.ratio[size_of(documents.start[d]) + w], ratio, near * ratio) << "number " << w;
      }
    }
  }
}

// No room for any row, for some, for all; and for not even a document's vectors of topics, with fewer blocks than documents.
TYPED_TEST(TopicKernels, WhatSharedMemoryHoldsChangesNoBit) {
  using T = TypeParam;
  for (const std::int64_t n_topics : {5, 50, 150}) {
    SCOPED_TRACE(testing::Message() << n_topics << " topics");
    const Globals g(90, n_topics, true);
    const Documents<T> documents(g, some_documents(90), some_alpha(n_topics));
    const std::vector<double> all = Documents<T>::numbers(documents.run({}, 1000, 1e-2, 8));
    for (const std::int32_t usual : {0, 1, 39, 41, 90})
      EXPECT_TRUE(simt::same_bits(Documents<T>::numbers(documents.run({}, usual, 1e-2, 8)), all)) << usual;
    for (const std::size_t bytes : {std::size_t{kTopicSlots * 8}, std::size_t{3000}}) {
      const auto got = simt::same_under_every_schedule(
          [&] { return Documents<T>::numbers(documents.run(with_shared(bytes), 100, 1e-2, 8)); });
      EXPECT_TRUE(simt::same_bits(got, all)) << bytes;
    }
    EXPECT_TRUE(simt::same_bits(Documents<T>::numbers(documents.run({}, 100, 1e-2, 8, {3}, true)), all));
  }
}

// Documents whose nhat no number of T holds.  Two topics that share no words: documents begin in the first one's, or what the second one's words
// say is made as small as need be.
template <class T>
struct Underflow {
  Underflow() : globals(4, 2, false) {
    globals.eta = 1e-6;
    globals.statistics = {9, 0, 7, 0, 0, 8, 0, 11};
    for (std::size_t i = 0; i < 8; ++i) globals.lambda[i] = globals.eta + globals.statistics[i];
  }
  // Of documents that are `bad`, and of the others.
  void expect(const std::vector<std::vector<WordCount>>& given, const std::vector<bool>& bad, double smallest, int most,
              const std::vector<double>& from, bool from_one) {
    Documents<T> documents(globals, given, {1e-6, 1e-6});
    const std::size_t stride = size_of(documents.stride);
    if (smallest > 0)
      for (std::size_t k = 0; k < 2; ++k) documents.topics[3 * stride + k] = static_cast<T>(smallest);
    typename Documents<T>::Result got;
    simt::same_under_every_schedule([&] {
      got = documents.run({}, 3, 1e-9, most, from, from_one);
      return Documents<T>::numbers(got);
    });
    for (std::size_t d = 0; d < bad.size(); ++d) {
      SCOPED_TRACE(testing::Message() << "document " << d);
      if (bad[d]) {
        EXPECT_EQ(got.iterations[d], -1) << "number";
        for (std::size_t k = 0; k < 2; ++k) {
          EXPECT_EQ(got.gamma[d * stride + k], static_cast<T>(from_one ? 1 : from[k % from.size()])) << "number";
          EXPECT_EQ(got.expected_log[d * 2 + k], 0) << "number";
        }
        for (std::size_t k = 0; k < stride; ++k) EXPECT_EQ(got.theta[d * stride + k], T(0)) << "number";
        for (std::int64_t w = documents.start[d]; w < documents.start[d + 1]; ++w)
          EXPECT_EQ(got.ratio[size_of(w)], T(0)) << "number";
      } else {
        EXPECT_GE(got.iterations[d], 1) << "number";
        EXPECT_TRUE(std::isfinite(got.value[d])) << "number";
        EXPECT_GT(got.theta[d * stride], T(0)) << "number";
      }
    }
  }
  Globals globals;
};

TYPED_TEST(TopicKernels, DocumentsThatTheArithmeticCannotHoldAreLeftAlone) {
  using T = TypeParam;
  const bool single = sizeof(T) == 4;
  for (const bool from_one : {false, true}) {
    SCOPED_TRACE(testing::Message() << "from one: " << from_one);
    // In the iterations and after them, with other documents before, between and behind.
    Underflow<T>().expect({{{0, 3}}, {{0, 50}, {3, 1}}, {}, {{0, 1}, {1, 1}}, {{0, 40}, {3, 2}}, {{0, 1}}},
                          {false, true, false, false, true, false}, single ? 1e-30 : 1e-250, 3, {0.8}, from_one);
    // After the last iteration alone: the largest weight becomes a little less.
    Underflow<T>().expect({{{0, 3}}, {{3, 1}}}, {false, true}, single ? 1e-20 / 13.5 : 1e-200 / 21.5, 1, {1}, from_one);
  }
  // In the first iteration alone.
  Underflow<T>().expect({{{0, 3}}, {{3, 1}}}, {false, true}, 0, 2, {50, 1e-6}, false);
}

TYPED_TEST(TopicKernels, StatisticsAreSumsOverPlaces) {
  using T = TypeParam;
  for (const std::int64_t n_topics : {1, 5, 50, 70, 600}) {
    SCOPED_TRACE(testing::Message() << n_topics << " topics");
    const std::int64_t stride = stride_of<T>(n_topics), n_documents = 23;
    std::mt19937_64 engine(5);
    const auto draws = [&](std::int64_t n) {
      std::vector<T> out;
      for (std::int64_t i = 0; i < n; ++i) out.push_back(static_cast<T>(std::gamma_distribution<double>(0.4)(engine)));
      return out;
    };
    // A word with none, with one, with as many places as there are slices and one more, and with many.
    const std::vector<std::int64_t> sizes = {0, 1, 130, 5, 0, 333, 17};
    std::vector<std::int64_t> start = {0};
    for (const std::int64_t n : sizes) start.push_back(start.back() + n);
    std::vector<WordPlace> places;
    for (std::int64_t i = 0; i < start.back(); ++i)
      places.push_back(
          {static_cast<std::int32_t>(i * 5 % n_documents), static_cast<std::int32_t>(i * 7 % start.back())});
    const auto n_words = static_cast<std::int64_t>(sizes.size());
    const std::vector<T> topics = draws(n_words * stride), theta = draws(n_documents * stride),
                         ratio = draws(start.back());
    std::vector<double> before(size_of(n_words * n_topics));
    for (std::size_t i = 0; i < before.size(); ++i) before[i] = static_cast<double>(i % 13);
    const DeviceArray<std::int64_t> starts(start);
    const DeviceArray<WordPlace> at(places.size());
    cudaMemcpyAsync(at.data(), places.data(), places.size() * sizeof(WordPlace), cudaMemcpyHostToDevice);
    const DeviceArray<T> rows(topics), thetas(theta), ratios(ratio);
    for (const bool adds : {true, false}) {
      const auto got = simt::same_under_every_schedule([&] {
        const DeviceArray<double> out(before);
        launch_topic_statistics<T>({}, {.n_words = n_words,
                                        .n_topics = n_topics,
                                        .stride = stride,
                                        .start = starts.data(),
                                        .places = at.data(),
                                        .topics = rows.data(),
                                        .theta = thetas.data(),
                                        .ratio = ratios.data(),
                                        .statistics = out.data(),
                                        .adds = adds});
        return out.on_host();
      });
      for (std::int64_t v = 0; v < n_words; ++v)
        for (std::int64_t k = 0; k < n_topics; ++k) {
          long double sum = 0;
          for (std::int64_t i = start[size_of(v)]; i < start[size_of(v) + 1]; ++i)
            sum += static_cast<long double>(ratio[size_of(places[size_of(i)].entry)]) *
                   theta[size_of(places[size_of(i)].document * stride + k)];
          sum *= topics[size_of(v * stride + k)];
          if (adds) sum += before[size_of(v * n_topics + k)];
          ASSERT_NEAR(got[size_of(v * n_topics + k)], static_cast<double>(sum), 1e-14 * static_cast<double>(sum))
              << "number " << v << ", " << k;
        }
    }
  }
}

}  // namespace
}  // namespace velbo::kernels

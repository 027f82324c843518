// ops/device.h - where the operations under test run: on the CPU, with VELBO_TEST_DEVICE=cuda on that device, or
// on the emulator of CUDA (tests/emulator) where its plugin is named too.  With VELBO_TEST_STREAMED, dense rows stay in host
// memory and go to the device in slabs.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/ops.h"
#include "backend/row_stream.h"
#include "cpu/isa.h"
#include "velbo/array.h"
#include "velbo/error.h"

namespace velbo::internal {

inline Device test_device() {
  const char* wanted = std::getenv("VELBO_TEST_DEVICE");
  return parse_device(wanted != nullptr ? wanted : "cpu");
}

inline bool on_cpu() { return test_device().kind == DeviceKind::cpu; }
// Where a plugin is named, it is the emulator: much slower than a device.
inline bool emulated() { return !on_cpu() && std::getenv("VELBO_CUDA_PLUGIN") != nullptr; }
inline bool streamed() { return !on_cpu() && std::getenv("VELBO_TEST_STREAMED") != nullptr; }

inline Context test_context(int threads = 1) { return Context(test_device(), threads); }

// Elements in the device's memory; on the CPU and the emulator not one more than there are, for the address sanitizer.
template <class T>
class OnDevice {
 public:
  explicit OnDevice(const std::vector<T>& values) {
    if (on_cpu()) {
      vector_ = std::make_shared<std::vector<T>>(values);
    } else {
      array_ = std::make_shared<Array<T>>(test_device(), static_cast<std::int64_t>(values.size()));
      array_->upload(values);
    }
  }
  // Elements that no operation has written.
  explicit OnDevice(std::size_t size) : OnDevice(std::vector<T>(size, static_cast<T>(-1))) {}

  [[nodiscard]] T* data() const { return vector_ ? vector_->data() : array_->data(); }
  [[nodiscard]] std::vector<T> host() const {
    if (vector_) return *vector_;
    std::vector<T> out(static_cast<std::size_t>(array_->size()));
    array_->download(out);
    return out;
  }

 private:
  std::shared_ptr<std::vector<T>> vector_;  // either
  std::shared_ptr<Array<T>> array_;
};

// Points `rows`, which have their sizes, to x and index in host memory: to be streamed in four slabs, the last of which is
// short, of four pieces each.
template <class E, class T>
void stream_from_host(const std::vector<E>& x, const std::vector<std::int64_t>& index, Rows<T>& rows,
                      std::vector<std::shared_ptr<void>>& kept) {
  const auto own_x = std::make_shared<std::vector<E>>(x);
  const auto own_index = std::make_shared<std::vector<std::int64_t>>(index);
  const std::int64_t row_bytes = device_stride<T>(rows.n_features) * static_cast<std::int64_t>(sizeof(T));
  const std::int64_t of_a_slab = (2 * rows.n_rows + 6) / 7, of_a_piece = (of_a_slab + 3) / 4;
  const StreamSizes sizes{.slab_bytes = of_a_slab * row_bytes, .piece_bytes = of_a_piece * row_bytes};
  const auto stream = std::make_shared<RowStream<T>>(test_device(), rows.n_rows, rows.n_features, sizes);
  rows.x = own_x->data();
  rows.host_index = index.empty() ? nullptr : own_index->data();
  rows.stream = stream.get();
  kept.insert(kept.end(), {own_x, own_index, stream});
}

// Whether this processor can run the instruction set that ctest asked for, if it did.
inline bool wanted_isa_runs() {
  const char* wanted = std::getenv("VELBO_CPU_ISA");
  if (wanted == nullptr) return true;
  const IsaTables tables = runnable_isa_tables();
  for (int i = 0; i < tables.count; ++i)
    if (tables.table[i]->name == wanted) return true;
  return false;
}

// Why the tests of operations cannot run here; empty if they can.
inline std::string why_not_here() {
  if (!wanted_isa_runs()) return std::string("this processor does not run x86-64-") + std::getenv("VELBO_CPU_ISA");
  try {
    static_cast<void>(test_context());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Skips where they cannot; the emulator is there wherever it is named.
class DeviceTest : public testing::Test {
 public:
  void SetUp() override {
    const std::string reason = why_not_here();
    if (!reason.empty() && emulated()) FAIL() << reason;
    if (!reason.empty()) GTEST_SKIP() << reason;
  }
};

// Of what a CUDA device alone does.
class CudaTest : public DeviceTest {
 public:
  void SetUp() override {
    if (on_cpu()) GTEST_SKIP() << "VELBO_TEST_DEVICE is not set";
    DeviceTest::SetUp();
  }
};

template <class T>
class OpsTest : public DeviceTest {
 public:
  static const Ops<T>& ops(const Context& context) { return context.ops<T>(); }
};
using Scalars = testing::Types<float, double>;

}  // namespace velbo::internal

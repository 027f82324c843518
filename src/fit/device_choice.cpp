// fit/device_choice.cpp
#include "fit/device_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "backend/cuda_ops.h"

namespace velbo::internal {
namespace {

// Rates, rounded, of what was measured on the CPU (docs/performance.md) and of data sheets for devices: they need only tell
// apart what differs several times over.
constexpr double kCpuOperations = 4e10;     // a second and thread, in the loops over rows
constexpr double kCudaOperations = 1.5e11;  // a second and multiprocessor: half the peak of one at 1.2 GHz in float
constexpr double kCudaBytes = 1.5e10;       // a second and multiprocessor, from device memory
constexpr double kCopiedBytes = 1e10;       // a second, from pageable host memory to the device
constexpr double kCudaFit = 0.02;           // seconds of a fit's launches, copies and waits
constexpr double kPasses = 4;               // over all rows, with the diagnosis
constexpr double kDoubleOnCuda = 2;         // times what float takes, where there are units for it
constexpr double kShortFit = 0.05;          // seconds on the CPU below which looking for devices would cost as much
constexpr double kMostOfMemory = 0.8;       // of what is free; the rest is for sums and the caller

double operations_of_a_row(double columns, bool full) { return 100 + 8 * columns + (full ? 3 * columns * columns : 0); }

}  // namespace

DeviceChoice choose_device(const GlmData& data, FamilyKind family, Scalar scalar, int threads) {
  const int used = threads > 0 ? threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const auto n = static_cast<double>(data.n_rows), d = static_cast<double>(data.n_columns);
  const double operations = n * operations_of_a_row(d, family == FamilyKind::full_rank);
  const double on_cpu = kPasses * operations / (kCpuOperations * used);
  if (on_cpu < kShortFit) return {{}, fmt::format("expected to take {:.2g} s there", on_cpu)};
  if (data.x.is_sparse()) return {{}, "sparse predictors are faster there"};

  DeviceChoice best;
  double least = on_cpu / 2;
  std::string why_not;
  for (const DeviceInfo& info : devices()) {
    if (info.device.kind != DeviceKind::cuda) continue;
    if (!info.usable) {
      why_not = info.reason;
      continue;
    }
    const bool is_float = scalar == Scalar::float32;
    const FeatureStore& x = data.x.store();
    const auto bytes = static_cast<double>(is_float ? device_bytes<float>(x) : device_bytes<double>(x));
    const auto free = static_cast<double>(cuda_memory(info.device.index).free);
    if (bytes > kMostOfMemory * free) {
      why_not = fmt::format("the rows need {:.3g} GB of {}, which has {:.3g} free", 1e-9 * bytes,
                            to_string(info.device), 1e-9 * free);
      continue;
    }
    const double rate = info.multiprocessors * (is_float ? 1.0 : 1.0 / kDoubleOnCuda);
    const double pass = std::max(operations / (kCudaOperations * rate), bytes / (kCudaBytes * info.multiprocessors));
    const double on_cuda = kCudaFit + bytes / kCopiedBytes + kPasses * pass;
    if (on_cuda >= least) {
      why_not =
          fmt::format("expected to take {:.2g} s there and {:.2g} s on {}", on_cpu, on_cuda, to_string(info.device));
      continue;
    }
    least = on_cuda;
    best.device = info.device;
    best.reason = fmt::format("expected to take {:.2g} s there and {:.2g} s on the cpu", on_cuda, on_cpu);
  }
  if (best.device.kind == DeviceKind::cpu) best.reason = why_not;
  return best;
}

}  // namespace velbo::internal

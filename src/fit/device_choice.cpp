// fit/device_choice.cpp
#include "fit/device_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "backend/cuda_ops.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

// Rates, rounded, of what was measured on the CPU (docs/performance.md) and of data sheets for devices: they need only tell
// apart what differs several times over.
constexpr double kCpuOperations = 4e10;     // a second and thread, in the loops over rows
constexpr double kCudaOperations = 1.5e11;  // a second and multiprocessor: half the peak of one at 1.2 GHz in float
constexpr double kCudaBytes = 1.5e10;       // a second and multiprocessor, from device memory
constexpr double kCopiedBytes = 2e10;       // a second, from pinned host memory to the device
constexpr double kPackedBytes = 3e9;        // a second and thread, into pinned memory by an index
constexpr double kCudaFit = 0.02;           // seconds of a fit's launches, copies and waits
constexpr double kPasses = 4;               // over all rows, with the diagnosis
constexpr double kDoubleOnCuda = 2;         // times what float takes, where there are units for it
constexpr double kShortFit = 0.05;          // seconds on the CPU below which looking for devices would cost as much
constexpr double kMostOfMemory = 0.8;       // of what is free; the rest is for sums and the caller

double operations_of_a_row(double columns, bool full) { return 100 + 8 * columns + (full ? 3 * columns * columns : 0); }

// Bytes of device memory that a fit takes: predictors, or two slabs of them; what else there is of each row; what
// operations keep of each while they run.  Sums come on top for a moment, of 0.2 GB at most.
std::int64_t bytes_needed(const GlmData& data, const Choices& choices, bool streamed) {
  const bool is_float = choices.scalar == Scalar::float32;
  const FeatureStore& x = data.x.store();
  const std::int64_t predictors = is_float ? device_bytes<float>(x, streamed) : device_bytes<double>(x, streamed);
  std::int64_t numbers = 3;  // a row: the outcome, two of curvature
  for (const auto* column : {&data.trials, &data.weights, &data.offset}) numbers += column->empty() ? 0 : 1;
  if (!streamed) numbers += 2 + (choices.rank > 0 ? choices.rank + 1 : 0);  // rho and c, products with the loadings
  return predictors + data.n_rows * numbers * static_cast<std::int64_t>(is_float ? sizeof(float) : sizeof(double));
}

}  // namespace

DeviceChoice choose_device(const GlmData& data, const Choices& so_far, int threads) {
  const int used = threads > 0 ? threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const auto n = static_cast<double>(data.n_rows), d = static_cast<double>(data.n_columns);
  const double operations = n * operations_of_a_row(d, so_far.family == FamilyKind::full_rank);
  const double on_cpu = kPasses * operations / (kCpuOperations * used);
  if (on_cpu < kShortFit) return {.device = {}, .reason = fmt::format("expected to take {:.2g} s there", on_cpu)};
  if (data.x.is_sparse()) return {.device = {}, .reason = "sparse predictors are faster there"};

  const bool is_float = so_far.scalar == Scalar::float32;
  const FeatureStore& x = data.x.store();
  const auto bytes = static_cast<double>(is_float ? device_bytes<float>(x, false) : device_bytes<double>(x, false));
  const double copy = bytes / std::min(kCopiedBytes, kPackedBytes * used);
  DeviceChoice best;
  double least = on_cpu / 2;
  std::string why_not;
  for (const DeviceInfo& info : devices()) {
    if (info.device.kind != DeviceKind::cuda) continue;
    if (!info.usable) {
      why_not = info.reason;
      continue;
    }
    const auto free = static_cast<double>(cuda_memory(info.device.index).free);
    const auto needed = [&](bool streamed) { return static_cast<double>(bytes_needed(data, so_far, streamed)); };
    const bool streamed = needed(false) > kMostOfMemory * free;
    const std::string memory = fmt::format("the rows need {:.3g} GB of the memory of {}, which has {:.3g} GB free",
                                           1e-9 * needed(false), to_string(info.device), 1e-9 * free);
    if (streamed && needed(true) > kMostOfMemory * free) {
      why_not = fmt::format("{}, and {:.3g} GB where they are streamed", memory, 1e-9 * needed(true));
      continue;
    }
    const double rate = info.multiprocessors * (is_float ? 1.0 : 1.0 / kDoubleOnCuda);
    const double pass = std::max(operations / (kCudaOperations * rate), bytes / (kCudaBytes * info.multiprocessors));
    const double on_cuda = kCudaFit + (streamed ? kPasses * std::max(pass, copy) : copy + kPasses * pass);
    if (on_cuda >= least) {
      why_not =
          fmt::format("expected to take {:.2g} s there and {:.2g} s on {}", on_cpu, on_cuda, to_string(info.device));
      if (streamed) why_not += ", with its rows streamed: " + memory;
      continue;
    }
    least = on_cuda;
    best = {info.device, streamed,
            fmt::format("expected to take {:.2g} s there and {:.2g} s on the cpu", on_cuda, on_cpu)};
    if (streamed) best.reason += ", with its rows streamed: " + memory;
  }
  if (best.device.kind == DeviceKind::cpu) best.reason = why_not;
  return best;
}

void require_room(const GlmData& data, const Choices& choices) {
  require_usable(choices.device);
  if (choices.device.kind == DeviceKind::cpu) return;
  const std::int64_t needed = bytes_needed(data, choices, choices.streamed);
  const CudaMemory memory = cuda_memory(choices.device.index);
  if (needed <= memory.free) return;
  throw Error(
      ErrorCode::memory,
      fmt::format("{}: the {} rows need {} bytes of device memory, of which {} are free (of {}); device auto streams "
                  "rows that do not fit, or takes the cpu",
                  to_string(choices.device), data.n_rows, needed, memory.free, memory.total));
}

}  // namespace velbo::internal

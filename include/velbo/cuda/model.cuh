// velbo/cuda/model.cuh - a velbo::Model on a CUDA device: its parameters' density and those of its plates' rows, compiled by nvcc from
// the source that g++ compiles for the host.
//
//   struct Prior { template <class T> VELBO_HOST_DEVICE T operator()(const T* theta) const; };
//   struct Switches { template <class R, class T> VELBO_HOST_DEVICE T operator()(const R* row, const T* latent) const; };
//
//   velbo::Model model({velbo::real("alpha"), velbo::real("beta", {2})}, Prior{}, {wells});
//   velbo::CudaModel<float, Prior, velbo::CudaRows<3, Switches>> device(model, Prior{}, {Switches{}});
//   model.run_on(device.boundary());   // device must outlive the fits
//
// Draws and rows are worked on in parallel: a thread differentiates rows at one draw, a warp adds them up by shuffles, and
// what groups of rows share is gathered from lists: the same bits every time, without atomics.  Derivatives are T, sums double.
// Functors go to the device by value, so they are trivially copyable; pointers in them are to device memory and the caller's.
#pragma once
#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "velbo/cuda/model_kernels.cuh"
#include "velbo/device_model.h"
#include "velbo/error.h"
#include "velbo/model.h"

namespace velbo {

// The density of one plate's rows, which read K latents.
template <int K, class Density>
struct CudaRows {
  static_assert(K >= 1 && K <= static_cast<int>(kMostRowLatents), "a row reads 1 to 16 latents");
  static_assert(std::is_trivially_copyable_v<Density>, "the functor is copied to the device as the bytes that it is");
  Density density;

  CudaRows(Density of_rows) : density(of_rows) {}  // NOLINT(google-explicit-constructor): {Density{}} will do
};

namespace internal {

// Device memory of the device that is current.  Throws Error(memory), Error(device).
class CudaBytes {
 public:
  CudaBytes() = default;
  explicit CudaBytes(std::size_t bytes, const void* from = nullptr) {
    if (bytes == 0) return;
    if (const cudaError_t error = cudaMalloc(&memory_, bytes); error != cudaSuccess) {
      (void)cudaGetLastError();
      throw Error(error == cudaErrorMemoryAllocation ? ErrorCode::memory : ErrorCode::device,
                  "a model's " + std::to_string(bytes) + " bytes of device memory: " + cudaGetErrorString(error));
    }
    if (from == nullptr) return;
    cudaError_t error = cudaMemcpyAsync(memory_, from, bytes, cudaMemcpyHostToDevice, nullptr);
    if (error == cudaSuccess) error = cudaStreamSynchronize(nullptr);
    if (error != cudaSuccess) {
      (void)cudaFree(memory_);
      throw Error(ErrorCode::device,
                  std::string("a model's data could not be copied to the device: ") + cudaGetErrorString(error));
    }
  }
  CudaBytes(CudaBytes&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  CudaBytes& operator=(CudaBytes&& other) noexcept {
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~CudaBytes() { (void)cudaFree(memory_); }

  template <class X>
  [[nodiscard]] const X* as() const {
    return static_cast<const X*>(memory_);
  }

 private:
  void* memory_ = nullptr;
};

template <class X>
CudaBytes uploaded_to_device(const std::vector<X>& values) {
  return CudaBytes(values.size() * sizeof(X), values.data());
}

// A plate's rows on the device, and for those of its latents that differ between rows the rows that read each element.
template <class Row>
struct CudaPlate {
  CudaBytes data, element, owner, first_entry, entry;
  DevicePlate<Row> view{};

  explicit CudaPlate(const PlateRows& rows) {
    const auto n_latents = static_cast<std::int64_t>(rows.element.size());
    view.n_rows = rows.n_rows;
    view.n_columns = rows.n_columns;
    std::vector<Row> numbers;
    for (std::int64_t i = 0; i < rows.n_rows * rows.n_columns; ++i) numbers.push_back(static_cast<Row>(rows.data[i]));
    std::vector<std::int64_t> all, owners, first{0}, entries;
    std::vector<std::pair<std::int64_t, std::int64_t>> readers;  // of an element: where a row's derivative lies
    for (std::int64_t k = 0; k < n_latents; ++k) {
      const auto at = static_cast<std::size_t>(k);
      view.first_element[k] = static_cast<std::int64_t>(all.size());
      const std::int64_t n = rows.of_each_row[at] ? rows.n_rows : 1;
      all.insert(all.end(), rows.element[at], rows.element[at] + n);
      view.place[k] = -1;
      if (!rows.of_each_row[at]) continue;
      view.place[k] = view.n_places;
      for (std::int64_t r = 0; r < n; ++r) readers.emplace_back(rows.element[at][r], view.n_places * rows.n_rows + r);
      ++view.n_places;
    }
    std::sort(readers.begin(), readers.end());
    for (const auto& [of, where] : readers) {
      if (owners.empty() || owners.back() != of) {
        if (!owners.empty()) first.push_back(static_cast<std::int64_t>(entries.size()));
        owners.push_back(of);
      }
      entries.push_back(where);
    }
    first.push_back(static_cast<std::int64_t>(entries.size()));
    data = uploaded_to_device(numbers);
    element = uploaded_to_device(all);
    owner = uploaded_to_device(owners);
    first_entry = uploaded_to_device(first);
    entry = uploaded_to_device(entries);
    view.data = data.template as<Row>();
    view.element = element.template as<std::int64_t>();
    view.owner = owner.template as<std::int64_t>();
    view.first_entry = first_entry.template as<std::int64_t>();
    view.entry = entry.template as<std::int64_t>();
    view.n_owners = static_cast<std::int64_t>(owners.size());
  }
};

// Floats where the density takes rows of them, which halves what is read.
template <class T, class Density>
using RowOf = std::conditional_t<std::is_invocable_v<const Density&, const T*, const T*>, T, double>;

template <class T, class Rows>
struct CudaPlateOf;
template <class T, int K, class Density>
struct CudaPlateOf<T, CudaRows<K, Density>> {
  using Row = RowOf<T, Density>;
  static constexpr int kLatents = K;
};

}  // namespace internal

// T: float or double.  Plates: a CudaRows for each plate of the model, in their order.
template <class T, class LogDensity, class... Plates>
class CudaModel {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "T is float or double");
  static_assert(std::is_trivially_copyable_v<LogDensity>,
                "the functor is copied to the device as the bytes that it is");

 public:
  // Copies the rows to the device that is current.  Throws Error(argument) where the plates are not those of the model, Error(memory),
  // Error(device).
  CudaModel(const Model& model, LogDensity log_density, Plates... plates)
      : CudaModel(model.parameters().blocks(), model.plate_rows(), log_density, plates...) {}
  // The same from what a model consists of.
  CudaModel(std::vector<ParameterBlock> blocks, const std::vector<PlateRows>& rows, LogDensity log_density,
            Plates... plates)
      : log_density_(log_density), densities_(plates...) {
    if (rows.size() != sizeof...(Plates))
      throw Error(ErrorCode::argument, "the model has " + std::to_string(rows.size()) +
                                           " plates, but the device was given densities of " +
                                           std::to_string(sizeof...(Plates)));
    parameters_.n_blocks = static_cast<std::int64_t>(blocks.size());
    for (const ParameterBlock& block : blocks) {
      const std::int64_t n_z = transform::n_unconstrained(block.constraint, block.size);
      const std::int64_t n_theta = transform::n_constrained(block.constraint, block.size);
      parameters_.n_z += block.count * n_z;
      parameters_.n_theta += block.count * n_theta;
      parameters_.most_z = std::max(parameters_.most_z, n_z);
      parameters_.most_theta = std::max(parameters_.most_theta, n_theta);
    }
    blocks_ = internal::uploaded_to_device(blocks);
    parameters_.blocks = blocks_.as<ParameterBlock>();
    upload(rows, std::index_sequence_for<Plates...>());
  }

  // To be used as long as this object is where it is.
  [[nodiscard]] VelboDeviceModel boundary() {
    VelboDeviceModel out{};
    out.abi = VELBO_DEVICE_MODEL_ABI;
    out.struct_bytes = sizeof(VelboDeviceModel);
    out.scalar = std::is_same_v<T, float> ? VELBO_SCALAR_FLOAT : VELBO_SCALAR_DOUBLE;
    out.dimension = parameters_.n_z;
    out.user = this;
    out.workspace_bytes = workspace_bytes;
    out.enqueue = enqueue;
    out.reason = reason;
    return out;
  }

 private:
  template <std::size_t... I>
  void upload(const std::vector<PlateRows>& rows, std::index_sequence<I...>) {
    const auto check = [&](std::size_t i, int expected) {
      if (static_cast<int>(rows[i].element.size()) != expected)
        throw Error(ErrorCode::argument, "a row of plate " + std::to_string(i) + " reads " +
                                             std::to_string(rows[i].element.size()) +
                                             " latents, but its density for the device " + std::to_string(expected));
    };
    (check(I, internal::CudaPlateOf<T, Plates>::kLatents), ...);
    ((std::get<I>(plates_) =
          std::make_unique<internal::CudaPlate<typename internal::CudaPlateOf<T, Plates>::Row>>(rows[I])),
     ...);
  }

  // Places in the workspace of S draws.
  [[nodiscard]] internal::DeviceWork<T> work(std::int64_t n_draws, void* workspace, std::int64_t* bytes) const {
    internal::WorkspaceCursor cursor{static_cast<unsigned char*>(workspace)};
    internal::DeviceWork<T> out;
    out.n_draws = n_draws;
    out.theta = cursor.take<T>(n_draws * parameters_.n_theta);
    out.gradient = cursor.take<double>(n_draws * parameters_.n_theta);
    out.value = cursor.take<double>(n_draws);
    out.variables = cursor.take<internal::DeviceVariable<T>>(n_draws * parameters_.n_theta);
    out.steps = cursor.take<Dual<T, 1>>(n_draws * (parameters_.most_z + parameters_.most_theta));
    std::int64_t partials = 0, derivatives = 0;
    std::apply(
        [&](const auto&... plate) {
          ((partials = std::max(partials, internal::n_partials(plate->view)),
            derivatives = std::max(derivatives, plate->view.n_places * plate->view.n_rows)),
           ...);
        },
        plates_);
    out.partials = cursor.take<double>(n_draws * partials * (1 + static_cast<std::int64_t>(kMostRowLatents)));
    out.derivatives = cursor.take<T>(n_draws * derivatives);
    *bytes = cursor.bytes;
    return out;
  }

  static std::int64_t workspace_bytes(void* user, std::int64_t n_draws) {
    std::int64_t bytes = 0;
    (void)static_cast<const CudaModel*>(user)->work(n_draws, nullptr, &bytes);
    return bytes;
  }

  // The status is the launch's cudaError_t.
  static int enqueue(void* user, void* stream, std::int64_t n_draws, const void* z, void* logp, void* grad,
                     void* workspace) {
    const auto& model = *static_cast<const CudaModel*>(user);
    std::int64_t bytes = 0;
    internal::DeviceWork<T> work = model.work(n_draws, workspace, &bytes);
    work.z = static_cast<const T*>(z);
    work.logp = static_cast<T*>(logp);
    work.grad = static_cast<T*>(grad);
    cudaError_t error = internal::launch_draws(stream, n_draws, internal::parameters_kernel<T, LogDensity>,
                                               model.log_density_, model.parameters_, work);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((error = error == cudaSuccess
                    ? model.enqueue_rows(stream, std::get<I>(model.densities_), std::get<I>(model.plates_)->view, work)
                    : error),
       ...);
    }
    (std::index_sequence_for<Plates...>());
    if (error == cudaSuccess)
      error = internal::launch_draws(stream, n_draws, internal::pull_back_kernel<T>, model.parameters_, work);
    if (error != cudaSuccess) (void)cudaGetLastError();  // or an innocent later call of this binary would report it
    return static_cast<int>(error);
  }

  template <int K, class Density, class Row>
  cudaError_t enqueue_rows(void* stream, const CudaRows<K, Density>& rows, const internal::DevicePlate<Row>& plate,
                           const internal::DeviceWork<T>& work) const {
    cudaError_t error = internal::launch_warps(stream, internal::n_partials(plate), work.n_draws,
                                               internal::rows_kernel<T, K, Density, Row>, rows.density, plate,
                                               parameters_.n_theta, work);
    if (error == cudaSuccess && work.grad != nullptr && plate.n_owners > 0)
      error = internal::launch_warps(stream, plate.n_owners, work.n_draws, internal::gather_kernel<T, Row>, plate,
                                     parameters_.n_theta, work);
    if (error == cudaSuccess)
      error = internal::launch_warps(stream, 1, work.n_draws, internal::totals_kernel<T, K, Row>, plate,
                                     parameters_.n_theta, work);
    return error;
  }

  static const char* reason(void*, int status) { return cudaGetErrorString(static_cast<cudaError_t>(status)); }

  LogDensity log_density_;
  std::tuple<Plates...> densities_;
  std::tuple<std::unique_ptr<internal::CudaPlate<typename internal::CudaPlateOf<T, Plates>::Row>>...> plates_;
  internal::CudaBytes blocks_;
  internal::DeviceParameters parameters_;
};

}  // namespace velbo

// backend/cuda_mixtures.cpp
#include "backend/cuda_mixtures.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "backend/cuda_ops.h"
#include "backend/device_mixtures.h"
#include "backend/row_stream.h"
#include "velbo/array.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr double kMostOfMemory = 0.8;  // of what is free, for rows; the rest is for responsibilities, sums and others

template <class T>
const DeviceMixtures<T>& table() {
  const VelboCudaPlugin& plugin = required_cuda_plugin();
  return *static_cast<const DeviceMixtures<T>*>(sizeof(T) == sizeof(float) ? plugin.mixtures_float
                                                                           : plugin.mixtures_double);
}

template <class T>
constexpr Element element_of() {
  return sizeof(T) == sizeof(float) ? Element::float32 : Element::float64;
}

const void* row_of(const MixtureRows& rows, std::int64_t n) {
  const std::int64_t bytes = rows.element == Element::float32 ? sizeof(float) : sizeof(double);
  return static_cast<const unsigned char*>(rows.x) + n * rows.stride * bytes;
}

// Rows of a CUDA device, or the way there.
template <class T>
class DeviceRows final : public PreparedMixtureRows {
 public:
  DeviceRows(const Context& context, const MixtureRows& rows, std::int64_t n_rows)
      : rows_(rows),
        threads_(context.threads()),
        slab_rows_(RowStream<T>::slab_rows(n_rows, rows.n_columns)),
        centre_(rows.centre, rows.centre + rows.n_columns),
        inverse_scale_(rows.inverse_scale, rows.inverse_scale + rows.n_columns) {
    const Device device = context.device();
    if (rows.weights != nullptr) {
      weights_ = Array<T>(device, n_rows);
      weights_.upload(std::vector<T>(rows.weights, rows.weights + n_rows));
    }
    if (context.streams_rows() || !keep(device, n_rows))
      stream_ = std::make_unique<RowStream<T>>(device, n_rows, rows.n_columns, stream_sizes(), inverse_scale_.data());
  }

  // work(slab, first): row n of `slab` is row begin + first + n.
  template <class Work>
  void for_each_slab(std::int64_t begin, std::int64_t end, const Work& work) const {
    if (stream_) {
      stream_->for_each_slab(on_host(begin, end), threads_, work);
      return;
    }
    Rows<T> slab = on_host(begin, end);
    slab.x = z_.data();
    slab.element = element_of<T>();
    slab.stride = device_stride<T>(rows_.n_columns);
    slab.centre = nullptr;
    for (std::int64_t first = 0; first < end - begin; first += slab_rows_) {
      slab.first_row = begin + first;
      slab.n_rows = std::min(slab_rows_, end - begin - first);
      work(slab, first);
    }
  }

 private:
  [[nodiscard]] Rows<T> on_host(std::int64_t begin, std::int64_t end) const {
    Rows<T> out;
    out.x = row_of(rows_, begin);
    out.element = rows_.element;
    out.stride = rows_.stride;
    out.centre = centre_.data();
    out.n_features = rows_.n_columns;
    out.weights = weights_.data();
    out.first_row = begin;
    out.n_rows = end - begin;
    return out;
  }
  // False where there is no room.
  bool keep(Device device, std::int64_t n_rows) {
    const std::int64_t stride = device_stride<T>(rows_.n_columns);
    const std::int64_t row_bytes = stride * static_cast<std::int64_t>(sizeof(T));
    const auto free = static_cast<double>(cuda_memory(device.index).free);
    if (static_cast<double>(n_rows) * static_cast<double>(row_bytes) > kMostOfMemory * free) return false;
    try {
      z_ = Array<T>(device, n_rows * stride);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::memory) throw;
      return false;
    }
    RowUpload upload(device, n_rows, row_bytes, stream_sizes().piece_bytes, inverse_scale_.data());
    upload.copy(on_host(0, n_rows), 0, n_rows, threads_, z_.data());
    return true;
  }

  MixtureRows rows_;
  int threads_;
  std::int64_t slab_rows_;
  std::vector<double> centre_, inverse_scale_;
  Array<T> z_, weights_;
  std::unique_ptr<RowStream<T>> stream_;  // where z_ is not there
};

template <class T>
std::shared_ptr<const PreparedMixtureRows> prepare(const Context& context, const MixtureRows& rows,
                                                   std::int64_t n_rows) {
  return std::make_shared<const DeviceRows<T>>(context, rows, n_rows);
}

template <class T>
class Pass {
 public:
  Pass(const Context& context, std::int64_t n_columns, const MixtureParameters& p, bool wants_sums) {
    require_cuda(table<T>().open(context.device().index, n_columns, &p, wants_sums, &pass_));
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  ~Pass() { table<T>().close(pass_); }
  void run(const Rows<T>& rows, const MixtureLocals& locals) { require_cuda(table<T>().run(pass_, &rows, &locals)); }
  double totals(const MixtureSums& sums) {
    double value = 0;
    require_cuda(table<T>().totals(pass_, &sums, &value));
    return value;
  }

 private:
  void* pass_ = nullptr;
};

template <class T>
double local_step(const Context& context, const MixtureRows& rows, std::int64_t begin, std::int64_t end,
                  const MixtureParameters& p, const MixtureSums& sums, const MixtureLocals& locals) {
  if (end <= begin) return 0;
  if (rows.prepared == nullptr) {  // these rows alone
    MixtureRows own = rows;
    own.x = row_of(rows, begin);
    if (rows.weights != nullptr) own.weights = rows.weights + begin;
    const auto kept = prepare<T>(context, own, end - begin);
    own.prepared = kept.get();
    return local_step<T>(context, own, 0, end - begin, p, sums, locals);
  }
  MixtureParameters parameters = p;
  if (locals.given != nullptr) parameters.whitening = nullptr;
  Pass<T> pass(context, rows.n_columns, parameters, sums.count != nullptr);
  const std::int64_t k = p.n_components;
  static_cast<const DeviceRows<T>*>(rows.prepared)
      ->for_each_slab(begin, end, [&](const Rows<T>& slab, std::int64_t first) {
        MixtureLocals here = locals;
        if (here.given != nullptr) here.given += first * k;
        if (here.responsibilities != nullptr) here.responsibilities += first * k;
        if (here.log_normaliser != nullptr) here.log_normaliser += first;
        pass.run(slab, here);
      });
  return pass.totals(sums);
}

}  // namespace

template <class T>
const MixtureOps<T>& cuda_mixture_ops() {
  static constexpr MixtureOps<T> of_cuda{.prepare = prepare<T>, .local_step = local_step<T>};
  return of_cuda;
}
template const MixtureOps<float>& cuda_mixture_ops();
template const MixtureOps<double>& cuda_mixture_ops();

}  // namespace velbo::internal

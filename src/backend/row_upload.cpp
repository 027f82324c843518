// backend/row_upload.cpp
#include "backend/row_upload.h"

#include <algorithm>

#include "backend/cuda_ops.h"
#include "cpu/parallel.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kBytesWorthAThread = std::int64_t{1} << 20;

// Row `from` [n_features] as a device keeps it, [stride]; what pads it is zeros.
template <class E, class T>
void pack_row(const E* from, const Rows<T>& rows, const double* inverse_scale, std::int64_t stride, T* to) {
  const std::int64_t n = rows.n_features;
  if (inverse_scale != nullptr) {
    for (std::int64_t j = 0; j < n; ++j)
      to[j] = static_cast<T>((static_cast<double>(from[j]) - (rows.centre != nullptr ? rows.centre[j] : 0)) *
                             inverse_scale[j]);
  } else if (rows.centre != nullptr) {
    for (std::int64_t j = 0; j < n; ++j) to[j] = static_cast<T>(static_cast<double>(from[j]) - rows.centre[j]);
  } else {
    for (std::int64_t j = 0; j < n; ++j) to[j] = static_cast<T>(from[j]);
  }
  std::fill(to + n, to + stride, T(0));
}

template <class T>
void pack(const Rows<T>& rows, const double* inverse_scale, std::int64_t first, std::int64_t end, std::int64_t stride,
          T* to) {
  for (std::int64_t n = first; n < end; ++n, to += stride) {
    const std::int64_t at = (rows.host_index != nullptr ? rows.host_index[n] : n) * rows.stride;
    if (rows.element == Element::float32) {
      pack_row(static_cast<const float*>(rows.x) + at, rows, inverse_scale, stride, to);
    } else {
      pack_row(static_cast<const double*>(rows.x) + at, rows, inverse_scale, stride, to);
    }
  }
}

}  // namespace

HostMemory::HostMemory(Device device, std::int64_t bytes)
    : device_(device),
      pinned_(cuda_allocate_pinned(device.index, bytes)),
      pageable_(pinned_ != nullptr ? 0 : static_cast<std::size_t>(bytes)) {}
HostMemory::~HostMemory() { cuda_release_pinned(device_.index, pinned_); }

RowUpload::RowUpload(Device device, std::int64_t n_rows, std::int64_t row_bytes, std::int64_t piece_bytes,
                     const double* inverse_scale)
    : device_(device),
      rows_of_a_piece_(std::max<std::int64_t>(1, std::min(n_rows, piece_bytes / std::max<std::int64_t>(1, row_bytes)))),
      inverse_scale_(inverse_scale),
      pieces_{HostMemory(device, rows_of_a_piece_ * row_bytes), HostMemory(device, rows_of_a_piece_ * row_bytes)} {}

template <class T>
void RowUpload::copy(const Rows<T>& rows, std::int64_t first, std::int64_t count, int threads, T* to) {
  const std::int64_t stride = device_stride<T>(rows.n_features);
  const std::int64_t row_bytes = stride * static_cast<std::int64_t>(sizeof(T));
  if (row_bytes == 0) return;
  std::size_t turn = 0;
  for (std::int64_t done = 0; done < count; done += rows_of_a_piece_, turn = 1 - turn) {
    const std::int64_t some = std::min(rows_of_a_piece_, count - done);
    T* const piece = static_cast<T*>(pieces_[turn].data());
    const std::int64_t shares = std::clamp<std::int64_t>(some * row_bytes / kBytesWorthAThread, 1, threads);
    parallel_for(shares, threads, [&](std::int64_t i, int) {
      const std::int64_t begin = some * i / shares, end = some * (i + 1) / shares;
      pack(rows, inverse_scale_, first + done + begin, first + done + end, stride, piece + begin * stride);
    });
    cuda_finish(device_.index);  // the other piece, which is filled next
    cuda_start_upload(device_.index, to + done * stride, piece, some * row_bytes);
  }
  cuda_finish(device_.index);
}

template void RowUpload::copy<float>(const Rows<float>&, std::int64_t, std::int64_t, int, float*);
template void RowUpload::copy<double>(const Rows<double>&, std::int64_t, std::int64_t, int, double*);

}  // namespace velbo::internal

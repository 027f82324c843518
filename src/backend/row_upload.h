// backend/row_upload.h - brings dense rows from host memory to a CUDA device: by index or in order, converted, centred and
// padded by the host's threads, while the device copies what was made before.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/rows.h"
#include "velbo/device.h"

namespace velbo::internal {

// Elements from one row to the next on a device: whole 16 bytes, what a kernel's copy moves at once.
template <class T>
constexpr std::int64_t device_stride(std::int64_t n_features) {
  constexpr std::int64_t lanes = 16 / static_cast<std::int64_t>(sizeof(T));
  return (n_features + lanes - 1) / lanes * lanes;
}

// Large enough to copy at full speed, small enough that a kernel's own few numbers do not wait long between two of them.
inline constexpr std::int64_t kPieceBytes = std::int64_t{16} << 20;

// Memory of the host that a device copies from: pinned, or pageable where no more can be pinned.
class HostMemory {
 public:
  HostMemory(Device device, std::int64_t bytes);
  ~HostMemory();
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  [[nodiscard]] void* data() { return pinned_ != nullptr ? pinned_ : pageable_.data(); }
  [[nodiscard]] bool is_pinned() const { return pinned_ != nullptr; }

 private:
  Device device_;
  void* pinned_;
  std::vector<std::byte> pageable_;
};

// Two pieces of host memory: one is filled while the device copies the other.  Used by one thread at a time.
class RowUpload {
 public:
  // For up to n_rows rows of row_bytes each, as they are on the device.
  // inverse_scale [n_features]: what rows are multiplied with after their centre is taken off; nullptr: ones.
  RowUpload(Device device, std::int64_t n_rows, std::int64_t row_bytes, std::int64_t piece_bytes = kPieceBytes,
            const double* inverse_scale = nullptr);

  // Rows first <= n < first + count of `rows`, read by host_index where there is one, minus centre, as T, into device
  // memory to [count, device_stride]; all there when it returns.  Throws Error(device) where a copy fails.
  template <class T>
  void copy(const Rows<T>& rows, std::int64_t first, std::int64_t count, int threads, T* to);

 private:
  Device device_;
  std::int64_t rows_of_a_piece_;
  const double* inverse_scale_;
  std::array<HostMemory, 2> pieces_;
};

}  // namespace velbo::internal

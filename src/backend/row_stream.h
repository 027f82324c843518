// backend/row_stream.h - rows whose predictors stay in host memory, brought to a CUDA device slab by slab: while the
// device works on one, the next is packed and copied (backend/row_upload.h).
//
// A pass over such rows is a pass over each slab, and its sums are the slabs' sums, added in order in double.  Slabs are cut
// by the size of a row alone, never by free memory: the same bits on every run and for any number of threads.  They
// differ in rounding from those of a resident pass, which cuts all rows at once, unless there is but one slab.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <mutex>

#include "backend/row_upload.h"
#include "velbo/array.h"

namespace velbo::internal {

// Large enough that what a slab costs besides (launches, its sums) is little beside its copy.
inline constexpr std::int64_t kSlabBytes = std::int64_t{64} << 20;

struct StreamSizes {
  std::int64_t slab_bytes = kSlabBytes;
  std::int64_t piece_bytes = kPieceBytes;
};
// Those of streams to come.  Tests of whole fits make them small, before there are threads; nobody else changes them.
StreamSizes& stream_sizes();

// The memory that a model's rows are streamed through.  One pass at a time: others wait, for the bus is shared anyway.
template <class T>
class RowStream {
 public:
  // For rows out of n_rows stored ones; inverse_scale as RowUpload has it.  Throws Error(memory) where the device has no room for two
  // slabs.
  RowStream(Device device, std::int64_t n_rows, std::int64_t n_features, const StreamSizes& sizes = stream_sizes(),
            const double* inverse_scale = nullptr);

  // work(slab, first) for one slab after another: row n of `slab`, which is as the plugin's operations take rows, is row
  // first + n of `rows`.  No rows are one slab of none.  What is thrown on either side ends both.
  void for_each_slab(const Rows<T>& rows, int threads, const std::function<void(const Rows<T>&, std::int64_t)>& work);

  // How many rows a slab has, at most.
  static std::int64_t slab_rows(std::int64_t n_rows, std::int64_t n_features, const StreamSizes& = stream_sizes());
  // Bytes of device memory.
  static std::int64_t device_bytes(std::int64_t n_rows, std::int64_t n_features, const StreamSizes& = stream_sizes());

 private:
  std::mutex mutex_;
  std::int64_t rows_of_a_slab_;
  RowUpload upload_;
  std::array<Array<T>, 2> slabs_;
};

}  // namespace velbo::internal

// row_panel.cuh - brings rows of data, or some of their columns, into shared memory.
//
// A panel is kRows x columns numbers of type T, row r at panel + r * leading; columns are a multiple of kLanes<T>, leading an
// odd number of vectors, so that the same column of eight neighbouring rows lies in different banks.  Rows past the end
// and columns past D are zeros; the column of ones is made here.
#pragma once
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "backend/rows.h"
#include "simt.cuh"

namespace velbo::kernels {

using internal::Element;
using internal::Rows;

constexpr int kThreads = 256;  // of a block of every kernel over rows
constexpr int kWarps = kThreads / 32;

// Blocks of a multiprocessor that the compiler leaves registers for.  Said at all, and no more for the elements that
// take two registers, it spills none.
template <class T>
constexpr int kBlocksWanted = sizeof(T) == sizeof(float) ? 2 : 1;

// Whether X is among the types of a std::tuple.
template <class X, class List>
constexpr bool kListed = false;
template <class X, class... Listed>
constexpr bool kListed<X, std::tuple<Listed...>> = (std::is_same_v<X, Listed> || ...);

// Elements of the 16 bytes that one instruction moves.
template <class T>
constexpr int kLanes = 16 / static_cast<int>(sizeof(T));

template <class T>
struct alignas(16) Lanes {
  T of[kLanes<T>];
};
template <class T>
__device__ __forceinline__ Lanes<T> load(const T* p) {
  return *reinterpret_cast<const Lanes<T>*>(p);
}

template <class T>
VELBO_HD constexpr int leading_of(int columns) {
  return ((columns / kLanes<T>) | 1) * kLanes<T>;
}

// How elements get from global to shared memory.
enum class Copying : std::int32_t {
  vectors,   // 16 bytes at a time, asynchronously
  elements,  // one at a time, asynchronously: rows that are not aligned
  convert,   // through registers: another element type, or a centre
  scatter,   // entries of sparse rows
};

template <class T>
Copying copying_of(const Rows<T>& rows) {
  if (rows.row_start != nullptr) return Copying::scatter;
  if (rows.element != (sizeof(T) == sizeof(float) ? Element::float32 : Element::float64) || rows.centre != nullptr)
    return Copying::convert;
  const bool aligned = reinterpret_cast<std::uintptr_t>(rows.x) % 16 == 0 && rows.stride % kLanes<T> == 0;
  return aligned ? Copying::vectors : Copying::elements;
}

// Rows as kernels take them: every pointer, `centre` too, is device memory.
template <class T>
struct RowSource {
  Rows<T> rows;
  Copying copying;

  __device__ __forceinline__ std::int64_t stored(std::int64_t n) const {
    return rows.index != nullptr ? rows.index[n] : rows.first_row + n;
  }
  // Row n of dense x.
  __device__ __forceinline__ std::int64_t of_x(std::int64_t n) const { return rows.packed ? n : stored(n); }
};

// What a column without data holds: one for the intercept, zero behind it.
template <class T>
__device__ __forceinline__ T constant_column(const Rows<T>& rows, std::int64_t column, bool valid) {
  return valid && rows.intercept && column == rows.n_features ? T(1) : T(0);
}

template <class T>
__device__ __forceinline__ T converted(const Rows<T>& rows, std::int64_t row, std::int64_t column) {
  const std::int64_t at = row * rows.stride + column;
  const double x = rows.element == Element::float32 ? static_cast<double>(static_cast<const float*>(rows.x)[at])
                                                    : static_cast<const double*>(rows.x)[at];
  return static_cast<T>(rows.centre != nullptr ? x - rows.centre[column] : x);
}

// The threads that share a row: a power of two, so that finding one's row costs no division.
__device__ __forceinline__ int threads_of_a_row(int vectors) {
  int threads = 1;
  while (threads < vectors && threads < 32) threads *= 2;
  return threads;
}

// Rows first_row ... first_row + kRows of the data, those before end_row valid, columns [first_column, first_column +
// columns).  What is copied asynchronously is there after the caller's wait and barrier, the rest after its barrier.
template <int kRows, class T>
__device__ __forceinline__ void load_panel(const RowSource<T>& source, std::int64_t first_row, std::int64_t end_row,
                                           std::int64_t first_column, int columns, T* panel, int leading) {
  constexpr int lanes = kLanes<T>;
  const Rows<T>& rows = source.rows;
  const int t = static_cast<int>(threadIdx.x);
  if (source.copying == Copying::scatter) {
    const int lane = t % 32;
    for (int r = t / 32; r < kRows; r += kWarps) {
      const bool valid = first_row + r < end_row;
      for (int j = lane; j < columns; j += 32) panel[r * leading + j] = constant_column(rows, first_column + j, valid);
      __syncwarp();
      if (!valid) continue;
      const std::int64_t row = source.stored(first_row + r), end = rows.row_start[row + 1];
      for (std::int64_t k = rows.row_start[row] + lane; k < end; k += 32) {
        const std::int64_t j = rows.column[k] - first_column;
        if (j >= 0 && j < columns) panel[r * leading + j] = static_cast<T>(rows.value[k]);
      }
    }
    return;
  }
  const int vectors = columns / lanes, threads = threads_of_a_row(vectors);
  const int step = kThreads / threads, first = t % threads;
  for (int r = t / threads; r < kRows; r += step) {
    const bool valid = first_row + r < end_row;
    const std::int64_t row = valid ? source.of_x(first_row + r) : 0;
    T* const to = panel + r * leading;
    for (int v = first; v < vectors; v += threads) {
      const std::int64_t column = first_column + v * lanes;
      if (source.copying == Copying::vectors && column + lanes <= rows.n_features) {
        simt::copy_async<16>(to + v * lanes, static_cast<const T*>(rows.x) + row * rows.stride + column, valid);
        continue;
      }
#pragma unroll
      for (int k = 0; k < lanes; ++k) {
        T* const place = to + v * lanes + k;
        if (column + k >= rows.n_features) {
          *place = constant_column(rows, column + k, valid);
        } else if (source.copying == Copying::convert) {
          *place = valid ? converted(rows, row, column + k) : T(0);
        } else {
          simt::copy_async<static_cast<int>(sizeof(T))>(
              place, static_cast<const T*>(rows.x) + row * rows.stride + column + k, valid);
        }
      }
    }
  }
}

// How rows are cut: into chunks of whole tiles, by their number alone.  Blocks take chunks in turn; each leaves the sums of
// a chunk, which are then added in order, so that no result depends on the number of blocks or their order.
struct Chunks {
  std::int64_t first_row = 0;
  std::int64_t end_row = 0;
  std::int64_t rows = 0;  // of a chunk: a multiple of the tile's
  std::int64_t count = 0;

  VELBO_HD std::int64_t begin(std::int64_t chunk) const { return first_row + chunk * rows; }
  VELBO_HD std::int64_t end(std::int64_t chunk) const {
    const std::int64_t after = begin(chunk + 1);
    return after < end_row ? after : end_row;
  }
};

// The tiles that one block works on: those of its chunks, one after another.
struct TileCursor {
  std::int64_t chunk;
  std::int64_t row;  // the tile's first

  __device__ __forceinline__ static TileCursor first(const Chunks& chunks) {
    return {static_cast<std::int64_t>(blockIdx.x), chunks.begin(blockIdx.x)};
  }
  __device__ __forceinline__ bool valid(const Chunks& chunks) const { return chunk < chunks.count; }
  __device__ __forceinline__ bool last_of_chunk(const Chunks& chunks, int tile) const {
    return row + tile >= chunks.end(chunk);
  }
  __device__ __forceinline__ void advance(const Chunks& chunks, int tile) {
    if (last_of_chunk(chunks, tile)) {
      chunk += gridDim.x;
      row = chunks.begin(chunk);
    } else {
      row += tile;
    }
  }
};

}  // namespace velbo::kernels

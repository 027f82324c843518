// row_passes.cuh - launches passes over rows and adds up what their blocks leave.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "device_memory.cuh"
#include "fused_rows.cuh"
#include "outer_products.cuh"
#include "project_rows.cuh"
#include "reduce.cuh"

namespace velbo::kernels {

// Where and how launches go.  Tests make grids small and tiles what they want.
struct Launch {
  cudaStream_t stream = nullptr;
  std::size_t shared_bytes = std::size_t{96} * 1024;  // that a block may have: two on one multiprocessor of 9.0
  std::int64_t most_blocks = 2112;
  int tile_rows = 0;                  // of fused passes; 0: by the sizes
  std::int64_t wanted_chunks = 1056;  // a device has a few hundred places for blocks
  // Sums in float stay sums of so few rows.
  std::int64_t most_rows_of_a_chunk = 8192;
  // Numbers of one slab's sums: what is not added up in registers lies in memory for a while.
  std::int64_t most_partial_sums = std::int64_t{1} << 24;
};

// Slabs of rows, one after another, each cut into as many chunks as its sums [n_sums] leave room for.
inline std::vector<Chunks> slabs(const Launch& launch, std::int64_t n_rows, std::int64_t tile, std::int64_t n_sums) {
  const auto whole_tiles = [tile](std::int64_t rows) { return (rows + tile - 1) / tile * tile; };
  const std::int64_t most =
      std::clamp<std::int64_t>(launch.most_partial_sums / std::max<std::int64_t>(n_sums, 1), 4, 65536);
  const std::int64_t wanted = std::min(launch.wanted_chunks, most);
  const std::int64_t rows = whole_tiles(
      std::clamp<std::int64_t>((n_rows + wanted - 1) / wanted, 1, std::max(tile, launch.most_rows_of_a_chunk)));
  std::vector<Chunks> out;
  for (std::int64_t first = 0; first < n_rows; first += most * rows) {
    const std::int64_t end = std::min(n_rows, first + most * rows);
    out.push_back({first, end, rows, (end - first + rows - 1) / rows});
  }
  return out;
}

// run(chunks, sums, values) launches a pass that leaves [chunks, n_sums] and [chunks, n_values]; gives their totals.
struct Totals {
  std::vector<double> sums, values;
};
template <class T, class Run>
Totals add_up(const Launch& launch, std::int64_t n_rows, std::int64_t tile, std::int64_t n_sums, std::int64_t n_values,
              const Run& run) {
  Totals totals{std::vector<double>(static_cast<std::size_t>(n_sums)),
                std::vector<double>(static_cast<std::size_t>(n_values))};
  const auto add = [](const std::vector<double>& some, std::vector<double>& all) {
    for (std::size_t i = 0; i < all.size(); ++i) all[i] += some[i];
  };
  for (const Chunks& chunks : slabs(launch, n_rows, tile, n_sums)) {
    const Buffer<T> sums(chunks.count * n_sums, launch.stream);
    const Buffer<double> values(chunks.count * n_values, launch.stream);
    const Buffer<double> total(n_sums + n_values, launch.stream);
    run(chunks, sums.get(), values.get());
    check(reduce(sums.get(), chunks.count, n_sums, total.get(), launch.stream));
    check(reduce(values.get(), chunks.count, n_values, total.get() + n_sums, launch.stream));
    const std::vector<double> both = downloaded(total.get(), n_sums + n_values, launch.stream);
    add({both.begin(), both.begin() + static_cast<std::ptrdiff_t>(n_sums)}, totals.sums);
    add({both.begin() + static_cast<std::ptrdiff_t>(n_sums), both.end()}, totals.values);
  }
  return totals;
}

inline dim3 grid_of(const Launch& launch, const Chunks& chunks, std::int64_t tiles = 1) {
  return {static_cast<unsigned>(std::min(launch.most_blocks, chunks.count)), static_cast<unsigned>(tiles)};
}

// Always the same limit, not what this launch needs: the kernel is every thread's, and another one's launch may need more.
template <class Kernel>
void allow_shared_memory(const Launch& launch, Kernel kernel, std::size_t bytes) {
  if (bytes > std::size_t{48} * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(std::max(bytes, launch.shared_bytes))));
}

// Rows of a fused pass's tile.  Each is compiled for every pass; tests go through this list and FusedPasses.
using FusedTileRows = std::integer_sequence<int, 8, 16, 32, 64>;

// Calls visit.operator()<R>() with the rows of a tile as a constant.
template <int... R, class Visitor>
void with_tile_rows(std::integer_sequence<int, R...>, int rows, const Visitor& visit) {
  ((rows == R ? visit.template operator()<R>() : void()), ...);
}

// Columns of a block of a fused pass over D columns: all, but at most as many as its threads can hold.
template <class T>
int padded_columns(std::int64_t d) {
  return static_cast<int>((std::min<std::int64_t>(d, kThreads * kLanes<T>) + kLanes<T> - 1) / kLanes<T> * kLanes<T>);
}

// The largest tile that fits and still keeps a device busy; 0: none fits.
template <class T, class Pass>
int tile_rows_for(const Launch& launch, std::int64_t n_rows, std::int64_t d) {
  if (Pass::kPredicts && d > kThreads * kLanes<T>) return 0;
  if (launch.tile_rows > 0) return launch.tile_rows;
  const int columns = padded_columns<T>(d);
  int found = 0;
  const auto consider = [&](int rows, std::size_t bytes) {
    if (bytes <= launch.shared_bytes && (found == 0 || n_rows >= 264 * rows)) found = rows;
  };
  [&]<int... R>(std::integer_sequence<int, R...>) { (consider(R, FusedLayout<T, Pass, R>::bytes(columns)), ...); }
  (FusedTileRows{});
  return found;
}

// A fused pass over `arguments`, whole.
template <class T, class Pass>
void launch_fused(const Launch& launch, const FusedArguments<T>& arguments, int tile, std::int64_t blocks) {
  static_assert(kListed<Pass, FusedPasses<T>>, "tests go through the list");
  with_tile_rows(FusedTileRows{}, tile, [&]<int R>() {
    const auto kernel = fused_rows<T, Pass, R>;
    const std::size_t bytes = FusedLayout<T, Pass, R>::bytes(arguments.columns);
    allow_shared_memory(launch, kernel, bytes);
    VELBO_LAUNCH(kernel, grid_of(launch, arguments.chunks, blocks), kThreads, bytes, launch.stream, arguments);
    check(cudaGetLastError());
  });
}

// A fused pass with a tile that tile_rows_for() found.  Of `arguments`, chunks, columns, sums and values are filled in.
template <class T, class Pass>
Totals run_fused(const Launch& launch, FusedArguments<T> arguments, bool with_sums) {
  const Rows<T>& rows = arguments.source.rows;
  const std::int64_t d = rows.n_columns();
  const int tile = tile_rows_for<T, Pass>(launch, rows.n_rows, d);
  arguments.columns = padded_columns<T>(d);
  const std::int64_t blocks = Pass::kPredicts ? 1 : (d + arguments.columns - 1) / arguments.columns;
  return add_up<T>(launch, rows.n_rows, tile, with_sums ? Pass::kWidth * d : 0, Pass::kValues,
                   [&](const Chunks& chunks, T* sums, double* values) {
                     arguments.chunks = chunks;
                     arguments.sums = sums;
                     arguments.values = values;
                     launch_fused<T, Pass>(launch, arguments, tile, blocks);
                   });
}

// W [D, n_columns] as project_rows() reads it; value(d, column) gives its elements.
template <class T, class Value>
Buffer<T> packed_matrix(std::int64_t d, std::int64_t n_columns, std::int64_t& stride, cudaStream_t stream,
                        const Value& value) {
  stride = (n_columns + kTileColumns - 1) / kTileColumns * kTileColumns;
  std::vector<T> host(static_cast<std::size_t>(d * stride), T(0));
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t k = 0; k < n_columns; ++k)
      host[static_cast<std::size_t>(i * stride + k)] = static_cast<T>(value(i, k));
  return uploaded<T>(host.data(), d * stride, stream);
}

template <class T, class Finish>
void launch_project(const Launch& launch, const ProjectArguments<T>& arguments) {
  static_assert(kListed<Finish, ProjectFinishes<T>>, "tests go through the list");
  const auto kernel = project_rows<T, Finish>;
  constexpr std::size_t bytes = ProjectLayout<T, Finish>::kBytes;
  allow_shared_memory(launch, kernel, bytes);
  VELBO_LAUNCH(kernel, grid_of(launch, arguments.chunks), kThreads, bytes, launch.stream, arguments);
  check(cudaGetLastError());
}

template <class T, class Finish>
Totals run_project(const Launch& launch, ProjectArguments<T> arguments, std::int64_t n_values) {
  return add_up<T>(launch, arguments.source.rows.n_rows, kTileRows, 0, n_values,
                   [&](const Chunks& chunks, T*, double* values) {
                     arguments.chunks = chunks;
                     arguments.values = values;
                     launch_project<T, Finish>(launch, arguments);
                   });
}

// Tiles of A' diag(c) X, or of the lower triangle of X' diag(c) X.
template <class T>
std::int64_t outer_tiles(const OuterArguments<T>& arguments) {
  const std::int64_t across = (arguments.source.rows.n_columns() + kOuterTile - 1) / kOuterTile;
  return arguments.left == nullptr ? across * (across + 1) / 2
                                   : (arguments.n_left + kOuterTile - 1) / kOuterTile * across;
}

template <class T>
void launch_outer(const Launch& launch, const OuterArguments<T>& arguments) {
  const auto kernel = outer_products<T>;
  constexpr std::size_t bytes = OuterLayout<T>::kBytes;
  allow_shared_memory(launch, kernel, bytes);
  VELBO_LAUNCH(kernel, grid_of(launch, arguments.chunks, outer_tiles(arguments)), kThreads, bytes, launch.stream,
               arguments);
  check(cudaGetLastError());
}

// A' diag(c) X [n_left, D] in double; without A the lower triangle of X' diag(c) X.
template <class T>
std::vector<double> run_outer(const Launch& launch, OuterArguments<T> arguments) {
  const Rows<T>& rows = arguments.source.rows;
  const std::int64_t d = rows.n_columns();
  if (arguments.left == nullptr) arguments.n_left = d;
  return add_up<T>(launch, rows.n_rows, kOuterRows, arguments.n_left * d, 0,
                   [&](const Chunks& chunks, T* sums, double*) {
                     arguments.chunks = chunks;
                     arguments.sums = sums;
                     launch_outer(launch, arguments);
                   })
      .sums;
}

}  // namespace velbo::kernels

// cpu/row_chunks.h - cuts rows into chunks, shares them among threads and adds their sums in order.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "backend/ops.h"
#include "cpu/isa.h"
#include "cpu/parallel.h"

namespace velbo::internal {

// Memory aligned for any vector, not initialised.
template <class T>
struct Scratch {
  explicit Scratch(std::int64_t size)
      : data(static_cast<T*>(::operator new (static_cast<std::size_t>(size) * sizeof(T), std::align_val_t{64}))) {}
  struct Free {
    void operator()(T* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::unique_ptr<T[], Free> data;
};

// How rows are cut: whole tiles, chunks of some million operations, at most 64 of them and fewer where a chunk's sums are
// large.  Depends on the sizes only, never on the threads, so that sums come out the same.
struct Chunks {
  std::int64_t count = 0;
  std::int64_t rows = 0;  // of each but the last
};

template <class T>
Chunks cut(std::int64_t n_rows, std::int64_t d, std::int64_t sums, double operations) {
  constexpr double kOperationsOfAChunk = 2e6;
  const std::int64_t tile = tile_rows<T>(d);
  const std::int64_t tiles = (n_rows + tile - 1) / tile;
  const std::int64_t fit = std::clamp<std::int64_t>((std::int64_t{1} << 25) / std::max<std::int64_t>(sums, 1), 8, 64);
  const auto worth = static_cast<std::int64_t>(std::min(64.0, operations / kOperationsOfAChunk));
  const std::int64_t most = std::clamp<std::int64_t>(worth, 1, fit);
  const std::int64_t tiles_each = std::max<std::int64_t>(1, (tiles + most - 1) / most);
  return {(tiles + tiles_each - 1) / tiles_each, tiles_each * tile};
}

// Sums of wide sparse rows: chunks of at least as many entries as a chunk has sums, so that these cost no more.
template <class T>
Chunks cut_sparse(const Rows<T>& rows, std::int64_t sums, double entries) {
  const double most = entries / static_cast<double>(std::max<std::int64_t>(sums, std::int64_t{1} << 16));
  const auto count = static_cast<std::int64_t>(std::clamp(most, 1.0, 64.0));
  const std::int64_t each = std::max<std::int64_t>(1, (rows.n_rows + count - 1) / count);
  return {(rows.n_rows + each - 1) / each, each};
}

template <class T>
bool is_wide_sparse(const Rows<T>& rows) {
  return rows.row_start != nullptr && rows.n_features > kScatteredColumns;
}

template <class T>
double count_entries(const Rows<T>& rows) {
  if (rows.index == nullptr) return static_cast<double>(rows.row_start[rows.n_rows] - rows.row_start[0]);
  std::int64_t count = 0;
  for (std::int64_t n = 0; n < rows.n_rows; ++n)
    count += rows.row_start[rows.index[n] + 1] - rows.row_start[rows.index[n]];
  return static_cast<double>(count);
}

inline Workers workers_for(const Context& context, double operations) {
  if (operations < kOperationsWorthThreads) return 1;
  return {context.threads(), &context.team()};
}

// Scratch memory of each thread, made by the thread that first needs it.
template <class T>
class Scratches {
 public:
  Scratches(int threads, std::int64_t size) : size_(size), of_(static_cast<std::size_t>(threads)) {}
  T* of(int worker) {
    auto& mine = of_[static_cast<std::size_t>(worker)];
    if (!mine) mine = std::make_unique<Scratch<T>>(size_);
    return mine->data.get();
  }

 private:
  std::int64_t size_;
  std::vector<std::unique_ptr<Scratch<T>>> of_;
};

// How a sum over rows is made: its chunks, scratch and work.
struct Plan {
  Chunks chunks;
  std::int64_t scratch = 0;
  double operations = 0;
};

template <class T>
Plan dense_plan(const Rows<T>& rows, std::int64_t n_sums, std::int64_t scratch, double operations_per_row) {
  const double operations = operations_per_row * static_cast<double>(rows.n_rows);
  return {cut<T>(rows.n_rows, rows.n_columns(), n_sums, operations), scratch, operations};
}

template <class T>
Plan sparse_plan(const Rows<T>& rows, std::int64_t n_sums, double operations_per_entry) {
  const double entries = count_entries(rows);
  return {cut_sparse(rows, n_sums, entries), kSparseScratch,
          entries * operations_per_entry + 100 * static_cast<double>(rows.n_rows)};
}

// Runs kernel(begin, end, sums of the chunk, scratch) for each chunk and adds up the sums [n_sums] in order.
template <class T, class Kernel>
std::vector<double> sum_over_rows(const Context& context, std::int64_t n_rows, const Plan& plan, std::int64_t n_sums,
                                  const Kernel& kernel) {
  const Chunks& chunks = plan.chunks;
  const Workers workers = workers_for(context, plan.operations);
  Scratches<T> scratch(workers.threads, plan.scratch);
  std::vector<std::vector<double>> partial(static_cast<std::size_t>(chunks.count));
  parallel_for(chunks.count, workers, [&](std::int64_t i, int worker) {
    auto& sums = partial[static_cast<std::size_t>(i)];
    sums.assign(static_cast<std::size_t>(n_sums), 0.0);
    const std::int64_t begin = i * chunks.rows;
    kernel(begin, std::min(n_rows, begin + chunks.rows), sums.data(), scratch.of(worker));
  });
  std::vector<double> total(static_cast<std::size_t>(n_sums), 0.0);
  for (const auto& sums : partial)
    for (std::size_t k = 0; k < sums.size(); ++k) total[k] += sums[k];
  return total;
}

}  // namespace velbo::internal

// models/row_sum.h - a sum over rows at many draws, cut into fixed chunks of rows that threads share out.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "cpu/parallel.h"

namespace velbo::internal {

// What an evaluation ends with when the fit's time is over.  No error: engines catch it and stay where they were.
struct OutOfTime {};

using RowSumClock = std::chrono::steady_clock;

// Adds chunk i's sums for at most kPlateDraws draws to value [kPlateDraws] and, unless it is null, gradient [n, kPlateDraws], at
// theta [n, kPlateDraws], of which the first n_draws columns count and the others are zero.
using ChunkSum =
    std::function<void(std::int64_t chunk, int n_draws, const double* theta, double* value, double* gradient)>;

// [S, n] of at most kPlateDraws draws to [n, kPlateDraws], zero where there are fewer.
void transpose_draws(std::int64_t n, int n_draws, const double* theta, std::vector<double>& out);

// Adds `scale` times the sum over all chunks to value [S] and, unless it is null, gradient [S, n], at theta [S, n].  Chunks are added
// in order: the same bits for any number of workers, and for a draw whatever the others are.  Throws OutOfTime.
void add_chunks(std::int64_t n_chunks, std::int64_t n_draws, std::int64_t n, const double* theta, double scale,
                const Workers& workers, RowSumClock::time_point deadline, const ChunkSum& chunk, double* value,
                double* gradient);

// The sum over a model's rows where it is not one of plates.  Immutable.
class RowSum {
 public:
  virtual ~RowSum() = default;
  [[nodiscard]] virtual std::int64_t n_rows() const = 0;
  // As add_chunks(), over all rows.
  virtual void add(std::int64_t n_draws, const double* theta, const Workers& workers, RowSumClock::time_point deadline,
                   double* value, double* gradient) const = 0;
};

}  // namespace velbo::internal

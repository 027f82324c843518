// models/column_moments.cpp
#include "models/column_moments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <thread>

#include "cpu/parallel.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kChunkRows = 4096;
constexpr std::int64_t kSparseChunks = 16;  // each has sums for every column, whatever the rows have

class Counts {
 public:
  Counts(std::span<const double> weights, RowCount count) : weights_(weights), count_(count) {}
  [[nodiscard]] bool are_one() const { return weights_.empty(); }
  [[nodiscard]] double operator()(std::int64_t n) const {
    if (weights_.empty()) return 1;
    const double w = weights_[static_cast<std::size_t>(n)];
    return count_ == RowCount::weight ? w : w > 0 ? 1 : 0;
  }

 private:
  std::span<const double> weights_;
  RowCount count_;
};

// The moments of some rows: their count, and for each column the mean and the sum of squares about it.
struct Moments {
  double total = 0;
  std::vector<double> mean, squares;

  // The pairwise update of Chan, Golub and LeVeque (1979).
  void add(const Moments& other) {
    if (other.total == 0) return;
    if (total == 0) {
      *this = other;
      return;
    }
    const double sum = total + other.total;
    for (std::size_t j = 0; j < mean.size(); ++j) {
      const double d = other.mean[j] - mean[j];
      mean[j] += d * (other.total / sum);
      squares[j] += other.squares[j] + d * d * (total * (other.total / sum));
    }
    total = sum;
  }
};

[[noreturn]] void fail_value(std::int64_t n, std::int64_t j, double value) {
  throw Error(ErrorCode::data, fmt::format("x[{}, {}] is {}, expected a finite number", n, j, value));
}

// Adds w (x - shift) and w (x - shift)^2 of four rows to the sums.  Columns are the vector's lanes, so that the order of
// summation has nothing to do with its width.
template <bool weighted, class T>
void add_rows(const T* __restrict x0, const T* __restrict x1, const T* __restrict x2, const T* __restrict x3,
              const double* w, std::int64_t n_columns, const double* __restrict shift, double* __restrict first,
              double* __restrict second) {
  for (std::int64_t j = 0; j < n_columns; ++j) {
    const double d0 = static_cast<double>(x0[j]) - shift[j], d1 = static_cast<double>(x1[j]) - shift[j];
    const double d2 = static_cast<double>(x2[j]) - shift[j], d3 = static_cast<double>(x3[j]) - shift[j];
    if constexpr (weighted) {
      const double a0 = w[0] * d0, a1 = w[1] * d1, a2 = w[2] * d2, a3 = w[3] * d3;
      first[j] += (a0 + a1) + (a2 + a3);
      second[j] += (a0 * d0 + a1 * d1) + (a2 * d2 + a3 * d3);
    } else {
      first[j] += (d0 + d1) + (d2 + d3);
      second[j] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
    }
  }
}

template <class T>
Moments moments_of_rows(const FeatureStore& s, const Counts& count, std::int64_t begin, std::int64_t end) {
  const T* const x = static_cast<const T*>(s.x);
  const auto d = static_cast<std::size_t>(s.n_columns);
  Moments out{0, std::vector<double>(d, 0), std::vector<double>(d, 0)};
  // The row that counts most: where it stands out, so does the spread.
  std::int64_t centre = begin;
  for (std::int64_t n = begin; n < end; ++n) {
    out.total += count(n);
    if (count(n) > count(centre)) centre = n;
  }
  const std::vector<double> shift(x + centre * s.stride, x + centre * s.stride + s.n_columns);
  for (std::int64_t n = begin; n < end; n += 4) {
    const auto rows = static_cast<int>(std::min<std::int64_t>(4, end - n));
    const T* row[4];
    double w[4];
    for (int i = 0; i < 4; ++i) {  // rows beyond the end count nothing
      row[i] = x + (n + std::min(i, rows - 1)) * s.stride;
      w[i] = i < rows ? count(n + i) : 0;
    }
    if (count.are_one() && rows == 4) {
      add_rows<false>(row[0], row[1], row[2], row[3], w, s.n_columns, shift.data(), out.mean.data(),
                      out.squares.data());
    } else {
      add_rows<true>(row[0], row[1], row[2], row[3], w, s.n_columns, shift.data(), out.mean.data(), out.squares.data());
    }
  }
  bool sound = true;  // anything that is not finite ends up in the sums, also with weight 0
  for (std::size_t j = 0; j < d; ++j) sound = sound && std::isfinite(out.squares[j]) && std::isfinite(out.mean[j]);
  if (!sound) {
    for (std::int64_t n = begin; n < end; ++n)
      for (std::int64_t j = 0; j < s.n_columns; ++j)
        if (!std::isfinite(x[n * s.stride + j])) fail_value(n, j, static_cast<double>(x[n * s.stride + j]));
  }
  if (out.total > 0)
    for (std::size_t j = 0; j < d; ++j) {
      const double m = out.mean[j] / out.total;
      out.squares[j] -= m * out.mean[j];
      if (out.squares[j] < 0) out.squares[j] = 0;  // rounding; what is not finite stays so
      out.mean[j] = shift[j] + m;
    }
  return out;
}

int thread_count(int threads, double operations) {
  if (operations < kOperationsWorthStartingThreads) return 1;
  return threads > 0 ? threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

// Runs piece(i) for all i.  Where several fail, the error is that of the first.
template <class Piece>
void run_pieces(std::int64_t n, int threads, const Piece& piece) {
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(n));
  parallel_for(n, threads, [&](std::int64_t i, int) {
    try {
      piece(i);
    } catch (...) {
      failures[static_cast<std::size_t>(i)] = std::current_exception();
    }
  });
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

Moments dense(const FeatureStore& s, const Counts& count, int threads) {
  const std::int64_t n_chunks = (s.n_rows + kChunkRows - 1) / kChunkRows;
  std::vector<Moments> chunks(static_cast<std::size_t>(n_chunks));
  const double operations = 5 * static_cast<double>(s.n_rows) * static_cast<double>(s.n_columns);
  run_pieces(n_chunks, thread_count(threads, operations), [&](std::int64_t i) {
    const std::int64_t begin = i * kChunkRows, end = std::min(s.n_rows, begin + kChunkRows);
    chunks[static_cast<std::size_t>(i)] = s.element == Element::float32 ? moments_of_rows<float>(s, count, begin, end)
                                                                        : moments_of_rows<double>(s, count, begin, end);
  });
  Moments out = std::move(chunks.front());
  for (std::size_t i = 1; i < chunks.size(); ++i) out.add(chunks[i]);
  return out;
}

// Two passes over the values that are there, so that zeros cost nothing: sums, then squares about the means.
Moments sparse(const FeatureStore& s, const Counts& count, int threads) {
  const auto d = static_cast<std::size_t>(s.n_columns);
  const std::int64_t n_values = s.row_start[s.n_rows];
  // Sums of all columns of a chunk should cost less than its values.
  const std::int64_t n_chunks =
      std::clamp<std::int64_t>(n_values / (4 * std::max<std::int64_t>(1, s.n_columns)), 1, kSparseChunks);
  struct Sums {
    double total = 0;
    std::vector<double> sum, weight;
  };
  std::vector<Sums> chunks(static_cast<std::size_t>(n_chunks));
  const int used = thread_count(threads, 20 * static_cast<double>(n_values));
  const auto for_values = [&](std::int64_t i, const auto& row, const auto& value) {
    const std::int64_t begin = s.n_rows * i / n_chunks, end = s.n_rows * (i + 1) / n_chunks;
    for (std::int64_t n = begin; n < end; ++n) {
      const double w = count(n);
      row(w);
      if (w == 0) continue;
      for (std::int64_t k = s.row_start[n]; k < s.row_start[n + 1]; ++k)
        value(static_cast<std::size_t>(s.column[k]), w, s.value[k]);
    }
  };
  run_pieces(n_chunks, used, [&](std::int64_t i) {
    Sums& c = chunks[static_cast<std::size_t>(i)];
    c.sum.assign(d, 0);
    c.weight.assign(d, 0);
    for_values(
        i, [&](double w) { c.total += w; },
        [&](std::size_t j, double w, double v) {
          c.sum[j] += w * v;
          c.weight[j] += w;
        });
  });
  Sums all = std::move(chunks.front());
  for (std::size_t i = 1; i < chunks.size(); ++i) {
    all.total += chunks[i].total;
    for (std::size_t j = 0; j < d; ++j) {
      all.sum[j] += chunks[i].sum[j];
      all.weight[j] += chunks[i].weight[j];
    }
  }
  Moments out{all.total, std::vector<double>(d, 0), std::vector<double>(d, 0)};
  if (all.total > 0)
    for (std::size_t j = 0; j < d; ++j) out.mean[j] = all.sum[j] / all.total;
  run_pieces(n_chunks, used, [&](std::int64_t i) {
    std::vector<double>& squares = chunks[static_cast<std::size_t>(i)].sum;
    squares.assign(d, 0);
    for_values(
        i, [](double) {},
        [&](std::size_t j, double w, double v) { squares[j] += w * (v - out.mean[j]) * (v - out.mean[j]); });
  });
  for (std::size_t j = 0; j < d; ++j) {
    for (const Sums& c : chunks) out.squares[j] += c.sum[j];
    // Of a column without zeros exactly nothing: both sums add the same weights in the same order.
    out.squares[j] += (all.total - all.weight[j]) * out.mean[j] * out.mean[j];
  }
  return out;
}

}  // namespace

ColumnMoments column_moments(const FeatureStore& x, std::span<const double> weights, RowCount count, int threads) {
  const auto d = static_cast<std::size_t>(x.n_columns);
  ColumnMoments out{std::vector<double>(d, 0), std::vector<double>(d, 0)};
  if (x.n_rows == 0 || d == 0) return out;
  Moments moments = x.row_start != nullptr ? sparse(x, {weights, count}, threads) : dense(x, {weights, count}, threads);
  for (std::size_t j = 0; j < d; ++j) {
    const double mean = moments.mean[j], sd = std::sqrt(moments.squares[j] / std::max(moments.total - 1, 1.0));
    if (!std::isfinite(mean) || !std::isfinite(sd))
      throw Error(ErrorCode::data,
                  fmt::format("column {} of x has values too large for their squares to be computed; divide it by a "
                              "constant",
                              j));
    out.mean[j] = mean;
    // A constant column's sd is rounding noise of its mean, not a scale.
    out.sd[j] = sd <= 1e-12 * std::abs(mean) ? 0 : sd;
  }
  return out;
}

}  // namespace velbo::internal

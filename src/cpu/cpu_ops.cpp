// cpu/cpu_ops.cpp - the CPU side of the operation table: cuts rows into chunks, shares them among threads, adds in order.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "backend/ops.h"
#include "cpu/isa.h"
#include "cpu/parallel.h"

namespace velbo::internal {
namespace {

template <class T>
const RowKernels<T>& kernels() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return isa().rows_float;
  } else {
    return isa().rows_double;
  }
}

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

// How rows are cut: whole tiles, at most 64 chunks and fewer where a chunk's sums are large.  Depends on the sizes only,
// never on the threads, so that sums come out the same.
struct Chunks {
  std::int64_t count = 0;
  std::int64_t rows = 0;  // of each but the last
};

template <class T>
Chunks cut(std::int64_t n_rows, std::int64_t d, std::int64_t sums) {
  const std::int64_t tile = tile_rows<T>(d);
  const std::int64_t tiles = (n_rows + tile - 1) / tile;
  const std::int64_t most = std::clamp<std::int64_t>((std::int64_t{1} << 25) / std::max<std::int64_t>(sums, 1), 8, 64);
  const std::int64_t tiles_each = std::max<std::int64_t>(1, (tiles + most - 1) / most);
  return {(tiles + tiles_each - 1) / tiles_each, tiles_each * tile};
}

// Runs kernel(begin, end, sums of the chunk, scratch) for each chunk and adds up the sums [n_sums] in order.
template <class T, class Kernel>
std::vector<double> sum_over_rows(const Context& context, std::int64_t n_rows, std::int64_t d, std::int64_t n_sums,
                                  double operations, const Kernel& kernel) {
  const Chunks chunks = cut<T>(n_rows, d, n_sums);
  const int threads = operations < kOperationsWorthThreads ? 1 : context.threads();
  std::vector<std::unique_ptr<Scratch<T>>> scratch(static_cast<std::size_t>(std::max(threads, 1)));
  std::vector<std::vector<double>> partial(static_cast<std::size_t>(chunks.count));
  parallel_for(chunks.count, threads, [&](std::int64_t i, int worker) {
    auto& mine = scratch[static_cast<std::size_t>(worker)];
    if (!mine) mine = std::make_unique<Scratch<T>>(scratch_size<T>(d));
    auto& sums = partial[static_cast<std::size_t>(i)];
    sums.assign(static_cast<std::size_t>(n_sums), 0.0);
    const std::int64_t begin = i * chunks.rows;
    kernel(begin, std::min(n_rows, begin + chunks.rows), sums.data(), mine->data.get());
  });
  std::vector<double> total(static_cast<std::size_t>(n_sums), 0.0);
  for (const auto& sums : partial)
    for (std::size_t k = 0; k < sums.size(); ++k) total[k] += sums[k];
  return total;
}

// The factor as the kernels read it: blocks of columns, and for each the first row that is not zero.
template <class T>
struct FactorBlocks {
  FactorBlocks(const double* factor, std::int64_t d)
      : first_row(static_cast<std::size_t>(padded_columns(d) / kColumnBlock)) {
    const std::int64_t padded = padded_columns(d);
    blocks.assign(static_cast<std::size_t>(padded * padded), T(0));
    for (std::int64_t b = 0; b < padded / kColumnBlock; ++b) {
      std::int64_t first = padded;
      for (std::int64_t row = 0; row < d; ++row)
        for (std::int64_t i = 0; i < kColumnBlock; ++i) {
          const std::int64_t column = b * kColumnBlock + i;
          if (column >= d) continue;
          const double value = factor[row * d + column];
          blocks[static_cast<std::size_t>((b * padded + row) * kColumnBlock + i)] = static_cast<T>(value);
          if (value != 0 && row < first) first = row;
        }
      first_row[static_cast<std::size_t>(b)] = static_cast<std::int32_t>(first);
    }
  }
  std::vector<T> blocks;
  std::vector<std::int32_t> first_row;
};

template <class T>
std::vector<T> converted(const double* values, std::int64_t n) {
  return std::vector<T>(values, values + n);
}

void copy_gram(const double* padded_gram, std::int64_t d, double* gram) {
  const std::int64_t padded = padded_columns(d);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = 0; j <= i; ++j) gram[i * d + j] = padded_gram[i * padded + j];
}

// Element-wise work on rows, in pieces of about a megabyte.
template <class Piece>
void for_rows(const Context& context, std::int64_t n_rows, std::int64_t width, const Piece& piece) {
  const std::int64_t rows = std::max<std::int64_t>(1, 131072 / std::max<std::int64_t>(width, 1));
  const int threads =
      static_cast<double>(n_rows) * static_cast<double>(width) < kOperationsWorthThreads ? 1 : context.threads();
  parallel_for((n_rows + rows - 1) / rows, threads,
               [&](std::int64_t i, int) { piece(i * rows, std::min(n_rows, (i + 1) * rows)); });
}

template <class T>
void keep_rows(const Context& context, const double* x, std::int64_t n_rows, std::int64_t n_columns,
               const std::int64_t* source, const double* centre, T* out) {
  for_rows(context, n_rows, n_columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n)
      for (std::int64_t k = 0; k < n_columns; ++k)
        out[n * n_columns + k] = static_cast<T>(x[n * n_columns + source[k]] - centre[k]);
  });
}

template <class T>
void gather_rows(const Context& context, const T* from, std::int64_t width, const std::int64_t* rows,
                 std::int64_t count, T* out) {
  for_rows(context, count, width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) std::copy_n(from + rows[i] * width, width, out + i * width);
  });
}

template <class T>
void starting_curvature(const Context& context, const Rows<T>& rows, T* c, T* c_times_r) {
  for_rows(context, rows.n_rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const T weight = rows.scale * (rows.weights != nullptr ? rows.weights[n] : T(1));
      const T offset = rows.offset != nullptr ? rows.offset[n] : T(0);
      switch (rows.likelihood) {
        case RowLikelihood::bernoulli:
          c[n] = weight * (rows.trials != nullptr ? rows.trials[n] : T(1)) / T(4);
          c_times_r[n] = 0;
          break;
        case RowLikelihood::poisson:
          c[n] = weight * (rows.y[n] + T(0.5));
          c_times_r[n] = c[n] * (std::log(rows.y[n] + T(0.5)) - offset);
          break;
        case RowLikelihood::unit_gaussian:
          c[n] = weight;
          c_times_r[n] = weight * (rows.y[n] - offset);
          break;
      }
    }
  });
}

template <class T>
void normals(const Context& context, Key key, std::uint32_t step, std::uint32_t first_draw, std::int64_t n_draws,
             std::int64_t dimension, T* out) {
  const double operations = 40.0 * static_cast<double>(n_draws) * static_cast<double>(dimension);
  const std::int64_t per_piece = std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(dimension, 1));
  const std::int64_t pieces = (n_draws + per_piece - 1) / per_piece;
  parallel_for(pieces, operations < kOperationsWorthThreads ? 1 : context.threads(), [&](std::int64_t piece, int) {
    for (std::int64_t s = piece * per_piece; s < std::min(n_draws, (piece + 1) * per_piece); ++s)
      standard_normals(key, step, first_draw + static_cast<std::uint32_t>(s), 0,
                       std::span<T>(out + s * dimension, static_cast<std::size_t>(dimension)));
  });
}

// Both families: `full_rank` says which of factor and sd is given.
template <class T>
void expected_log_likelihood(const Context& context, const Rows<T>& rows, const double* mean, const double* scale,
                             bool full_rank, RowSums& sums, T* curvature_rows) {
  const std::int64_t d = rows.n_columns;
  const std::int64_t padded = padded_columns(d);
  const std::vector<T> mean_t = converted<T>(mean, d);
  std::unique_ptr<FactorBlocks<T>> factor;
  std::vector<T> variance;
  if (full_rank) {
    factor = std::make_unique<FactorBlocks<T>>(scale, d);
  } else {
    for (std::int64_t j = 0; j < d; ++j) variance.push_back(static_cast<T>(scale[j] * scale[j]));
  }
  const std::int64_t n_gradient = sums.gradient != nullptr ? d : 0;
  const std::int64_t n_curvature = sums.curvature == nullptr ? 0 : full_rank ? padded * padded : d;
  const double per_row = full_rank ? 2.0 * static_cast<double>(d * d) : 8.0 * static_cast<double>(d);
  const auto total = sum_over_rows<T>(
      context, rows.n_rows, d, 2 + n_gradient + n_curvature, (per_row + 100) * static_cast<double>(rows.n_rows),
      [&](std::int64_t begin, std::int64_t end, double* out, T* scratch) {
        ExpectationChunk<T> chunk{.rows = &rows,
                                  .begin = begin,
                                  .end = end,
                                  .mean = mean_t.data(),
                                  .scale_blocks = factor ? factor->blocks.data() : nullptr,
                                  .first_row = factor ? factor->first_row.data() : nullptr,
                                  .variance = factor ? nullptr : variance.data(),
                                  .value = out,
                                  .gradient = n_gradient > 0 ? out + 2 : nullptr,
                                  .curvature = n_curvature > 0 ? out + 2 + n_gradient : nullptr,
                                  .curvature_rows = curvature_rows};
        kernels<T>().expectation(chunk, scratch);
      });
  sums.value = total[0];
  sums.absolute = total[1];
  if (n_gradient > 0) std::copy_n(total.data() + 2, d, sums.gradient);
  if (n_curvature > 0) {
    if (full_rank) {
      copy_gram(total.data() + 2 + n_gradient, d, sums.curvature);
    } else {
      std::copy_n(total.data() + 2 + n_gradient, d, sums.curvature);
    }
  }
}

template <class T>
void expected_full_rank(const Context& context, const Rows<T>& rows, const double* mean, const double* scale_tril,
                        RowSums& sums) {
  expected_log_likelihood<T>(context, rows, mean, scale_tril, true, sums, nullptr);
}

template <class T>
void expected_mean_field(const Context& context, const Rows<T>& rows, const double* mean, const double* sd,
                         RowSums& sums, T* curvature_rows) {
  expected_log_likelihood<T>(context, rows, mean, sd, false, sums, curvature_rows);
}

template <class T>
void weighted_gram(const Context& context, const Rows<T>& rows, const T* c, const T* r, bool diagonal, double* gram,
                   double* moment) {
  const std::int64_t d = rows.n_columns;
  const std::int64_t padded = padded_columns(d);
  const std::int64_t n_gram = gram == nullptr ? 0 : diagonal ? d : padded * padded;
  const std::int64_t n_moment = moment != nullptr && r != nullptr ? d : 0;
  const auto total = sum_over_rows<T>(context, rows.n_rows, d, n_gram + n_moment,
                                      static_cast<double>(d * d) * static_cast<double>(rows.n_rows),
                                      [&](std::int64_t begin, std::int64_t end, double* out, T* scratch) {
                                        kernels<T>().gram({.rows = &rows,
                                                           .begin = begin,
                                                           .end = end,
                                                           .c = c,
                                                           .r = r,
                                                           .diagonal = diagonal,
                                                           .gram = n_gram > 0 ? out : nullptr,
                                                           .moment = n_moment > 0 ? out + n_gram : nullptr},
                                                          scratch);
                                      });
  if (n_gram > 0 && diagonal) std::copy_n(total.data(), d, gram);
  if (n_gram > 0 && !diagonal) copy_gram(total.data(), d, gram);
  if (n_moment > 0) std::copy_n(total.data() + n_gram, d, moment);
}

template <class T>
void curvature_product(const Context& context, const Rows<T>& rows, const T* c, const double* v, double* out) {
  const std::int64_t d = rows.n_columns;
  const std::vector<T> v_t = converted<T>(v, d);
  const auto total = sum_over_rows<T>(
      context, rows.n_rows, d, d, 4.0 * static_cast<double>(d) * static_cast<double>(rows.n_rows),
      [&](std::int64_t begin, std::int64_t end, double* sums, T* scratch) {
        kernels<T>().product({.rows = &rows, .begin = begin, .end = end, .c = c, .v = v_t.data(), .out = sums},
                             scratch);
      });
  std::copy_n(total.data(), d, out);
}

// Few rows and many draws are as common as the other way round, so blocks of draws are shared out too.
template <class T>
void log_likelihood(const Context& context, const Rows<T>& rows, const double* z, std::int64_t n_draws, double* out) {
  constexpr std::int64_t kDrawsOfABlock = 512;
  const std::int64_t d = rows.n_columns;
  const Chunks chunks = cut<T>(rows.n_rows, d, std::min(n_draws, kDrawsOfABlock));
  const std::int64_t blocks = (n_draws + kDrawsOfABlock - 1) / kDrawsOfABlock;
  const double operations =
      static_cast<double>(n_draws) * static_cast<double>(2 * d + 20) * static_cast<double>(rows.n_rows);
  const int threads = operations < kOperationsWorthThreads ? 1 : context.threads();
  const std::vector<T> z_t = converted<T>(z, n_draws * d);
  std::vector<std::unique_ptr<Scratch<T>>> scratch(static_cast<std::size_t>(std::max(threads, 1)));
  std::vector<double> partial(static_cast<std::size_t>(chunks.count * n_draws), 0.0);  // [chunks, S]
  parallel_for(chunks.count * blocks, threads, [&](std::int64_t piece, int worker) {
    auto& mine = scratch[static_cast<std::size_t>(worker)];
    if (!mine) mine = std::make_unique<Scratch<T>>(scratch_size<T>(d));
    const std::int64_t chunk = piece / blocks, first = piece % blocks * kDrawsOfABlock;
    const std::int64_t begin = chunk * chunks.rows;
    kernels<T>().draws({.rows = &rows,
                        .begin = begin,
                        .end = std::min(rows.n_rows, begin + chunks.rows),
                        .z = z_t.data() + first * d,
                        .n_draws = std::min(kDrawsOfABlock, n_draws - first),
                        .out = partial.data() + chunk * n_draws + first},
                       mine->data.get());
  });
  std::fill_n(out, n_draws, 0.0);
  for (std::int64_t chunk = 0; chunk < chunks.count; ++chunk)
    for (std::int64_t s = 0; s < n_draws; ++s) out[s] += partial[static_cast<std::size_t>(chunk * n_draws + s)];
}

template <class T>
constexpr Ops<T> table{.keep_rows = keep_rows<T>,
                       .gather_rows = gather_rows<T>,
                       .starting_curvature = starting_curvature<T>,
                       .normals = normals<T>,
                       .expected_log_likelihood_full_rank = expected_full_rank<T>,
                       .expected_log_likelihood_mean_field = expected_mean_field<T>,
                       .weighted_gram = weighted_gram<T>,
                       .curvature_product = curvature_product<T>,
                       .log_likelihood = log_likelihood<T>};

}  // namespace

const Ops<float>& cpu_ops_float() { return table<float>; }
const Ops<double>& cpu_ops_double() { return table<double>; }

}  // namespace velbo::internal

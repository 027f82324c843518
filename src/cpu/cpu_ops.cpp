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

// The factor [D, rank] as the kernels read it: blocks of columns, and for each the first row that is not zero.
template <class T>
struct FactorBlocks {
  FactorBlocks(const double* factor, std::int64_t d, std::int64_t rank)
      : count(padded_columns(rank) / kColumnBlock), first_row(static_cast<std::size_t>(count)) {
    const std::int64_t padded = padded_columns(d);
    blocks.assign(static_cast<std::size_t>(count * padded * kColumnBlock), T(0));
    for (std::int64_t b = 0; b < count; ++b) {
      std::int64_t first = padded;
      for (std::int64_t row = 0; row < d; ++row)
        for (std::int64_t i = 0; i < kColumnBlock; ++i) {
          const std::int64_t column = b * kColumnBlock + i;
          if (column >= rank) continue;
          const double value = factor[row * rank + column];
          blocks[static_cast<std::size_t>((b * padded + row) * kColumnBlock + i)] = static_cast<T>(value);
          if (value != 0 && row < first) first = row;
        }
      first_row[static_cast<std::size_t>(b)] = static_cast<std::int32_t>(first);
    }
  }
  std::int64_t count;
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
void starting_curvature(const Context& context, const Rows<T>& rows, T* c, T* c_times_r) {
  for_rows(context, rows.n_rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t row = rows.index != nullptr ? rows.index[n] : n;
      const T weight = rows.scale * (rows.weights != nullptr ? rows.weights[row] : T(1));
      const T offset = rows.offset != nullptr ? rows.offset[row] : T(0);
      switch (rows.likelihood) {
        case RowLikelihood::bernoulli:
          c[n] = weight * (rows.trials != nullptr ? rows.trials[row] : T(1)) / T(4);
          c_times_r[n] = 0;
          break;
        case RowLikelihood::poisson:
          c[n] = weight * (rows.y[row] + T(0.5));
          c_times_r[n] = c[n] * (std::log(rows.y[row] + T(0.5)) - offset);
          break;
        case RowLikelihood::unit_gaussian:
          c[n] = weight;
          c_times_r[n] = weight * (rows.y[row] - offset);
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

template <class T>
void expected_log_likelihood(const Context& context, const Rows<T>& rows, const double* mean,
                             const PredictorScale& scale, const PredictorRule& rule, RowSums<T>& sums) {
  const std::int64_t d = rows.n_columns();
  const std::int64_t padded = padded_columns(d);
  const std::vector<T> mean_t = converted<T>(mean, d);
  const FactorBlocks<T> factor(scale.factor, d, scale.factor != nullptr ? scale.rank : 0);
  std::vector<T> variance;
  if (scale.sd != nullptr)
    for (std::int64_t j = 0; j < d; ++j) variance.push_back(static_cast<T>(scale.sd[j] * scale.sd[j]));
  const std::int64_t n_gradient = sums.gradient != nullptr ? d : 0;
  const std::int64_t n_diagonal = sums.diagonal != nullptr ? d : 0;
  const std::int64_t n_gram = sums.gram != nullptr ? padded * padded : 0;
  const double per_row = 8.0 * static_cast<double>(d) + (n_gram > 0 ? 2.0 * static_cast<double>(d * d) : 0.0);
  const auto total = sum_over_rows<T>(
      context, rows.n_rows, d, 2 + n_gradient + n_diagonal + n_gram, (per_row + 100) * static_cast<double>(rows.n_rows),
      [&](std::int64_t begin, std::int64_t end, double* out, T* scratch) {
        ExpectationChunk<T> chunk{.rows = &rows,
                                  .begin = begin,
                                  .end = end,
                                  .mean = mean_t.data(),
                                  .scale_blocks = factor.blocks.data(),
                                  .first_row = factor.first_row.data(),
                                  .n_blocks = factor.count,
                                  .variance = scale.sd != nullptr ? variance.data() : nullptr,
                                  .rule = rule,
                                  .value = out,
                                  .gradient = n_gradient > 0 ? out + 2 : nullptr,
                                  .gram = n_gram > 0 ? out + 2 + n_gradient + n_diagonal : nullptr,
                                  .diagonal = n_diagonal > 0 ? out + 2 + n_gradient : nullptr,
                                  .factor_product = nullptr,
                                  .curvature_rows = sums.curvature_rows};
        kernels<T>().expectation(chunk, scratch);
      });
  sums.value = total[0];
  sums.absolute = total[1];
  if (n_gradient > 0) std::copy_n(total.data() + 2, d, sums.gradient);
  if (n_diagonal > 0) std::copy_n(total.data() + 2 + n_gradient, d, sums.diagonal);
  if (n_gram > 0) copy_gram(total.data() + 2 + n_gradient + n_diagonal, d, sums.gram);
}

template <class T>
void weighted_gram(const Context& context, const Rows<T>& rows, const T* c, const T* r, bool diagonal, double* gram,
                   double* moment) {
  const std::int64_t d = rows.n_columns();
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
  const std::int64_t d = rows.n_columns();
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
void log_likelihood_gradient(const Context& context, const Rows<T>& rows, const double* z, std::int64_t n_draws,
                             double* out, double* gradient) {
  constexpr std::int64_t kDrawsOfABlock = 512;
  const std::int64_t d = rows.n_columns();
  const Chunks chunks = cut<T>(rows.n_rows, d, std::min(n_draws, kDrawsOfABlock));
  const std::int64_t blocks = (n_draws + kDrawsOfABlock - 1) / kDrawsOfABlock;
  const double operations =
      static_cast<double>(n_draws) * static_cast<double>(2 * d + 20) * static_cast<double>(rows.n_rows);
  const int threads = operations < kOperationsWorthThreads ? 1 : context.threads();
  const std::vector<T> z_t = converted<T>(z, n_draws * d);
  std::vector<std::unique_ptr<Scratch<T>>> scratch(static_cast<std::size_t>(std::max(threads, 1)));
  std::vector<double> partial(static_cast<std::size_t>(chunks.count * n_draws), 0.0);  // [chunks, S]
  std::vector<double> gradients(gradient != nullptr ? static_cast<std::size_t>(chunks.count * n_draws * d) : 0, 0.0);
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
                        .out = partial.data() + chunk * n_draws + first,
                        .gradient = gradient != nullptr ? gradients.data() + (chunk * n_draws + first) * d : nullptr},
                       mine->data.get());
  });
  std::fill_n(out, n_draws, 0.0);
  for (std::int64_t chunk = 0; chunk < chunks.count; ++chunk)
    for (std::int64_t s = 0; s < n_draws; ++s) out[s] += partial[static_cast<std::size_t>(chunk * n_draws + s)];
  if (gradient == nullptr) return;
  std::fill_n(gradient, n_draws * d, 0.0);
  for (std::int64_t chunk = 0; chunk < chunks.count; ++chunk)
    for (std::int64_t i = 0; i < n_draws * d; ++i)
      gradient[i] += gradients[static_cast<std::size_t>(chunk * n_draws * d + i)];
}

template <class T>
void log_likelihood(const Context& context, const Rows<T>& rows, const double* z, std::int64_t n_draws, double* out) {
  log_likelihood_gradient<T>(context, rows, z, n_draws, out, nullptr);
}

template <class T>
constexpr Ops<T> table{.starting_curvature = starting_curvature<T>,
                       .normals = normals<T>,
                       .expected_log_likelihood = expected_log_likelihood<T>,
                       .weighted_gram = weighted_gram<T>,
                       .curvature_product = curvature_product<T>,
                       .log_likelihood = log_likelihood<T>,
                       .log_likelihood_gradient = log_likelihood_gradient<T>};

}  // namespace

const Ops<float>& cpu_ops_float() { return table<float>; }
const Ops<double>& cpu_ops_double() { return table<double>; }

}  // namespace velbo::internal

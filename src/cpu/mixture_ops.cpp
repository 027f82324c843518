// cpu/mixture_ops.cpp - the CPU's side of the local step of mixtures: packs parameters, shares chunks of rows, adds in order.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "backend/mixture_ops.h"
#include "cpu/isa.h"
#include "cpu/mixture_kernels.h"
#include "cpu/row_chunks.h"

namespace velbo::internal {

const MixtureTable& mixture_table_v1();
#if defined(__x86_64__)
const MixtureTable& mixture_table_v3();
const MixtureTable& mixture_table_v4();
#endif

namespace {

const MixtureTable& table() {
#if defined(__x86_64__)
  if (isa().name == "v4") return mixture_table_v4();
  if (isa().name == "v3") return mixture_table_v3();
#endif
  return mixture_table_v1();
}

template <class T>
const MixtureKernels<T>& kernels() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return table().of_float;
  } else {
    return table().of_double;
  }
}

template <class T>
std::vector<T> converted(const double* values, std::int64_t n) {
  return std::vector<T>(values, values + n);
}

// As MixtureChunk::triangles has them.
template <class T>
void pack_triangle(const double* u, std::int64_t d, std::vector<T>& out) {
  for (std::int64_t i = 0; i < d; i += kTriangleRows)
    for (std::int64_t j = 0; j < std::min(d, i + kTriangleRows); ++j)
      for (std::int64_t row = i; row < i + kTriangleRows; ++row)
        out.push_back(row < d && j <= row ? static_cast<T>(u[row * d + j]) : T(0));
}

template <class T>
struct Packed {
  std::vector<T> centre_high, centre_low, inverse_scale, constant, triangles, scale, shift;

  Packed(const MixtureRows& rows, const MixtureParameters& p, bool densities) {
    const std::int64_t d = rows.n_columns, k = p.n_components;
    inverse_scale = converted<T>(rows.inverse_scale, d);
    centre_high = converted<T>(rows.centre, d);
    for (std::int64_t j = 0; j < d; ++j)
      centre_low.push_back(
          static_cast<T>(rows.centre[j] - static_cast<double>(centre_high[static_cast<std::size_t>(j)])));
    if (!densities) return;
    constant = converted<T>(p.constant, k);
    if (p.form == MixtureForm::full) {
      for (std::int64_t i = 0; i < k; ++i) {
        pack_triangle(p.whitening + i * d * d, d, triangles);
        for (std::int64_t j = 0; j < triangle_rows(d); ++j)
          shift.push_back(j < d ? static_cast<T>(p.shift[i * d + j]) : T(0));
      }
      return;
    }
    if (p.form == MixtureForm::tied) pack_triangle(p.whitening, d, triangles);
    scale = p.form == MixtureForm::tied ? std::vector<T>(static_cast<std::size_t>(k * d), T(1))
                                        : converted<T>(p.whitening, k * d);
    shift = converted<T>(p.shift, k * d);
  }
};

// Products of two features from runs of x[j] x[(j + s) mod d] into rows of the lower triangle.
void add_cyclic(const double* runs, std::int64_t d, double* out) {
  for (std::int64_t i = 0, at = 0; i < d; ++i)
    for (std::int64_t j = 0; j <= i; ++j, ++at) {
      const std::int64_t s = i - j;
      out[at] += s <= d / 2 ? runs[s * d + j] : runs[(d - s) * d + i];
    }
}

void add_sums(const std::vector<double>& total, MixtureForm form, std::int64_t d, std::int64_t k,
              const MixtureSums& out) {
  const double* from = total.data();
  for (std::int64_t i = 0; i < k; ++i) out.count[i] += from[i];
  from += k;
  const std::int64_t pairs = d * (d + 1) / 2, size = d * (1 + shifts_of(form, d));
  for (std::int64_t i = 0; i < k; ++i, from += size) {
    for (std::int64_t j = 0; j < d; ++j) out.sum[i * d + j] += from[j];
    if (form == MixtureForm::full) add_cyclic(from + d, d, out.squares + i * pairs);
    if (form == MixtureForm::diagonal)
      for (std::int64_t j = 0; j < d; ++j) out.squares[i * d + j] += from[d + j];
  }
  if (form == MixtureForm::tied) add_cyclic(from, d, out.squares);
}

// Chunks of whole tiles, of at least some million operations, at most 64 and fewer where sums take much memory: by sizes alone.
Chunks cut(std::int64_t n_rows, std::int64_t sums, double operations) {
  const std::int64_t tiles = (n_rows + kMixtureTile - 1) / kMixtureTile;
  const std::int64_t fit = std::clamp<std::int64_t>((std::int64_t{1} << 25) / std::max<std::int64_t>(sums, 1), 4, 64);
  const auto worth = static_cast<std::int64_t>(std::min(64.0, operations / 1e6));
  const std::int64_t most = std::clamp<std::int64_t>(worth, 1, fit);
  const std::int64_t each = std::max<std::int64_t>(1, (tiles + most - 1) / most);
  return {(tiles + each - 1) / each, each * kMixtureTile};
}

template <class T>
double local_step(const Context& context, const MixtureRows& rows, std::int64_t begin, std::int64_t end,
                  const MixtureParameters& p, const MixtureSums& sums, const MixtureLocals& locals) {
  const std::int64_t d = rows.n_columns, k = p.n_components;
  if (end <= begin) return 0;
  const Packed<T> packed(rows, p, locals.given == nullptr);
  const bool wants_sums = sums.count != nullptr;
  const auto by_component = static_cast<double>(p.form == MixtureForm::full ? d * (2 * d + 4) : 8 * d);
  const double by_row = static_cast<double>(k) * (by_component + 20) +
                        (p.form == MixtureForm::tied ? static_cast<double>(2 * d * d) : 0.0);
  const std::int64_t n_sums = 1 + (wants_sums ? mixture_sums_size(p.form, d, k) : 0);
  const Plan plan{cut(end - begin, n_sums, by_row * static_cast<double>(end - begin)),
                  kernels<T>().scratch(p.form, d, k), by_row * static_cast<double>(end - begin)};
  MixtureChunk<T> chunk;
  chunk.form = p.form;
  chunk.d = d;
  chunk.k = k;
  chunk.rows = rows;
  chunk.first = begin;
  chunk.centre_high = packed.centre_high.data();
  chunk.centre_low = packed.centre_low.data();
  chunk.inverse_scale = packed.inverse_scale.data();
  chunk.constant = packed.constant.data();
  chunk.triangles = packed.triangles.data();
  chunk.scale = packed.scale.data();
  chunk.shift = packed.shift.data();
  chunk.locals = locals;
  chunk.wants_sums = wants_sums;
  std::vector<double> total = sum_over_rows<T>(context, end - begin, plan, n_sums,
                                               [&](std::int64_t from, std::int64_t to, double* out, T* scratch) {
                                                 MixtureChunk<T> mine = chunk;
                                                 mine.begin = begin + from;
                                                 mine.end = begin + to;
                                                 mine.value = out;
                                                 mine.sums = out + 1;
                                                 kernels<T>().local_step(mine, scratch);
                                               });
  const double value = total[0];
  if (wants_sums) {
    total.erase(total.begin());
    add_sums(total, p.form, d, k, sums);
  }
  return value;
}

}  // namespace

template <class T>
const MixtureOps<T>& cpu_mixture_ops() {
  static constexpr MixtureOps<T> of_cpu{
      .prepare = [](const Context&, const MixtureRows&, std::int64_t) -> std::shared_ptr<const PreparedMixtureRows> {
        return nullptr;
      },
      .local_step = local_step<T>};
  return of_cpu;
}
template const MixtureOps<float>& cpu_mixture_ops();
template const MixtureOps<double>& cpu_mixture_ops();

}  // namespace velbo::internal

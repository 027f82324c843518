// plain_terms.h - a row's terms by their definition, in double, with what their rounding errors are measured by.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/row_case.h"
#include "math/normal.h"
#include "row_passes.cuh"
#include "row_terms.cuh"

namespace velbo::kernels {

// Two blocks, one with two chunks of two tiles, one with a chunk of two and one of one tile, which is not full.
inline std::int64_t rows_for(std::int64_t tile) { return 7 * tile - 3; }
inline Launch launch_for(int tile) {
  Launch launch;
  launch.most_blocks = 2;
  launch.wanted_chunks = 4;
  launch.tile_rows = tile;
  const std::vector<Chunks> chunks = slabs(launch, rows_for(tile), tile, 1);
  EXPECT_EQ(chunks.size(), 1U);
  EXPECT_EQ(chunks[0].count, 4);
  EXPECT_EQ(chunks[0].rows, 2 * tile);
  return launch;
}

// A number, and the size of those that it was made of: computed in T it is off by some epsilons of that.
struct Sized {
  long double value = 0;  // so that sums of doubles are as good as exact
  double size = 0;

  void add(long double term, double term_size) {
    value += term;
    size += term_size;
  }
};

// The first few that are further apart than `epsilons` epsilons of T.  NaN is far from everything.
template <class T>
void expect_close(const std::vector<double>& got, const std::vector<Sized>& wanted, double epsilons = 4) {
  ASSERT_EQ(got.size(), wanted.size());
  int shown = 0;
  for (std::size_t i = 0; i < got.size() && shown < 3; ++i) {
    const double most = epsilons * static_cast<double>(std::numeric_limits<T>::epsilon()) * wanted[i].size;
    const double value = static_cast<double>(wanted[i].value);
    if (std::abs(static_cast<long double>(got[i]) - wanted[i].value) <= most) continue;
    ++shown;
    ADD_FAILURE() << "number " << i << " of " << got.size() << " is " << got[i] << " and not " << value
                  << ", to within " << most;
  }
}

// x'z.
template <class T>
Sized product(const std::vector<double>& x, const T* z, std::int64_t stride = 1) {
  Sized sum;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const long double term = x[j] * static_cast<long double>(z[static_cast<std::int64_t>(j) * stride]);
    sum.add(term, static_cast<double>(std::abs(term)));
  }
  return sum;
}
template <class T>
Sized squares(const std::vector<double>& x, const T* sd) {
  Sized sum;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const long double term = x[j] * static_cast<long double>(sd[j]);
    sum.add(term * term, static_cast<double>(term * term));
  }
  return sum;
}

struct PlainTerm {
  Sized value, rho, c;
};

// How much rho and c may change, at most, where the predictor does.
inline double slope_of(internal::RowLikelihood likelihood, double eta, const internal::RowOutcome<double>& row) {
  switch (likelihood) {
    case internal::RowLikelihood::bernoulli: return row.weight * row.trials;
    case internal::RowLikelihood::poisson: return row.weight * (row.y + std::exp(eta));
    default: return row.weight;
  }
}

// At the predictor `eta`, to which row n's offset is added here.
template <class T>
PlainTerm point_term(const RowCase<T>& rows, std::int64_t n, Sized eta) {
  const internal::RowOutcome<double> row = rows.outcome(n);
  eta.add(rows.offset(n), std::abs(rows.offset(n)) + std::abs(row.y) + 1);
  const internal::PointTerm<double> term =
      internal::row_at(rows.storage().likelihood, static_cast<double>(eta.value), row);
  const double rho_size = slope_of(rows.storage().likelihood, static_cast<double>(eta.value), row) * eta.size;
  return {{term.value, rho_size * eta.size}, {term.rho, rho_size}, {}};
}

constexpr std::uint64_t kRuleKey = 0x1234'5678'9abcU;
constexpr std::uint32_t kRuleStep = 9;
inline DrawRule rule_of(const Storage& storage) { return {storage.n_draws, kRuleKey, kRuleStep}; }

// Expected under a predictor of that mean, to which the offset is added here, and variance.
template <class T>
PlainTerm expected_term_of(const RowCase<T>& rows, std::int64_t n, Sized mean, const Sized& variance) {
  const internal::RowOutcome<double> row = rows.outcome(n);
  const internal::RowLikelihood likelihood = rows.storage().likelihood;
  mean.add(rows.offset(n), std::abs(rows.offset(n)) + std::abs(row.y) + 1 + variance.size);
  const double m = static_cast<double>(mean.value), v = static_cast<double>(variance.value), sd = std::sqrt(v);
  const double rho_size = slope_of(likelihood, m + 2 * sd, row) * mean.size;
  const std::int64_t n_draws = rows.storage().n_draws;
  if (n_draws == 0) {
    const ExpectedTerm<double> term = expected_term(likelihood, DrawRule{}, 0, m, v, row);
    return {{term.value, rho_size * mean.size}, {term.rho, rho_size}, {term.c, rho_size}};
  }
  PlainTerm sum;
  for (std::int64_t s = 0; s < n_draws; ++s) {
    float eps[4];
    internal::four_normals(internal::words_at(kRuleKey, kRuleStep, static_cast<std::uint32_t>(s / 4),
                                              static_cast<std::uint64_t>(rows.stored(n))),
                           eps);
    const double e = static_cast<double>(eps[s % 4]);
    const internal::PointTerm<double> term = internal::row_at(likelihood, m + sd * e, row);
    const double share = 1 / static_cast<double>(n_draws);
    sum.value.add(term.value * share, 3 * rho_size * mean.size * share);
    sum.rho.add(term.rho * share, 3 * rho_size * share);
    sum.c.add(-e * term.rho / sd * share, 9 * rho_size / sd * share);
  }
  return sum;
}

}  // namespace velbo::kernels

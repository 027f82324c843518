// cpu/row_terms.h - the per-row mathematics of a tile: plain loops over arrays that the compiler vectorises.
// Included by the per-instruction-set source only.
#pragma once
#include "backend/ops.h"
#include "cpu/isa.h"
#include "cpu/lanes.h"
#include "math/row_likelihood.h"

// The arrays of a tile do not overlap, but for inputs among themselves; there are too many for the compiler to check.
#if defined(__clang__)
#define VELBO_ROWS_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define VELBO_ROWS_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace velbo::internal {
namespace {

// Arrays of one tile, [used] each.  s holds the variance of the predictor; rho and c come out weighted.
template <class T>
struct RowTerms {
  std::int64_t used;
  const T* y;
  const T* trials;
  const T* weights;
  const T* m;
  const T* s;
  T* value;
  T* rho;
  T* c;
};

template <class T>
RowOutcome<T> outcome_at(const RowTerms<T>& t, std::int64_t r) {
  return {t.y[r], t.trials[r], t.weights[r]};
}

template <class T>
void store_term(const ExpectedTerm<T>& term, const RowTerms<T>& t, std::int64_t r) {
  t.value[r] = term.value;
  t.rho[r] = term.rho;
  t.c[r] = term.c;
}

template <LogisticRule R, class T>
void bernoulli_rows(const RowTerms<T>& t) {
  VELBO_ROWS_INDEPENDENT
  for (std::int64_t r = 0; r < t.used; ++r) {
    const Logistic<T> e = logistic_expectation_by<R>(-abs_of(t.m[r]), sqrt_of(t.s[r]));
    store_term(bernoulli_row(t.m[r], e, outcome_at(t, r)), t, r);
  }
}

// Weighted expected log likelihood, its derivative in m, and -2 d/d(s^2), for every row of the tile.
template <class T>
void expected_terms(RowLikelihood likelihood, const RowTerms<T>& t) {
  switch (likelihood) {
    case RowLikelihood::bernoulli: {
      T least = t.s[0], most = t.s[0];
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t r = 0; r < t.used; ++r) {
        least = t.s[r] < least ? t.s[r] : least;
        most = t.s[r] > most ? t.s[r] : most;
      }
      with_logistic_rule(logistic_rule_for(sqrt_of(least), sqrt_of(most)),
                         [&]<LogisticRule R>() { bernoulli_rows<R>(t); });
      return;
    }
    case RowLikelihood::poisson:
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t r = 0; r < t.used; ++r) store_term(poisson_row(t.m[r], t.s[r], outcome_at(t, r)), t, r);
      return;
    case RowLikelihood::unit_gaussian:
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t r = 0; r < t.used; ++r) store_term(unit_gaussian_row(t.m[r], t.s[r], outcome_at(t, r)), t, r);
      return;
  }
}

// Calls visit.operator()<L>() with the likelihood as a constant.
template <class Visitor>
VELBO_HD void with_likelihood(RowLikelihood likelihood, const Visitor& visit) {
  switch (likelihood) {
    case RowLikelihood::bernoulli: visit.template operator()<RowLikelihood::bernoulli>(); return;
    case RowLikelihood::poisson: visit.template operator()<RowLikelihood::poisson>(); return;
    case RowLikelihood::unit_gaussian: visit.template operator()<RowLikelihood::unit_gaussian>(); return;
  }
}

// In a loop of its own: a chain of operations that is half as long lets a processor work on twice as many rows at a time.
template <RowLikelihood L, class T>
void exponentials_at(std::int64_t count, const T* eta, T* exponential) {
  VELBO_ROWS_INDEPENDENT
  for (std::int64_t i = 0; i < count; ++i) exponential[i] = exponential_at<L>(eta[i]);
}

// Values and derivatives of a tile of rows at one predictor each.
template <class T>
void rows_at(RowLikelihood likelihood, std::int64_t used, const T* eta, const T* y, const T* trials, const T* weights,
             T* value, T* rho) {
  with_likelihood(likelihood, [&]<RowLikelihood L>() {
    exponentials_at<L>(used, eta, value);
    VELBO_ROWS_INDEPENDENT
    for (std::int64_t r = 0; r < used; ++r) {
      const PointTerm<T> term = row_from<L>(value[r], eta[r], RowOutcome<T>{y[r], trials[r], weights[r]});
      value[r] = term.value;
      rho[r] = term.rho;
    }
  });
}

// The same for `columns` predictors of each row, [used, columns]; columns is a multiple of the lanes.
template <class T>
void rows_at_many(RowLikelihood likelihood, std::int64_t used, std::int64_t columns, const T* eta, const T* y,
                  const T* trials, const T* weights, T* value, T* rho) {
  constexpr int n = Lanes<T>::count;
  with_likelihood(likelihood, [&]<RowLikelihood L>() {
    exponentials_at<L>(used * columns, eta, value);
    for (std::int64_t r = 0; r < used; ++r) {
      const RowOutcome<T> row{y[r], trials[r], weights[r]};
      for (std::int64_t s = r * columns; s < (r + 1) * columns; s += n) {
        VELBO_ROWS_INDEPENDENT
        for (int k = 0; k < n; ++k) {
          const PointTerm<T> term = row_from<L>(value[s + k], eta[s + k], row);
          value[s + k] = term.value;
          rho[s + k] = term.rho;
        }
      }
    }
  });
}

// Expectations as means over n_draws draws m + s eps of each row; noise(group, eps) writes the normals of draws 4 group +
// 0 .. 3 to eps[k * tile + r].  s holds the variance.  eps: 4 tiles of scratch; sums: 1.
template <class T, class Noise>
void drawn_terms(RowLikelihood likelihood, const RowTerms<T>& t, std::int64_t tile, std::int64_t n_draws, T* sd, T* eps,
                 const Noise& noise) {
  for (std::int64_t r = 0; r < t.used; ++r) {
    sd[r] = sqrt_of(t.s[r]);
    t.value[r] = t.rho[r] = t.c[r] = 0;
  }
  for (std::int64_t group = 0; 4 * group < n_draws; ++group) {
    noise(group, eps);
    for (std::int64_t k = 0; k < 4 && 4 * group + k < n_draws; ++k) {
      const T* e = eps + k * tile;
      with_likelihood(likelihood, [&]<RowLikelihood L>() {
        VELBO_ROWS_INDEPENDENT
        for (std::int64_t r = 0; r < t.used; ++r) {
          const PointTerm<T> term = row_at<L>(t.m[r] + sd[r] * e[r], outcome_at(t, r));
          t.value[r] += term.value;
          t.rho[r] += term.rho;
          t.c[r] -= e[r] * term.rho;
        }
      });
    }
  }
  const T share = T(1) / static_cast<T>(n_draws);
  VELBO_ROWS_INDEPENDENT
  for (std::int64_t r = 0; r < t.used; ++r) {
    t.value[r] *= share;
    t.rho[r] *= share;
    t.c[r] = sd[r] > T(0) ? t.c[r] * share / sd[r] : T(0);
  }
}

// sums[0] += the values, sums[1] += their absolute values, in double and in a fixed order.
template <class T>
void add_values(const T* value, std::int64_t used, double* sums) {
  double total[8] = {}, absolute[8] = {};
  for (std::int64_t r = 0; r < used; r += 8)
    for (int k = 0; k < 8; ++k) {
      const double v = static_cast<double>(value[r + k]);
      total[k] += v;
      absolute[k] += v < 0 ? -v : v;
    }
  for (int k = 0; k < 8; ++k) {
    sums[0] += total[k];
    sums[1] += absolute[k];
  }
}

}  // namespace
}  // namespace velbo::internal

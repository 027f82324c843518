// cpu/row_terms.h - the per-row mathematics of a tile: plain loops over arrays that the compiler vectorises.
// Included by the per-instruction-set source only.
#pragma once
#include "backend/ops.h"
#include "cpu/isa.h"
#include "cpu/lanes.h"
#include "math/expectations.h"

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
VELBO_HD T root(T x) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return __builtin_sqrtf(x);
  } else {
    return __builtin_sqrt(x);
  }
}

// Expectations are taken at -|m|, where softplus and sigmoid are small and exact, and mirrored: softplus(m) =
// softplus(-m) + m.  What is left at m < 0 is y m, at m > 0 it is -(trials - y) m, without cancellation.
template <LogisticRule R, class T>
void bernoulli_rows(const RowTerms<T>& t) {
  VELBO_ROWS_INDEPENDENT
  for (std::int64_t r = 0; r < t.used; ++r) {
    const T m = t.m[r], y = t.y[r], trials = t.trials[r], w = t.weights[r];
    const Logistic<T> e = logistic_expectation_by<R>(-abs_of(m), root(t.s[r]));
    const T surprise = m > T(0) ? y - trials : y;
    t.value[r] = w * (surprise * m - trials * e.softplus);
    const T tail = trials * e.sigmoid;
    t.rho[r] = w * (surprise + (m > T(0) ? tail : -tail));  // not by the sign bit: m may be +0
    t.c[r] = w * trials * e.slope;
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
      with_logistic_rule(logistic_rule_for(root(least), root(most)), [&]<LogisticRule R>() { bernoulli_rows<R>(t); });
      return;
    }
    case RowLikelihood::poisson:
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t r = 0; r < t.used; ++r) {
        const Expectation<T> e = poisson_expectation(t.y[r], T(0), t.m[r], t.s[r]);
        t.value[r] = t.weights[r] * e.value;
        t.rho[r] = t.weights[r] * e.d_mean;
        t.c[r] = t.weights[r] * e.curvature;
      }
      return;
    case RowLikelihood::unit_gaussian:
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t r = 0; r < t.used; ++r) {
        const T residual = t.y[r] - t.m[r];
        t.value[r] = T(-0.5) * t.weights[r] * (residual * residual + t.s[r]);
        t.rho[r] = t.weights[r] * residual;
        t.c[r] = t.weights[r];
      }
      return;
  }
}

template <class T>
VELBO_HD bool is_negative(T x) {  // by the sign bit, which a select takes as it is
  if constexpr (sizeof(T) == sizeof(float)) {
    return static_cast<std::int32_t>(elementary::bits_of(x)) < 0;
  } else {
    return static_cast<std::int64_t>(elementary::bits_of(x)) < 0;
  }
}

// What a row's log likelihood needs of the predictor eta alone: the long chain of operations.
template <RowLikelihood L, class T>
VELBO_HD LogisticTail<T> curve_at(T eta) {
  if constexpr (L == RowLikelihood::bernoulli) return logistic_tail(abs_of(eta));  // mirrored, as in bernoulli_rows()
  if constexpr (L == RowLikelihood::poisson) return {exp_any(eta), T(0)};
  return {T(0), T(0)};
}

// The log likelihood of one row at the predictor eta, and its derivative; weighted.
template <RowLikelihood L, class T>
VELBO_HD void row_by(LogisticTail<T> curve, T eta, T y, T trials, T weight, T& value, T& rho) {
  if constexpr (L == RowLikelihood::bernoulli) {
    // Either sign of zero will do, as long as both selects agree.
    const T surprise = is_negative(eta) ? y : y - trials;
    const T tail = trials * curve.sigmoid;
    value = weight * (surprise * eta - trials * curve.softplus);
    rho = weight * (surprise + (is_negative(eta) ? -tail : tail));
  } else if constexpr (L == RowLikelihood::poisson) {
    const T rate = curve.softplus;
    value = weight * (y * eta - rate);
    rho = weight * (y - rate);
  } else {
    const T residual = y - eta;
    value = T(-0.5) * weight * residual * residual;
    rho = weight * residual;
  }
}

template <RowLikelihood L, class T>
VELBO_HD void row_at(T eta, T y, T trials, T weight, T& value, T& rho) {
  row_by<L>(curve_at<L>(eta), eta, y, trials, weight, value, rho);
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

// Curves of `count` predictors, into what will be their values and derivatives.  In a loop of its own: a chain that is half
// as long lets a processor work on twice as many rows at a time.
template <RowLikelihood L, class T>
void curves_at(std::int64_t count, const T* eta, T* softplus, T* sigmoid) {
  VELBO_ROWS_INDEPENDENT
  for (std::int64_t i = 0; i < count; ++i) {
    const LogisticTail<T> curve = curve_at<L>(eta[i]);
    softplus[i] = curve.softplus;
    sigmoid[i] = curve.sigmoid;
  }
}

// Values and derivatives of a tile of rows at one predictor each.
template <class T>
void rows_at(RowLikelihood likelihood, std::int64_t used, const T* eta, const T* y, const T* trials, const T* weights,
             T* value, T* rho) {
  with_likelihood(likelihood, [&]<RowLikelihood L>() {
    curves_at<L>(used, eta, value, rho);
    VELBO_ROWS_INDEPENDENT
    for (std::int64_t r = 0; r < used; ++r)
      row_by<L>({value[r], rho[r]}, eta[r], y[r], trials[r], weights[r], value[r], rho[r]);
  });
}

// The same for `columns` predictors of each row, [used, columns]; columns is a multiple of the lanes.
template <class T>
void rows_at_many(RowLikelihood likelihood, std::int64_t used, std::int64_t columns, const T* eta, const T* y,
                  const T* trials, const T* weights, T* value, T* rho) {
  constexpr int n = Lanes<T>::count;
  with_likelihood(likelihood, [&]<RowLikelihood L>() {
    curves_at<L>(used * columns, eta, value, rho);
    for (std::int64_t r = 0; r < used; ++r) {
      const T yr = y[r], tr = trials[r], wr = weights[r];
      for (std::int64_t s = r * columns; s < (r + 1) * columns; s += n) {
        VELBO_ROWS_INDEPENDENT
        for (int k = 0; k < n; ++k)
          row_by<L>({value[s + k], rho[s + k]}, eta[s + k], yr, tr, wr, value[s + k], rho[s + k]);
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
    sd[r] = root(t.s[r]);
    t.value[r] = t.rho[r] = t.c[r] = 0;
  }
  for (std::int64_t group = 0; 4 * group < n_draws; ++group) {
    noise(group, eps);
    for (std::int64_t k = 0; k < 4 && 4 * group + k < n_draws; ++k) {
      const T* e = eps + k * tile;
      with_likelihood(likelihood, [&]<RowLikelihood L>() {
        VELBO_ROWS_INDEPENDENT
        for (std::int64_t r = 0; r < t.used; ++r) {
          T value, rho;
          row_at<L>(t.m[r] + sd[r] * e[r], t.y[r], t.trials[r], t.weights[r], value, rho);
          t.value[r] += value;
          t.rho[r] += rho;
          t.c[r] -= e[r] * rho;
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

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

// Expectations are taken at -|m|, where softplus and sigmoid are small and exact, and mirrored:
// softplus(m) = softplus(-m) + m.
template <LogisticRule R, class T>
void bernoulli_rows(const RowTerms<T>& t) {
  VELBO_ROWS_INDEPENDENT
  for (std::int64_t r = 0; r < t.used; ++r) {
    const T m = t.m[r];
    const T a = abs_of(m);
    const Logistic<T> e = logistic_expectation_by<R>(-a, root(t.s[r]));
    const bool positive = m > T(0);
    const T plus = e.softplus + max_of(m, T(0));    // E softplus(eta)
    const T minus = e.softplus + max_of(-m, T(0));  // E softplus(-eta)
    const T other = T(1) - e.sigmoid;
    const T upper = positive ? other : e.sigmoid;  // E sigmoid(eta)
    const T lower = positive ? e.sigmoid : other;  // E sigmoid(-eta)
    const T success = t.y[r], failure = t.trials[r] - success, w = t.weights[r];
    t.value[r] = -w * (success * minus + failure * plus);
    t.rho[r] = w * (success * lower - failure * upper);
    t.c[r] = w * t.trials[r] * e.slope;
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

// Weighted log likelihood of every row at the predictor m.
template <class T>
void row_log_likelihood(RowLikelihood likelihood, const RowTerms<T>& t) {
  switch (likelihood) {
    case RowLikelihood::bernoulli:
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t r = 0; r < t.used; ++r) {
        const T m = t.m[r];
        const T softplus = logistic(-abs_of(m)).softplus;
        t.value[r] = -t.weights[r] *
                     (t.y[r] * (softplus + max_of(-m, T(0))) + (t.trials[r] - t.y[r]) * (softplus + max_of(m, T(0))));
      }
      return;
    case RowLikelihood::poisson:
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t r = 0; r < t.used; ++r) t.value[r] = t.weights[r] * (t.y[r] * t.m[r] - exp_any(t.m[r]));
      return;
    case RowLikelihood::unit_gaussian:
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t r = 0; r < t.used; ++r) {
        const T residual = t.y[r] - t.m[r];
        t.value[r] = T(-0.5) * t.weights[r] * residual * residual;
      }
      return;
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

// row_likelihood.h - log likelihoods of one row given its linear predictor, at a point and expected over a Gaussian one.
//
// Scalar functions for loops over rows and for kernels.  Constants of the likelihood are left to the caller.
#pragma once
#include <cmath>
#include <cstdint>

#include "math/expectations.h"

namespace velbo::internal {

enum class RowLikelihood : std::int32_t {
  bernoulli,      // y eta - trials softplus(eta)
  poisson,        // y eta - e^eta
  unit_gaussian,  // -(y - eta)^2 / 2
};

// What a row's likelihood depends on besides its predictor.
template <class T>
struct RowOutcome {
  T y;
  T trials;
  T weight;
};

// A weighted log likelihood and its derivative in the predictor.
template <class T>
struct PointTerm {
  T value;
  T rho;
};

// A weighted expected log likelihood, its derivative in the predictor's mean, and -2 times that in its variance.
template <class T>
struct ExpectedTerm {
  T value;
  T rho;
  T c;
};

template <class T>
VELBO_HD bool is_negative(T x) {  // by the sign bit, which a vector's select takes as it is
  if constexpr (sizeof(T) == sizeof(float)) {
    return static_cast<std::int32_t>(elementary::bits_of(x)) < 0;
  } else {
    return static_cast<std::int64_t>(elementary::bits_of(x)) < 0;
  }
}

// softplus(x) = softplus(-x) + x: at -|x| softplus and sigmoid are small and exact.  What is left at x < 0 is y x, at x > 0
// it is -(trials - y) x, without cancellation.  `softplus` and `sigmoid` are those at -|x|, or expected there.
template <class T>
VELBO_HD PointTerm<T> mirrored_logistic(T x, T softplus, T sigmoid, const RowOutcome<T>& row) {
  // Either sign of zero will do, as long as both selects agree.
  const T surprise = is_negative(x) ? row.y : row.y - row.trials;
  const T tail = row.trials * sigmoid;
  return {row.weight * (surprise * x - row.trials * softplus),
          row.weight * (surprise + (is_negative(x) ? -tail : tail))};
}

// The exponential that a row's term is made of: a function of the predictor alone, and half of the work.
template <RowLikelihood L, class T>
VELBO_HD T exponential_at(T eta) {
  if constexpr (L == RowLikelihood::bernoulli) return exp_nonpositive(-abs_of(eta));
  if constexpr (L == RowLikelihood::poisson) return exp_any(eta);
  return T(0);
}

template <RowLikelihood L, class T>
VELBO_HD PointTerm<T> row_from(T exponential, T eta, const RowOutcome<T>& row) {
  if constexpr (L == RowLikelihood::bernoulli) {
    const LogisticTail<T> e = logistic_tail_of(exponential);
    return mirrored_logistic(eta, e.softplus, e.sigmoid, row);
  } else if constexpr (L == RowLikelihood::poisson) {
    return {row.weight * (row.y * eta - exponential), row.weight * (row.y - exponential)};
  } else {
    const T residual = row.y - eta;
    return {T(-0.5) * row.weight * residual * residual, row.weight * residual};
  }
}

template <RowLikelihood L, class T>
VELBO_HD PointTerm<T> row_at(T eta, const RowOutcome<T>& row) {
  return row_from<L>(exponential_at<L>(eta), eta, row);
}

// The same with the likelihood as a variable.
template <class T>
VELBO_HD PointTerm<T> row_at(RowLikelihood likelihood, T eta, const RowOutcome<T>& row) {
  switch (likelihood) {
    case RowLikelihood::bernoulli: return row_at<RowLikelihood::bernoulli>(eta, row);
    case RowLikelihood::poisson: return row_at<RowLikelihood::poisson>(eta, row);
    default: return row_at<RowLikelihood::unit_gaussian>(eta, row);
  }
}

// `e`: the expectations at -|m|.
template <class T>
VELBO_HD ExpectedTerm<T> bernoulli_row(T m, const Logistic<T>& e, const RowOutcome<T>& row) {
  const PointTerm<T> term = mirrored_logistic(m, e.softplus, e.sigmoid, row);
  return {term.value, term.rho, row.weight * row.trials * e.slope};
}

template <class T>
VELBO_HD ExpectedTerm<T> poisson_row(T m, T variance, const RowOutcome<T>& row) {
  const Expectation<T> e = poisson_expectation(row.y, T(0), m, variance);
  return {row.weight * e.value, row.weight * e.d_mean, row.weight * e.curvature};
}

template <class T>
VELBO_HD ExpectedTerm<T> unit_gaussian_row(T m, T variance, const RowOutcome<T>& row) {
  const T residual = row.y - m;
  return {T(-0.5) * row.weight * (residual * residual + variance), row.weight * residual, row.weight};
}

template <class T>
VELBO_HD T sqrt_of(T x) {
  if constexpr (sizeof(T) == sizeof(float)) {
#if defined(__CUDA_ARCH__)
    return sqrtf(x);
#else
    return __builtin_sqrtf(x);
#endif
  } else {
#if defined(__CUDA_ARCH__)
    return sqrt(x);
#else
    return __builtin_sqrt(x);
#endif
  }
}

template <class T>
VELBO_HD T log_of(T x) {
#if defined(__CUDA_ARCH__)
  return log(x);
#else
  return std::log(x);
#endif
}

// Where a fit may start from: a curvature, and a working response.  bernoulli: the largest curvature there is, and 0; poisson:
// those of a least-squares step from log(y + 1/2) (McCullagh and Nelder 1989, section 2.5).
template <class T>
struct StartingTerm {
  T c;
  T r;
};
template <class T>
VELBO_HD StartingTerm<T> starting_term(RowLikelihood likelihood, const RowOutcome<T>& row, T offset) {
  switch (likelihood) {
    case RowLikelihood::bernoulli: return {row.weight * row.trials / T(4), T(0)};
    case RowLikelihood::poisson: return {row.weight * (row.y + T(0.5)), log_of(row.y + T(0.5)) - offset};
    default: return {row.weight, row.y - offset};
  }
}

}  // namespace velbo::internal

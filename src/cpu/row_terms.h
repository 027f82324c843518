// cpu/row_terms.h - the per-row mathematics of a tile: plain loops over arrays that the compiler vectorises.
// Included by the per-instruction-set source only.
#pragma once
#include "backend/ops.h"
#include "cpu/isa.h"
#include "cpu/lanes.h"
#include "math/expectations.h"

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

// Applies `rule(m, s)`, which gives the logistic expectation, to every row.  Expectations are taken at -|m|, where
// softplus and sigmoid are small and exact, and mirrored: softplus(m) = softplus(-m) + m.
template <class T, class Rule>
inline __attribute__((always_inline)) void bernoulli_rows(const RowTerms<T>& t, const Rule& rule) {
  for (std::int64_t r = 0; r < t.used; ++r) {
    const T m = t.m[r];
    const T a = abs_of(m);
    const auto e = rule(-a, root(t.s[r]));
    const T plus = m > T(0) ? e.value + a : e.value;    // E softplus(eta)
    const T minus = m > T(0) ? e.value : e.value + a;   // E softplus(-eta)
    const T upper = m > T(0) ? T(1) - e.first : e.first;  // E sigmoid(eta)
    const T lower = m > T(0) ? e.first : T(1) - e.first;  // E sigmoid(-eta)
    const T success = t.y[r], failure = t.trials[r] - success, w = t.weights[r];
    t.value[r] = -w * (success * minus + failure * plus);
    t.rho[r] = w * (success * lower - failure * upper);
    t.c[r] = w * t.trials[r] * e.second;
  }
}

}  // namespace
}  // namespace velbo::internal

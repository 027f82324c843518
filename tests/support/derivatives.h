// support/derivatives.h - values and derivatives of functions of several scalars, some of which carry derivatives.
#pragma once
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "velbo/dual.h"

namespace velbo::test {

struct Evaluated {
  double value = 0;
  std::vector<double> gradient;
};

namespace detail {

// Argument i of `arguments` as a T: a variable of direction i, or a plain number.
template <class Real, int N, bool kVariable>
auto argument(const std::vector<double>& arguments, std::size_t i) {
  const Real value = static_cast<Real>(arguments[i]);
  if constexpr (kVariable) {
    return Dual<Real, N>::variable(value, static_cast<int>(i));
  } else {
    return value;
  }
}

template <class Real, unsigned kMask, class F, std::size_t... I>
Evaluated evaluate(const F& f, const std::vector<double>& arguments, std::index_sequence<I...>) {
  constexpr int n = sizeof...(I);
  const auto out = f(argument<Real, n, ((kMask >> I) & 1U) != 0>(arguments, I)...);
  if constexpr (kMask == 0) {
    static_assert(std::is_same_v<decltype(out), const Real>, "numbers of one type give a number of that type");
    return {static_cast<double>(out), {}};
  } else {
    static_assert(std::is_same_v<decltype(out), const Dual<Real, n>>);
    return {static_cast<double>(out.value), {out.derivative, out.derivative + n}};
  }
}

}  // namespace detail

// f of kCount arguments, of which those whose bit in kMask is set carry derivatives; the gradient is 0 for the others.
template <class Real, std::size_t kCount, unsigned kMask = (1U << kCount) - 1, class F>
Evaluated evaluate(const F& f, const std::vector<double>& arguments) {
  return detail::evaluate<Real, kMask>(f, arguments, std::make_index_sequence<kCount>());
}

// Every mask in turn, from none to all: visit(mask, Evaluated).
template <class Real, std::size_t kCount, class F, class Visit, unsigned kMask = 0>
void for_every_mask(const F& f, const std::vector<double>& arguments, const Visit& visit) {
  visit(kMask, evaluate<Real, kCount, kMask>(f, arguments));
  if constexpr (kMask + 1 < (1U << kCount)) for_every_mask<Real, kCount, F, Visit, kMask + 1>(f, arguments, visit);
}

}  // namespace velbo::test

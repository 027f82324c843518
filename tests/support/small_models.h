// support/small_models.h - models in code that several tests fit.
#pragma once
#include <array>

#include "velbo/distributions.h"
#include "velbo/functions.h"
#include "velbo/model.h"

namespace velbo::test {

// z1 ~ normal(1, 2), z2 | z1 ~ normal(z1 / 2, 1), s ~ lognormal(-1, 0.5): Gaussian in z.
struct Exact {
  template <class T>
  T operator()(const T* theta) const {
    return normal_lpdf(theta[0], 1, 2) + normal_lpdf(theta[1], theta[0] / 2, 1) + lognormal_lpdf(theta[2], -1, 0.5);
  }
};
inline Model exact_model() { return {{real("z", {2}), positive("s")}, Exact{}, "exact"}; }

// Eight schools, not centred: the best Gaussian has the ELBO -32.2325, without the half-Cauchy's log 2.
struct Funnel {
  std::array<double, 8> y{28, 8, -3, 7, -1, 1, 18, 12}, sigma{15, 10, 16, 11, 9, 11, 10, 18};
  template <class T>
  T operator()(const T* theta) const {
    const T &mu = theta[0], &tau = theta[1];
    T sum = normal_lpdf(mu, 0, 5) + half_cauchy_lpdf(tau, 5);
    for (std::size_t j = 0; j < 8; ++j)
      sum += std_normal_lpdf(theta[2 + j]) + normal_lpdf(y[j], mu + tau * theta[2 + j], sigma[j]);
    return sum;
  }
};
inline Model funnel() { return {{real("mu"), positive("tau"), real("school", {8})}, Funnel{}, "eight schools"}; }

}  // namespace velbo::test

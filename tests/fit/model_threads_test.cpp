// A fit of a model in code on one thread and on several: the same bits.
#include <gtest/gtest.h>

#include <array>

#include "velbo/distributions.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

struct Schools {
  std::array<double, 4> y{28, 8, -3, 7}, sigma{15, 10, 16, 11};
  template <class T>
  T operator()(const T* theta) const {
    const T &mu = theta[0], &tau = theta[1];
    T sum = normal_lpdf(mu, 0, 5) + half_cauchy_lpdf(tau, 5);
    for (std::size_t j = 0; j < y.size(); ++j)
      sum += std_normal_lpdf(theta[2 + j]) + normal_lpdf(y[j], mu + tau * theta[2 + j], sigma[j]);
    return sum;
  }
};

TEST(ModelThreads, GiveTheSameBits) {
  const Model model({real("mu"), positive("tau"), real("school", {4})}, Schools{});
  FitOptions one{.tolerance = 0.1, .threads = 1}, three{.tolerance = 0.1, .threads = 3};
  const Fit a = velbo::fit(model, one), b = velbo::fit(model, three);
  EXPECT_EQ(a.summary.fit.status, Status::converged);
  EXPECT_EQ(a.posterior.unconstrained_mean(), b.posterior.unconstrained_mean());
  EXPECT_EQ(a.posterior.unconstrained_covariance(), b.posterior.unconstrained_covariance());
  EXPECT_EQ(a.summary.quality.elbo, b.summary.quality.elbo);
  EXPECT_EQ(a.summary.quality.k_hat, b.summary.quality.k_hat);
  three.seed = 2;
  EXPECT_NE(velbo::fit(model, three).posterior.unconstrained_mean(), a.posterior.unconstrained_mean());
}

}  // namespace
}  // namespace velbo

// Log densities against their definitions in many digits (tests/reference/scalars), with derivatives by every argument and
// every choice of the arguments that carry them.
#include "velbo/distributions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/scalar_cases.h"

namespace velbo {
namespace {

using Data = std::vector<double>;
using test::check_cases;
using test::Tolerance;

#define VELBO_EXPECT_REFERENCE(COUNT, NAME, ...) \
  check_cases<COUNT>(                            \
      #NAME, [](const Data&, const auto&... x) { return velbo::NAME(x...); }, Tolerance{__VA_ARGS__})
#define VELBO_EXPECT_OF_COUNTS(COUNT, NAME, ...) \
  check_cases<COUNT>(                            \
      #NAME, [](const Data& y, const auto&... x) { return velbo::NAME(y[0], x...); }, Tolerance{__VA_ARGS__})

TEST(Distributions, OnTheRealLine) {
  VELBO_EXPECT_REFERENCE(3, normal_lpdf);
  VELBO_EXPECT_REFERENCE(1, std_normal_lpdf);
  VELBO_EXPECT_REFERENCE(4, student_t_lpdf);
  VELBO_EXPECT_REFERENCE(3, cauchy_lpdf);
  VELBO_EXPECT_REFERENCE(3, laplace_lpdf);
  VELBO_EXPECT_REFERENCE(3, logistic_lpdf);
}

TEST(Distributions, Halves) {
  VELBO_EXPECT_REFERENCE(2, half_normal_lpdf);
  VELBO_EXPECT_REFERENCE(2, half_cauchy_lpdf);
  VELBO_EXPECT_REFERENCE(3, half_student_t_lpdf);
}

TEST(Distributions, OnIntervals) {
  VELBO_EXPECT_REFERENCE(3, uniform_lpdf);
  VELBO_EXPECT_REFERENCE(3, beta_lpdf);
}

TEST(Distributions, Positive) {
  VELBO_EXPECT_REFERENCE(3, lognormal_lpdf);
  VELBO_EXPECT_REFERENCE(2, exponential_lpdf);
  VELBO_EXPECT_REFERENCE(3, gamma_lpdf);
  VELBO_EXPECT_REFERENCE(3, inverse_gamma_lpdf);
  VELBO_EXPECT_REFERENCE(3, weibull_lpdf);
}

TEST(Distributions, Counts) {
  VELBO_EXPECT_OF_COUNTS(1, bernoulli_logit_lpmf);
  VELBO_EXPECT_OF_COUNTS(1, poisson_log_lpmf);
  VELBO_EXPECT_OF_COUNTS(2, neg_binomial_2_log_lpmf);
  check_cases<1>("binomial_logit_lpmf",
                 [](const Data& y, const auto& eta) { return velbo::binomial_logit_lpmf(y[0], y[1], eta); });
}

// Shapes and counts of a million and more, near their means: values keep their digits although the terms of the
// textbook's formulas are 1e7 times as large; derivatives are differences of the arguments themselves.
TEST(Distributions, LargeShapesAndCounts) {
  const Tolerance tolerance{1e-12, 1e-13, 1e-3, 1e-4, 2e-9, 1};
  check_cases<3>(
      "beta_lpdf_large", [](const Data&, const auto&... x) { return beta_lpdf(x...); }, tolerance);
  check_cases<3>(
      "gamma_lpdf_large", [](const Data&, const auto&... x) { return gamma_lpdf(x...); }, tolerance);
  check_cases<3>(
      "inverse_gamma_lpdf_large", [](const Data&, const auto&... x) { return inverse_gamma_lpdf(x...); }, tolerance);
  check_cases<1>(
      "binomial_logit_lpmf_large", [](const Data& y, const auto& eta) { return binomial_logit_lpmf(y[0], y[1], eta); },
      tolerance);
  check_cases<1>(
      "poisson_log_lpmf_large", [](const Data& y, const auto& eta) { return poisson_log_lpmf(y[0], eta); }, tolerance);
  check_cases<2>(
      "neg_binomial_2_log_lpmf_large",
      [](const Data& y, const auto&... x) { return neg_binomial_2_log_lpmf(y[0], x...); }, tolerance);
}

// ---- of vectors ------------------------------------------------------------------------------------------------------

constexpr int kDirections = 17;

template <class Real, bool kVariable>
auto scalars(const std::vector<double>& values, int first_direction) {
  using X = std::conditional_t<kVariable, Dual<Real, kDirections>, Real>;
  std::vector<X> out;
  for (const double value : values) {
    if constexpr (kVariable) {
      out.push_back(X::variable(static_cast<Real>(value), first_direction++));
    } else {
      out.push_back(static_cast<Real>(value));
    }
  }
  return out;
}

// The value, then the derivatives by all elements of both vectors, those of a vector whose bit is not set being 0.
template <class Real, unsigned kMask, class F>
std::vector<double> evaluate_vectors(const F& f, const std::vector<double>& a, const std::vector<double>& b) {
  const auto first = scalars<Real, (kMask & 1U) != 0>(a, 0);
  const auto second = scalars<Real, (kMask & 2U) != 0>(b, static_cast<int>(a.size()));
  const auto result = f(first, second);
  std::vector<double> out{static_cast<double>(value_of(result))};
  for (std::size_t i = 0; i < a.size() + b.size(); ++i) {
    if constexpr (Differentiable<std::remove_cvref_t<decltype(result)>>) {
      out.push_back(result.derivative[i]);
    } else {
      out.push_back(0);
    }
  }
  return out;
}

// f(data, first, second) of two vectors of scalars.
template <class F>
void check_vectors(const std::string& name, const F& f, double float_tolerance = 1e-5) {
  for (const auto& one : test::reference_cases()[name]) {
    const auto data = one["data"].get<std::vector<double>>();
    auto vectors = one["vectors"].get<std::vector<std::vector<double>>>();
    auto gradient = one["gradient"].get<std::vector<std::vector<double>>>();
    vectors.resize(2);
    gradient.resize(2);
    const auto bound = [&](const auto& a, const auto& b) { return f(data, a, b); };
    const std::vector<double> got[] = {evaluate_vectors<double, 0>(bound, vectors[0], vectors[1]),
                                       evaluate_vectors<double, 1>(bound, vectors[0], vectors[1]),
                                       evaluate_vectors<double, 2>(bound, vectors[0], vectors[1]),
                                       evaluate_vectors<double, 3>(bound, vectors[0], vectors[1])};
    for (unsigned mask = 0; mask < 4; ++mask) {
      const std::string what = name + one["data"].dump() + one["vectors"].dump() + " mask " + std::to_string(mask);
      test::expect_close(got[mask][0], one["value"].get<double>(), 1e-12, 1e-13, what);
      std::size_t i = 1;
      for (unsigned v = 0; v < 2; ++v)
        for (const double want : gradient[v])
          test::expect_close(got[mask][i++], (mask >> v & 1U) != 0 ? want : 0.0, 1e-12, 1e-13, what + " d");
    }

    std::vector<double> rounded[2];
    bool fits = true;
    for (int v = 0; v < 2; ++v)
      for (const double x : vectors[v]) {
        rounded[v].push_back(static_cast<float>(x));
        fits = fits && test::fits_float(x);
      }
    if (!fits) continue;
    const auto exact = evaluate_vectors<double, 3>(bound, rounded[0], rounded[1]);
    const auto rough = evaluate_vectors<float, 3>(bound, rounded[0], rounded[1]);
    if (!std::isfinite(exact[0])) continue;  // a rounded simplex is none in double
    for (std::size_t i = 0; i < exact.size(); ++i)
      test::expect_close(rough[i], exact[i], float_tolerance, float_tolerance,
                         name + " in float " + one["vectors"].dump());
  }
}

template <class X>
std::int64_t size_of(const std::vector<X>& x) {
  return static_cast<std::int64_t>(x.size());
}

TEST(Distributions, Categories) {
  check_vectors("categorical_logit_lpmf", [](const Data& y, const auto& eta, const auto&) {
    return categorical_logit_lpmf(static_cast<std::int64_t>(y[0]), eta.data(), size_of(eta));
  });
  check_vectors("ordered_logistic_lpmf", [](const Data& y, const auto& eta, const auto& cuts) {
    return ordered_logistic_lpmf(static_cast<std::int64_t>(y[0]), eta[0], cuts.data(), size_of(cuts) + 1);
  });
}

TEST(Distributions, Dirichlet) {
  check_vectors(
      "dirichlet_lpdf",
      [](const Data&, const auto& theta, const auto& alpha) {
        return dirichlet_lpdf(theta.data(), alpha.data(), size_of(theta));
      },
      1e-4);
}

TEST(Distributions, LkjCorrCholesky) {
  check_vectors("lkj_corr_cholesky_lpdf", [](const Data&, const auto& lower, const auto& eta) {
    return lkj_corr_cholesky_lpdf(lower.data(), std::lround(std::sqrt(lower.size())), eta[0]);
  });
}

TEST(Distributions, MultiNormalCholesky) {
  for (const auto& one : test::reference_cases()["multi_normal_cholesky_lpdf"]) {
    const auto vectors = one["vectors"].get<std::vector<std::vector<double>>>();
    const auto gradient = one["gradient"].get<std::vector<std::vector<double>>>();
    const auto n = size_of(vectors[0]);
    const int at_mu = static_cast<int>(n), at_lower = 2 * at_mu;
    std::vector<double> workspace(vectors[0].size());
    // Each of the three with derivatives and without.
    const auto check = [&](const auto& y, const auto& mu, const auto& lower) {
      const auto got = multi_normal_cholesky_lpdf(y.data(), mu.data(), lower.data(), n, workspace.data());
      const double value = one["value"].get<double>();
      test::expect_close(value_of(got), value, 1e-12, 1e-13, "value");
      const auto fixed = n == 3 ? multi_normal_cholesky_lpdf<3>(y.data(), mu.data(), lower.data())
                                : multi_normal_cholesky_lpdf<1>(y.data(), mu.data(), lower.data());
      EXPECT_EQ(value_of(fixed), value_of(got));
      if constexpr (Differentiable<std::remove_cvref_t<decltype(got)>>) {
        const auto by = [&](std::size_t v, int first, bool variable) {
          for (std::size_t i = 0; i < vectors[v].size(); ++i) {
            test::expect_close(got.derivative[first + static_cast<int>(i)], variable ? gradient[v][i] : 0.0, 1e-12,
                               1e-13, "vector " + std::to_string(v) + " element " + std::to_string(i));
            EXPECT_EQ(fixed.derivative[first + static_cast<int>(i)], got.derivative[first + static_cast<int>(i)]);
          }
        };
        by(0, 0, !std::is_same_v<decltype(y), const std::vector<double>&>);
        by(1, at_mu, !std::is_same_v<decltype(mu), const std::vector<double>&>);
        by(2, at_lower, !std::is_same_v<decltype(lower), const std::vector<double>&>);
      }
    };
    const auto y = scalars<double, true>(vectors[0], 0), mu = scalars<double, true>(vectors[1], at_mu);
    const auto lower = scalars<double, true>(vectors[2], at_lower);
    check(vectors[0], vectors[1], vectors[2]);
    check(y, vectors[1], vectors[2]);
    check(vectors[0], mu, vectors[2]);
    check(vectors[0], vectors[1], lower);
    check(y, mu, lower);
  }
}

}  // namespace
}  // namespace velbo

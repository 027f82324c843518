// Log densities at the edges of their supports, with parameters that are invalid, and as wholes: sums and integrals of 1.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "velbo/distributions.h"

namespace velbo {
namespace {

using One = Dual<double, 1>;

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

void expect_outside(const One& got) {
  EXPECT_EQ(got.value, -infinity);
  EXPECT_EQ(got.derivative[0], 0);
}
One at(double x) { return One::variable(x, 0); }

TEST(DistributionEdges, OutsideOfTheSupport) {
  for (const double x : {-1e-300, -1.0, -infinity}) {
    expect_outside(half_normal_lpdf(at(x), 1));
    expect_outside(half_cauchy_lpdf(at(x), 1));
    expect_outside(half_student_t_lpdf(at(x), 3, 1));
    expect_outside(lognormal_lpdf(at(x), 0, 1));
    expect_outside(exponential_lpdf(at(x), 1));
    expect_outside(gamma_lpdf(at(x), 2, 1));
    expect_outside(inverse_gamma_lpdf(at(x), 2, 1));
    expect_outside(weibull_lpdf(at(x), 2, 1));
    expect_outside(beta_lpdf(at(x), 2, 1));
    expect_outside(beta_lpdf(1 + at(1e-15 - x), 1, 2));
    expect_outside(uniform_lpdf(at(x), 0, 1));
    expect_outside(uniform_lpdf(2 + at(1e-15 - x), 1, 2));
  }
  expect_outside(bernoulli_logit_lpmf(2, at(0)));
  expect_outside(bernoulli_logit_lpmf(0.5, at(0)));
  expect_outside(poisson_log_lpmf(-1, at(0)));
  expect_outside(poisson_log_lpmf(1.5, at(0)));
  expect_outside(binomial_logit_lpmf(4, 3, at(0)));
  expect_outside(binomial_logit_lpmf(-1, 3, at(0)));
  expect_outside(neg_binomial_2_log_lpmf(-1, at(0), 1));
  const One eta[] = {at(0), One(-infinity)};
  expect_outside(categorical_logit_lpmf(2, eta, 2));
  expect_outside(categorical_logit_lpmf(-1, eta, 2));
  expect_outside(categorical_logit_lpmf(1, eta, 2));
  EXPECT_EQ(categorical_logit_lpmf(0, eta, 2).value, 0);
  const double cuts[] = {0, 1};
  expect_outside(ordered_logistic_lpmf(3, at(0), cuts, 3));
  expect_outside(ordered_logistic_lpmf(-1, at(0), cuts, 3));
  EXPECT_EQ(ordered_logistic_lpmf(0, 0.3, cuts, 1), 0);
  const double negative[] = {1.5, -0.5}, small[] = {0.5, 0.4}, ones[] = {1, 1};
  EXPECT_EQ(dirichlet_lpdf(negative, ones, 2), -infinity);
  EXPECT_EQ(dirichlet_lpdf(small, ones, 2), -infinity);
  const double downwards[] = {1, 0, 0.6, -0.8}, long_row[] = {1, 0, 0.6, 0.9};
  EXPECT_EQ(lkj_corr_cholesky_lpdf(downwards, 2, 1.0), -infinity);
  EXPECT_EQ(lkj_corr_cholesky_lpdf(long_row, 2, 1.0), -infinity);
}

TEST(DistributionEdges, EdgesOfTheSupport) {
  EXPECT_EQ(beta_lpdf(0.0, 1, 1), 0);
  EXPECT_EQ(beta_lpdf(1.0, 1, 1), 0);
  EXPECT_EQ(beta_lpdf(0.0, 2, 1), -infinity);
  EXPECT_EQ(beta_lpdf(1.0, 1, 0.5), infinity);
  EXPECT_EQ(gamma_lpdf(0.0, 1, 2), std::log(2.0));
  EXPECT_EQ(gamma_lpdf(at(0), 1, 2).derivative[0], -2);
  EXPECT_EQ(gamma_lpdf(0.0, 2, 2), -infinity);
  EXPECT_EQ(gamma_lpdf(0.0, 0.5, 2), infinity);
  EXPECT_EQ(gamma_lpdf(infinity, 0.5, 2), -infinity);
  EXPECT_EQ(inverse_gamma_lpdf(0.0, 0.5, 2), -infinity);
  EXPECT_EQ(inverse_gamma_lpdf(1e-320, 0.5, 2), -infinity);
  EXPECT_EQ(weibull_lpdf(0.0, 1, 2), -std::log(2.0));
  EXPECT_EQ(weibull_lpdf(at(0), 1, 2).derivative[0], -0.5);
  EXPECT_EQ(lognormal_lpdf(0.0, 0, 1), -infinity);
  EXPECT_EQ(exponential_lpdf(0.0, 3), std::log(3.0));
  EXPECT_EQ(uniform_lpdf(0.0, 0, 1), 0);
  EXPECT_EQ(uniform_lpdf(1.0, 0, 1), 0);
  EXPECT_EQ(normal_lpdf(infinity, 0, 1), -infinity);
  EXPECT_EQ(cauchy_lpdf(-infinity, 0, 1), -infinity);
  EXPECT_EQ(student_t_lpdf(-infinity, 3, 0, 1), -infinity);
  // The probability of no event, where e^eta is 0 or infinite.
  EXPECT_EQ(poisson_log_lpmf(0, -800), 0);
  EXPECT_EQ(poisson_log_lpmf(0, 800), -infinity);
}

TEST(DistributionEdges, InvalidParametersAndNaN) {
  for (const double bad : {0.0, -1.0, infinity, nan}) {
    for (const double x : {-1.0, 0.5}) {  // also outside of the support
      EXPECT_TRUE(std::isnan(normal_lpdf(x, 0, bad)));
      EXPECT_TRUE(std::isnan(student_t_lpdf(x, bad, 0, 1)));
      EXPECT_TRUE(std::isnan(student_t_lpdf(x, 3, 0, bad)));
      EXPECT_TRUE(std::isnan(cauchy_lpdf(x, 0, bad)));
      EXPECT_TRUE(std::isnan(laplace_lpdf(x, 0, bad)));
      EXPECT_TRUE(std::isnan(logistic_lpdf(x, 0, bad)));
      EXPECT_TRUE(std::isnan(half_normal_lpdf(x, bad)));
      EXPECT_TRUE(std::isnan(half_cauchy_lpdf(x, bad)));
      EXPECT_TRUE(std::isnan(half_student_t_lpdf(x, 3, bad)));
      EXPECT_TRUE(std::isnan(lognormal_lpdf(x, 0, bad)));
      EXPECT_TRUE(std::isnan(exponential_lpdf(x, bad)));
      EXPECT_TRUE(std::isnan(gamma_lpdf(x, bad, 1)) && std::isnan(gamma_lpdf(x, 1, bad)));
      EXPECT_TRUE(std::isnan(inverse_gamma_lpdf(x, bad, 1)) && std::isnan(inverse_gamma_lpdf(x, 1, bad)));
      EXPECT_TRUE(std::isnan(weibull_lpdf(x, bad, 1)) && std::isnan(weibull_lpdf(x, 1, bad)));
      EXPECT_TRUE(std::isnan(beta_lpdf(x, bad, 1)) && std::isnan(beta_lpdf(x, 1, bad)));
      EXPECT_TRUE(std::isnan(uniform_lpdf(x, 0, bad)));
    }
    EXPECT_TRUE(std::isnan(neg_binomial_2_log_lpmf(1, 0, bad)));
    const double theta[] = {0.5, 0.5}, alpha[] = {1, bad}, identity[] = {1, 0, 0, 1}, factor[] = {1, 0, 0, bad};
    EXPECT_TRUE(std::isnan(dirichlet_lpdf(theta, alpha, 2)));
    EXPECT_TRUE(std::isnan(lkj_corr_cholesky_lpdf(identity, 2, bad)));
    EXPECT_TRUE(std::isnan(multi_normal_cholesky_lpdf<2>(theta, theta, factor)));
  }
  EXPECT_TRUE(std::isnan(normal_lpdf(nan, 0, 1)) && std::isnan(normal_lpdf(0, nan, 1)) &&
              std::isnan(normal_lpdf(0, infinity, 1)));
  EXPECT_TRUE(std::isnan(half_normal_lpdf(nan, 1)) && std::isnan(beta_lpdf(nan, 1, 1)) &&
              std::isnan(gamma_lpdf(nan, 1, 1)));
  EXPECT_TRUE(std::isnan(uniform_lpdf(nan, 0, 1)) && std::isnan(uniform_lpdf(0, 1, 1)) &&
              std::isnan(weibull_lpdf(nan, 1, 1)));
  EXPECT_TRUE(std::isnan(lognormal_lpdf(nan, 0, 1)) && std::isnan(inverse_gamma_lpdf(nan, 1, 1)));
  EXPECT_TRUE(std::isnan(bernoulli_logit_lpmf(1, nan)) && std::isnan(bernoulli_logit_lpmf(nan, 1)));
  EXPECT_TRUE(std::isnan(poisson_log_lpmf(1, nan)) && std::isnan(binomial_logit_lpmf(1, 2, nan)));
  EXPECT_TRUE(std::isnan(binomial_logit_lpmf(1, -2, 0)) && std::isnan(binomial_logit_lpmf(1, 2.5, 0)));
  EXPECT_TRUE(std::isnan(neg_binomial_2_log_lpmf(1, nan, 1)));
  const double eta[] = {0, nan}, up[] = {0, infinity}, none[] = {-infinity, -infinity}, equal[] = {1, 1};
  EXPECT_TRUE(std::isnan(categorical_logit_lpmf(0, eta, 2)) && std::isnan(categorical_logit_lpmf(0, up, 2)));
  EXPECT_TRUE(std::isnan(categorical_logit_lpmf(0, none, 2)));
  EXPECT_TRUE(std::isnan(ordered_logistic_lpmf(1, 0, equal, 3)) && std::isnan(ordered_logistic_lpmf(1, nan, equal, 3)));
  EXPECT_TRUE(std::isnan(dirichlet_lpdf(eta, equal, 2)));
}

// ---- work ------------------------------------------------------------------------------------------------------------

// Another scalar than Dual, with the least that densities ask for; it counts what is made of it.
struct Traced {
  Traced(double v) : value(v) {}  // NOLINT: as double converts
  Traced& operator+=(const Traced& b) {
    value += b.value;
    return *this;
  }
  friend Traced operator+(const Traced& a, double b) { return {a.value + b}; }
  friend double value_of(const Traced& x) { return x.value; }
  friend Traced chain(const Traced& /*a*/, double /*df_da*/, double f) {
    ++n_links;
    return {f};
  }
  friend Traced chain(const Traced& /*a*/, double /*df_da*/, const Traced& /*b*/, double /*df_db*/, double f) {
    n_links += 2;
    return {f};
  }

  double value;
  static inline int n_links = 0;
};

template <class F>
int links_of(const F& density) {
  Traced::n_links = 0;
  static_assert(std::is_same_v<decltype(density()), Traced>);
  (void)density();
  return Traced::n_links;
}

TEST(DistributionEdges, AsMuchDerivativeWorkAsThereAreVariables) {
  const Traced x(0.3), y(1.7);
  EXPECT_EQ(links_of([&] { return normal_lpdf(x, 0, 1); }), 1);
  EXPECT_EQ(links_of([&] { return normal_lpdf(0.5, x, 1.0F); }), 1);
  EXPECT_EQ(links_of([&] { return normal_lpdf(2, x, y); }), 2);
  EXPECT_EQ(links_of([&] { return normal_lpdf(x, x, y); }), 3);
  EXPECT_EQ(links_of([&] { return student_t_lpdf(x, y, 0, y); }), 3);
  EXPECT_EQ(links_of([&] { return half_student_t_lpdf(y, 3, x); }), 2);
  EXPECT_EQ(links_of([&] { return neg_binomial_2_log_lpmf(3, x, 2.0); }), 1);
  const Traced eta[] = {x, y, x};
  const double cuts[] = {0, 1}, mean[] = {0, 0}, lower[] = {1, 0, 0.5, 1};
  EXPECT_EQ(links_of([&] { return categorical_logit_lpmf(1, eta, 3); }), 3);
  EXPECT_EQ(links_of([&] { return ordered_logistic_lpmf(1, x, cuts, 3); }), 1);
  EXPECT_EQ(links_of([&] { return multi_normal_cholesky_lpdf<2>(eta, mean, lower); }), 2);
  // Nothing outside of the support.
  EXPECT_EQ(links_of([&] { return exponential_lpdf(-1, y); }), 0);
}

// ---- whole distributions ---------------------------------------------------------------------------------------------

// The integral of exp(log_density(x)) over the real line by x = sinh(sinh(t)), the trapezoid rule.
template <class F>
double integral(const F& log_density) {
  double sum = 0;
  const double step = 1.0 / 512;
  for (int i = -2048; i <= 2048; ++i) {
    const double t = step * i, x = std::sinh(std::sinh(t));
    sum += std::exp(log_density(x)) * std::cosh(std::sinh(t)) * std::cosh(t) * step;
  }
  return sum;
}

TEST(WholeDistributions, DensitiesIntegrateToOne) {
  EXPECT_NEAR(integral([](double x) { return normal_lpdf(x, 0.7, 1.3); }), 1, 1e-10);
  EXPECT_NEAR(integral([](double x) { return student_t_lpdf(x, 2.5, 0.7, 1.3); }), 1, 1e-10);
  EXPECT_NEAR(integral([](double x) { return cauchy_lpdf(x, 0.7, 1.3); }), 1, 1e-10);
  EXPECT_NEAR(integral([](double x) { return logistic_lpdf(x, 0.7, 1.3); }), 1, 1e-10);
  // On the positive half by x = e^u, whose Jacobian is u.
  EXPECT_NEAR(integral([](double u) { return half_cauchy_lpdf(std::exp(u), 1.3) + u; }), 1, 1e-10);
  EXPECT_NEAR(integral([](double u) { return gamma_lpdf(std::exp(u), 14.5, 2.0) + u; }), 1, 1e-10);
  EXPECT_NEAR(integral([](double u) { return inverse_gamma_lpdf(std::exp(u), 0.5, 2.0) + u; }), 1, 1e-10);
  EXPECT_NEAR(integral([](double u) { return weibull_lpdf(std::exp(u), 1.5, 2.0) + u; }), 1, 1e-10);
  EXPECT_NEAR(integral([](double u) { return lognormal_lpdf(std::exp(u), 0.4, 0.3) + u; }), 1, 1e-10);
  EXPECT_NEAR(integral([](double u) { return beta_lpdf(sigmoid(u), 15.0, 12.5) + log_sigmoid(u) + log_sigmoid(-u); }),
              1, 1e-10);
}

TEST(WholeDistributions, ProbabilitiesAddUpToOne) {
  for (const double eta : {-1.0, 0.5, 3.2}) {
    double poisson = 0, binomial = 0, negative = 0;
    for (int y = 0; y < 3000; ++y) {
      poisson += std::exp(poisson_log_lpmf(y, eta));
      negative += std::exp(neg_binomial_2_log_lpmf(y, eta, 12.0));
    }
    for (int y = 0; y <= 60; ++y) binomial += std::exp(binomial_logit_lpmf(y, 60, eta));
    EXPECT_NEAR(poisson, 1, 1e-13);
    EXPECT_NEAR(binomial, 1, 1e-13);
    EXPECT_NEAR(negative, 1, 1e-13);
    const double cuts[] = {-1, 0.3, 4}, etas[] = {eta, 0, 1};
    double ordered = 0, categorical = 0;
    for (int y = 0; y < 4; ++y) ordered += std::exp(ordered_logistic_lpmf(y, eta, cuts, 4));
    for (int y = 0; y < 3; ++y) categorical += std::exp(categorical_logit_lpmf(y, etas, 3));
    EXPECT_NEAR(ordered, 1, 1e-14);
    EXPECT_NEAR(categorical, 1, 1e-14);
  }
}

// Over the elements below the diagonal of L: row by row x = tanh(t) times what the row has left.
TEST(WholeDistributions, LkjIntegratesToOne) {
  for (const double eta : {1.0, 1.7}) {
    double sum = 0;
    const double step = 0.25;
    for (int i = -48; i <= 48; ++i) {
      for (int j = -48; j <= 48; ++j) {
        for (int k = -48; k <= 48; ++k) {
          const double a = std::tanh(step * i), b = std::tanh(step * j), c = std::tanh(step * k);
          const double sech_a = 1 / std::cosh(step * i), sech_b = 1 / std::cosh(step * j),
                       sech_c = 1 / std::cosh(step * k);
          const double lower[] = {1, 0, 0, a, sech_a, 0, b, c * sech_b, sech_b * sech_c};
          const double jacobian = sech_a * sech_a * sech_b * sech_b * sech_c * sech_c * sech_b;
          sum += std::exp(lkj_corr_cholesky_lpdf(lower, 3, eta)) * jacobian;
        }
      }
    }
    EXPECT_NEAR(sum * step * step * step, 1, 1e-8);
  }
}

// The derivatives of the reference are numerical too; these are by another step and another program.
TEST(WholeDistributions, DerivativesAreDifferenceQuotients) {
  const double h = 1e-6;
  const auto check = [&](const auto& f, double x) {
    const double quotient = (f(x + h) - f(x - h)) / (2 * h);
    EXPECT_NEAR(f(at(x)).derivative[0], quotient, 1e-8 * (1 + std::fabs(quotient)));
  };
  check([](const auto& v) { return normal_lpdf(1.5, v, 2); }, 0.3);
  check([](const auto& v) { return student_t_lpdf(1.5, v, 0, 2); }, 3.0);
  check([](const auto& v) { return gamma_lpdf(1.5, v, 2); }, 3.0);
  check([](const auto& v) { return beta_lpdf(0.3, v, 2); }, 3.0);
  check([](const auto& v) { return neg_binomial_2_log_lpmf(4, 0.4, v); }, 3.0);
}

}  // namespace
}  // namespace velbo

// Simulation-based calibration: a right model passes, wrong ones fail on the side that they are wrong on.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "support/errors.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using test::error_of;

// mu ~ normal(0, 10) and y_n ~ normal(mu, 1), n = 4, with the likelihood's sd and centre as somebody wrote them.
struct Normal {
  std::vector<double> y;
  double sd = 1, shift = 0;
  template <class T>
  T operator()(const T* theta) const {
    T sum = normal_lpdf(theta[0], 0, 10);
    for (const double v : y) sum += normal_lpdf(v, theta[0] + shift, sd);
    return sum;
  }
};

std::vector<double> normals(Key key, std::size_t n) {
  std::vector<double> out(n);
  standard_normals(key, 0, 0, 0, out);
  return out;
}

CalibrationProblem problem(double sd, double shift) {
  return {.parameters = {real("mu")},
          .prior = [](Key key) { return std::vector<double>{10 * normals(key, 1)[0]}; },
          .simulate =
              [](std::span<const double> theta, Key key) {
                std::vector<double> y = normals(key, 4);
                for (double& v : y) v += theta[0];
                return y;
              },
          .model =
              [=](const std::vector<double>& y) {
                return Model({real("mu")}, Normal{y, sd, shift});
              }};
}

CalibrationOptions quick() {
  CalibrationOptions out;
  out.n_simulations = 50;
  out.fit.tolerance = 0.1;
  return out;
}

// The conjugate answer: p = Phi((mu0 - m) / s), m = sum(y) / 4.01 and s^2 = 1 / 4.01.
TEST(Calibrate, PassesARightModelWithTheExactPlaces) {
  const Calibration found = calibrate(problem(1, 0), quick());
  ASSERT_EQ(found.n_simulations, 50);
  EXPECT_TRUE(found.passed()) << found.report();
  EXPECT_EQ(found.report(), "all 1 parameters pass\n");
  EXPECT_EQ(found.n_diverged, 0);
  EXPECT_EQ(found.n_not_converged, 0);
  const ParameterCalibration& mu = found.parameters[0];
  EXPECT_EQ(mu.name, "mu");
  ASSERT_EQ(mu.p.size(), 50U);
  for (std::size_t i = 0; i < 50; ++i) {
    const Key key = fold_in(make_key(1, Purpose::calibrate), i);
    const double mu0 = 10 * normals(fold_in(key, 0), 1)[0];
    double sum = 4 * mu0;
    for (const double v : normals(fold_in(key, 1), 4)) sum += v;
    EXPECT_NEAR(mu.p[i], 0.5 * std::erfc(-(mu0 - sum / 4.01) * std::sqrt(4.01 / 2)), 0.02) << i;
  }
}

TEST(Calibrate, FailsWrongModelsOnTheRightSide) {
  const auto spread = [](double sd) { return calibrate(problem(sd, 0), quick()).parameters[0]; };
  const ParameterCalibration narrow = spread(0.4), wide = spread(3);
  EXPECT_EQ(narrow.spread, Spread::too_narrow);
  EXPECT_EQ(narrow.location, Location::calibrated);
  EXPECT_LT(narrow.shape_p_value, 1e-3);
  EXPECT_EQ(wide.spread, Spread::too_wide);
  EXPECT_EQ(wide.location, Location::calibrated);
  // The likelihood takes mu for 1 less than it is: q is too low.
  const Calibration low = calibrate(problem(1, 1), quick());
  EXPECT_EQ(low.parameters[0].location, Location::too_low);
  EXPECT_EQ(low.failed(), std::vector<std::string>{"mu"});
  EXPECT_FALSE(low.passed());
  EXPECT_TRUE(low.report().starts_with("mu: q is too low")) << low.report();
  EXPECT_EQ(calibrate(problem(1, -1), quick()).parameters[0].location, Location::too_high);
}

// A rate with a gamma prior: on the logarithm's scale, decreasing and joint parameters take their own ways.
struct Shares {
  std::vector<double> counts;
  template <class T>
  T operator()(const T* theta) const {
    T sum = 0.0 * theta[0];
    for (std::size_t k = 0; k < 3; ++k) sum += (3 + counts[k]) * log(theta[k]);  // dirichlet(4, 4, 4), multinomial
    return sum + normal_lpdf(theta[3], -1, 0.5);                                 // theta[3] < 0: mostly
  }
};

TEST(Calibrate, PlacesParametersOfSeveralLatentsAndDecreasingOnes) {
  const Parameters parameters{simplex("p", 3), upper("u", 5)};
  CalibrationProblem shares{
      .parameters = parameters,
      .prior =
          [](Key key) {
            // Gamma(4) variates as halves of sums of squares of 8 normals.
            const std::vector<double> noise = normals(key, 25);
            std::vector<double> theta(4);
            for (std::size_t k = 0; k < 3; ++k)
              for (std::size_t i = 0; i < 8; ++i) theta[k] += noise[8 * k + i] * noise[8 * k + i];
            const double sum = theta[0] + theta[1] + theta[2];
            for (std::size_t k = 0; k < 3; ++k) theta[k] /= sum;
            theta[3] = -1 + 0.5 * noise[24];
            return theta;
          },
      .simulate =
          [](std::span<const double> theta, Key key) {
            std::vector<double> counts(3);
            for (double u : normals(key, 20)) {
              u = 0.5 * std::erfc(u / std::sqrt(2.0));
              ++counts[u < theta[0] ? 0 : u < theta[0] + theta[1] ? 1 : 2];
            }
            return counts;
          },
      .model = [=](const std::vector<double>& counts) { return Model(parameters, Shares{counts}); }};
  CalibrationOptions options = quick();
  options.n_simulations = 20;
  const Calibration found = calibrate(shares, options);
  EXPECT_TRUE(found.passed()) << found.report();
  ASSERT_EQ(found.parameters.size(), 4U);
  // u has no data: its place is that of its own prior draw, and not 1 minus it.
  const Key key = fold_in(make_key(1, Purpose::calibrate), 0);
  EXPECT_NEAR(found.parameters[3].p[0], 0.5 * std::erfc(-normals(fold_in(key, 0), 25)[24] / std::sqrt(2.0)), 0.05);
}

TEST(Calibrate, HasTheSameBitsForAnyNumberOfThreads) {
  CalibrationOptions options = quick();
  options.n_simulations = 20;
  options.threads = 1;
  const Calibration one = calibrate(problem(1, 0), options);
  options.threads = 3;
  EXPECT_EQ(calibrate(problem(1, 0), options).parameters[0].p, one.parameters[0].p);
  options.seed = 2;
  EXPECT_NE(calibrate(problem(1, 0), options).parameters[0].p, one.parameters[0].p);
}

TEST(Calibrate, ReportsAndCanBeEnded) {
  CalibrationOptions options = quick();
  std::int64_t calls = 0;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    EXPECT_EQ(done, ++calls);
    EXPECT_EQ(total, 50);
    return done < 7;
  };
  const Calibration cut = calibrate(problem(1, 0), options);
  EXPECT_EQ(calls, 7);
  EXPECT_EQ(cut.n_simulations, 7);
  EXPECT_TRUE(cut.interrupted);
  EXPECT_FALSE(cut.passed());
  EXPECT_EQ(cut.parameters[0].p.size(), 7U);
}

TEST(Calibrate, RefusesWhatMakesNoSense) {
  const auto refusal = [](const CalibrationProblem& what, auto&& change) {
    CalibrationOptions options = quick();
    options.threads = 1;
    change(options);
    return error_of([&] { static_cast<void>(calibrate(what, options)); });
  };
  const auto nothing = [](CalibrationOptions&) {};
  CalibrationProblem wrong = problem(1, 0);
  wrong.model = {};
  EXPECT_EQ(refusal(wrong, nothing),
            "argument| a calibration needs a prior, a simulation and a model, and one of the functions is empty");
  EXPECT_EQ(refusal(problem(1, 0), [](CalibrationOptions& o) { o.n_simulations = 5; }),
            "argument| n_simulations is 5, expected at least 20");
  EXPECT_EQ(refusal(problem(1, 0), [](CalibrationOptions& o) { o.false_alarm_rate = 1; }),
            "argument| false_alarm_rate is 1, expected one between 0 and 1");
  EXPECT_EQ(refusal(problem(1, 0), [](CalibrationOptions& o) { o.fit.checkpoint = "file"; }),
            "argument| the fits of a calibration take no checkpoint, resume or init: they are of different data");
  wrong = problem(1, 0);
  wrong.prior = [](Key key) { return normals(key, 2); };
  EXPECT_EQ(refusal(wrong, nothing), "argument| the prior gave 2 numbers, expected one a parameter: 1");
  wrong = problem(1, 0);
  wrong.parameters = {real("nu")};
  EXPECT_EQ(refusal(wrong, nothing), "argument| the model has other parameters or constraints: mu, expected nu");
}

}  // namespace
}  // namespace velbo

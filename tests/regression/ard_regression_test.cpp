// Regression with automatic relevance determination against closed forms, quadrature and simulated truth.
#include "velbo/ard_regression.h"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <random>
#include <vector>

#include "engines/conjugate_engine.h"
#include "regression/ard_model.h"
#include "support/errors.h"
#include "velbo/context.h"

namespace velbo {
namespace {

const double kLogTwoPi = std::log(2 * 3.14159265358979323846);

struct Data {
  std::vector<double> x, y;  // [N, D], [N]
  std::int64_t n, d;
  [[nodiscard]] FeatureMatrix features() const { return {x.data(), n, d, d}; }
};

// y = w' x + noise; every other w is zero.
Data simulate(std::int64_t n, std::int64_t d, double offset = 0) {
  std::mt19937_64 engine(11);
  std::normal_distribution<double> normal;
  Data out{{}, {}, n, d};
  for (std::int64_t i = 0; i < n; ++i) {
    double y = 0.5 * normal(engine) + offset;
    for (std::int64_t j = 0; j < d; ++j) {
      out.x.push_back(normal(engine) + offset);
      y += (j % 2 == 0 ? 1.0 + 0.3 * static_cast<double>(j) : 0.0) * out.x.back();
    }
    out.y.push_back(y);
  }
  return out;
}

// log p(y | alpha): y | tau ~ N(0, (I + X A^-1 X') / tau), by an N x N factorisation that no update uses.
double log_evidence(const Data& data, const std::vector<double>& alpha, const ArdOptions& o) {
  const Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> x(data.x.data(),
                                                                                                   data.n, data.d);
  const Eigen::Map<const Eigen::VectorXd> y(data.y.data(), data.n);
  Eigen::MatrixXd c = Eigen::MatrixXd::Identity(data.n, data.n);
  for (Eigen::Index j = 0; j < data.d; ++j) c += x.col(j) * x.col(j).transpose() / alpha[static_cast<std::size_t>(j)];
  const Eigen::LLT<Eigen::MatrixXd> cholesky(c);
  const double log_det = 2 * Eigen::MatrixXd(cholesky.matrixL()).diagonal().array().log().sum();
  const double squares = y.dot(cholesky.solve(y)), n = static_cast<double>(data.n);
  if (o.known_noise_sd) {
    const double tau = 1 / (*o.known_noise_sd * *o.known_noise_sd);
    return 0.5 * (n * (std::log(tau) - kLogTwoPi) - log_det - tau * squares);
  }
  const double shape = o.noise_shape + 0.5 * n, rate = o.noise_rate + 0.5 * squares;
  return std::lgamma(shape) - std::lgamma(o.noise_shape) + o.noise_shape * std::log(o.noise_rate) -
         shape * std::log(rate) - 0.5 * (n * kLogTwoPi + log_det);
}

ArdOptions proper() {
  ArdOptions out;
  out.relevance_shape = 1.5;
  out.relevance_rate = 0.8;
  out.noise_shape = 2;
  out.noise_rate = 0.7;
  out.intercept = false;
  return out;
}

TEST(ArdRegression, WithKnownRelevanceTheElboIsTheEvidence) {
  const Data data = simulate(17, 3);
  ArdOptions options = proper();
  options.known_relevance = {0.4, 2, 11};
  for (const bool noise_is_known : {false, true}) {
    if (noise_is_known) options.known_noise_sd = 0.6;
    const double expected = log_evidence(data, options.known_relevance, options);
    for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized}) {
      options.fit = {.engine = engine, .batch_size = engine == ConjugateEngine::cavi ? 0 : 5};
      const ArdFit fit = fit_ard_regression(data.features(), data.y, options);
      EXPECT_NEAR(fit.run.elbo, expected, 1e-11 * std::abs(expected)) << fit.run.engine;
      EXPECT_TRUE(fit.run.converged());
    }
  }
}

// log of the integral of p(y | alpha) p(alpha) over a grid of log alphas, which it decays along.
TEST(ArdRegression, TheElboIsBelowTheEvidenceAndNearIt) {
  const Data data = simulate(12, 2);
  const ArdOptions options = proper();
  const ArdFit fit = fit_ard_regression(data.features(), data.y, options);
  constexpr double step = 0.1;
  double sum = 0;
  for (double u = -8; u < 4; u += step)
    for (double v = -8; v < 4; v += step) {
      double log_density = log_evidence(data, {std::exp(u), std::exp(v)}, options);
      for (const double log_alpha : {u, v})
        log_density += options.relevance_shape * (std::log(options.relevance_rate) + log_alpha) -
                       std::lgamma(options.relevance_shape) - options.relevance_rate * std::exp(log_alpha);
      sum += std::exp(log_density) * step * step;
    }
  EXPECT_LT(fit.run.elbo, std::log(sum));
  EXPECT_GT(fit.run.elbo, std::log(sum) - 0.3);
}

TEST(ArdRegression, NoRoundOfUpdatesLowersTheElbo) {
  const Data data = simulate(40, 6);
  for (const ArdOptions& options : {proper(), ArdOptions{}}) {
    const std::vector<double> centre(7, 0.0);
    internal::ArdModel model(data.features(), data.y, centre, options, 1, Scalar::float64, Context({}, 1));
    internal::Cavi cavi(model, std::vector<double>(static_cast<std::size_t>(model.n_statistics())));
    double last = -1e300;
    for (int i = 0; i < 100; ++i) {
      cavi.advance(1);
      EXPECT_GE(cavi.evaluate(), last - 1e-11 * std::abs(last)) << i;
      last = cavi.evaluate();
    }
    internal::EngineState state;
    cavi.save(state);
    internal::ArdModel other(data.features(), data.y, centre, options, 1, Scalar::float64, Context({}, 2));
    internal::Cavi resumed(other, std::vector<double>(static_cast<std::size_t>(model.n_statistics())));
    resumed.load(state);
    cavi.advance(3);
    resumed.advance(3);
    EXPECT_EQ(resumed.evaluate(), cavi.evaluate());
    EXPECT_EQ(other.factors().mean, model.factors().mean);
  }
}

// The predictive density of a new row is the ratio of two evidences; here by its distribution: the Student t of predict() has it.
TEST(ArdRegression, PredictionsAreRatiosOfEvidences) {
  Data data = simulate(14, 3);
  ArdOptions options = proper();
  options.known_relevance = {0.4, 2, 11};
  const ArdFit fit = fit_ard_regression(data.features(), data.y, options);
  const std::vector<double> row = {0.7, -1.2, 2.1};
  const FeatureMatrix one(row.data(), 1, 3, 3);
  const ArdPredictions predicted = fit.regression.predict(one, 0.8);
  const double before = log_evidence(data, options.known_relevance, options);
  data.x.insert(data.x.end(), row.begin(), row.end());
  data.y.push_back(0);
  ++data.n;
  double total = 0, inside = 0, mean = 0, square = 0;
  constexpr double step = 0.01;
  for (double y = predicted.mean[0] - 40; y < predicted.mean[0] + 40; y += step) {
    data.y.back() = y;
    const double p = std::exp(log_evidence(data, options.known_relevance, options) - before) * step;
    total += p;
    mean += p * y;
    square += p * y * y;
    inside += y > predicted.lower[0] && y < predicted.upper[0] ? p : 0;
  }
  EXPECT_NEAR(total, 1, 1e-6);
  EXPECT_NEAR(mean, predicted.mean[0], 1e-4);
  EXPECT_NEAR(std::sqrt(square - mean * mean), predicted.sd[0], 1e-3);
  EXPECT_NEAR(inside, 0.8, 0.005);
}

// 8 z-scores below 4.5: a false alarm once in 18,000 choices of the seed (it is fixed).
TEST(ArdRegressionStatistical, FindsTheTruthAndWhatIsIrrelevant) {
  const Data data = simulate(400, 8, 3);
  const ArdFit fit = fit_ard_regression(data.features(), data.y);
  EXPECT_TRUE(fit.run.converged()) << fit.run.message;
  const std::vector<double> mean = fit.regression.mean(), sd = fit.regression.sd(), alpha = fit.regression.relevance();
  for (std::size_t j = 0; j < 8; ++j) {
    const double truth = j % 2 == 0 ? 1 + 0.3 * static_cast<double>(j) : 0;
    EXPECT_LT(std::abs(mean[j] - truth), 4.5 * std::max(sd[j], 0.01)) << j;
    if (j % 2 == 1) {
      EXPECT_GT(alpha[j], 20 * alpha[j - 1]);
      EXPECT_LT(sd[j], 0.75 * sd[j - 1]);  // pulled towards zero
    }
  }
  EXPECT_NEAR(fit.regression.noise_sd(), 0.5, 0.08);
  EXPECT_NEAR(fit.regression.intercept(), 3, 0.8);
}

TEST(ArdRegression, AnswersDoNotDependOnUnitsOrThreads) {
  const Data data = simulate(60, 4);
  ArdOptions options;
  options.relevance_shape = options.relevance_rate = options.noise_shape = options.noise_rate = 1e-12;
  options.fit.threads = 1;
  const ArdFit fit = fit_ard_regression(data.features(), data.y, options);
  Data scaled = data;
  for (std::size_t i = 0; i < scaled.x.size(); ++i) scaled.x[i] = scaled.x[i] * 1000 + 7;
  const ArdFit other = fit_ard_regression(scaled.features(), data.y, options);
  // Where rounds end is a matter of the ELBO, which the rest of the way of an irrelevant column hardly moves.
  for (std::size_t j = 0; j < 4; ++j)
    EXPECT_NEAR(other.regression.mean()[j] * 1000, fit.regression.mean()[j], 0.03 * fit.regression.sd()[0]) << j;
  options.fit.threads = 3;
  const ArdFit threads = fit_ard_regression(data.features(), data.y, options);
  EXPECT_EQ(threads.regression.mean(), fit.regression.mean());
  EXPECT_EQ(threads.run.elbo_trace, fit.run.elbo_trace);
}

TEST(ArdRegression, DegenerateData) {
  // A constant column, two equal columns, more columns than rows: finite, and the constant one explains nothing.
  Data data = simulate(5, 8);
  for (std::size_t i = 0; i < 5; ++i) {
    data.x[i * 8 + 1] = 4;
    data.x[i * 8 + 3] = data.x[i * 8 + 2];
  }
  const ArdFit fit = fit_ard_regression(data.features(), data.y);
  for (const double value : fit.regression.sd()) EXPECT_TRUE(std::isfinite(value));
  EXPECT_TRUE(std::isfinite(fit.run.elbo));
  EXPECT_EQ(fit.regression.mean()[1], 0);
}

TEST(ArdRegression, RefusesWhatMakesNoSense) {
  Data data = simulate(6, 2);
  const auto error = [&](const ArdOptions& options) {
    return test::error_of([&] { (void)fit_ard_regression(data.features(), data.y, options); });
  };
  ArdOptions options;
  options.known_relevance = {1};
  EXPECT_EQ(error(options), "shape| known_relevance has 1 elements, but x has 2 columns");
  options = {};
  options.noise_rate = 0;
  EXPECT_EQ(error(options), "argument| noise_rate is 0, expected a positive number");
  options = {};
  options.fit.forgetting = 0.4;
  EXPECT_EQ(
      error(options),
      "argument| forgetting is 0.4, expected above 0.5 and at most 1, for which steps add up to infinity and their "
      "squares do not");
  data.x[3] = std::nan("");
  EXPECT_EQ(error({}), "data| x[1, 1] is nan, expected a finite number");
  data.y.pop_back();
  EXPECT_EQ(error({}), "shape| y has 5 elements, but x has 6 rows");
}

}  // namespace
}  // namespace velbo

// regression/ard_regression.cpp - fits and predictions.
#include "velbo/ard_regression.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "backend/cuda_ops.h"
#include "data/feature_store.h"
#include "fit/fit_conjugate.h"
#include "math/special.h"
#include "regression/ard_model.h"
#include "velbo/context.h"
#include "velbo/error.h"

namespace velbo {

struct ArdState {
  internal::ArdFactors q;
  std::vector<double> mean, relevance;
  double intercept = 0, degrees_of_freedom = 0;
  Eigen::VectorXd centre;  // of the columns
};

namespace {

constexpr std::int64_t kMostColumns = 5000;
constexpr int kMostRounds = 10000;
constexpr double kMostOfMemory = 0.8;  // of what a device has free

void require_positive(const char* what, double value) {
  if (!(value > 0 && std::isfinite(value)))
    throw Error(ErrorCode::argument, fmt::format("{} is {}, expected a positive number", what, value));
}

void check(const FeatureMatrix& x, std::span<const double> y, const ArdOptions& options) {
  if (static_cast<std::int64_t>(y.size()) != x.n_rows())
    throw Error(ErrorCode::shape, fmt::format("y has {} elements, but x has {} rows", y.size(), x.n_rows()));
  if (x.n_rows() == 0) throw Error(ErrorCode::data, "there are no rows");
  if (x.n_columns() == 0 || x.n_columns() > kMostColumns)
    throw Error(ErrorCode::shape, fmt::format("x has {} columns, expected 1 to {}", x.n_columns(), kMostColumns));
  if (!options.known_relevance.empty() && static_cast<std::int64_t>(options.known_relevance.size()) != x.n_columns())
    throw Error(ErrorCode::shape, fmt::format("known_relevance has {} elements, but x has {} columns",
                                              options.known_relevance.size(), x.n_columns()));
  require_positive("relevance_shape", options.relevance_shape);
  require_positive("relevance_rate", options.relevance_rate);
  require_positive("noise_shape", options.noise_shape);
  require_positive("noise_rate", options.noise_rate);
  for (const double alpha : options.known_relevance) require_positive("known_relevance", alpha);
  if (options.known_noise_sd) require_positive("known_noise_sd", *options.known_noise_sd);
}

// Where the sums over rows are made.
struct Place {
  Context context;
  std::string reason;
};

Place place_of(const FeatureMatrix& x, const ConjugateOptions& fit) {
  if (!fit.device)
    return {Context(Device{}, fit.threads), "how fast these sums are on other devices has not been measured"};
  const bool dense = x.store().row_start == nullptr;
  const bool streamed = fit.device->kind != DeviceKind::cpu && dense &&
                        static_cast<double>(internal::ard_device_bytes(x, fit.scalar)) >
                            kMostOfMemory * static_cast<double>(internal::cuda_memory(fit.device->index).free);
  return {Context(*fit.device, fit.threads, streamed),
          streamed ? "asked for; the rows, which have no room there, are streamed" : "asked for"};
}

// Means of the columns and, last, of y; and a look at every number.
std::vector<double> means(const FeatureMatrix& x, std::span<const double> y) {
  std::vector<double> row(static_cast<std::size_t>(x.n_columns())), sum(row.size() + 1);
  for (std::int64_t n = 0; n < x.n_rows(); ++n) {
    x.row(n, row);
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (!std::isfinite(row[j]))
        throw Error(ErrorCode::data, fmt::format("x[{}, {}] is {}, expected a finite number", n, j, row[j]));
      sum[j] += row[j];
    }
    const double value = y[static_cast<std::size_t>(n)];
    if (!std::isfinite(value))
      throw Error(ErrorCode::data, fmt::format("y[{}] is {}, expected a finite number", n, value));
    sum.back() += value;
  }
  for (double& value : sum) value /= static_cast<double>(x.n_rows());
  return sum;
}

}  // namespace

ArdFit fit_ard_regression(const FeatureMatrix& x, std::span<const double> y, const ArdOptions& options) {
  using namespace internal;
  check(x, y, options);
  std::vector<double> centre = means(x, y);
  if (!options.intercept) std::fill(centre.begin(), centre.end(), 0.0);
  ConjugateOptions fit_options = resolve(options.fit, x.n_rows(), std::min<std::int64_t>(x.n_rows(), 4096));
  if (fit_options.scalar == Scalar::automatic) fit_options.scalar = Scalar::float64;
  const auto [context, reason] = place_of(x, fit_options);
  ArdModel model(x, y, centre, options, kMostRounds, fit_options.scalar, context);
  Identity identity = {
      {"model", "ARD regression"}, {"rows", std::to_string(x.n_rows())}, {"columns", std::to_string(x.n_columns())}};
  if (context.streams_rows()) identity["device"] = "cuda, streamed";
  ConjugateFit fitted = fit_conjugate(model, std::vector<double>(static_cast<std::size_t>(model.n_statistics())),
                                      fit_options, context, identity);
  fitted.run.device_reason = reason;

  ArdState state;
  state.q = model.factors();
  state.mean.assign(state.q.mean.begin(), state.q.mean.end());
  for (const GammaFactor& alpha : state.q.relevance) state.relevance.push_back(alpha.mean());
  state.centre = Eigen::VectorXd::Map(centre.data(), x.n_columns());
  state.intercept = centre.back() - state.centre.dot(state.q.mean);
  state.degrees_of_freedom = options.known_noise_sd ? std::numeric_limits<double>::infinity() : 2 * state.q.noise.shape;
  return {ArdRegression(std::make_shared<const ArdState>(std::move(state))), std::move(fitted.run)};
}

const std::vector<double>& ArdRegression::mean() const noexcept { return state_->mean; }
const std::vector<double>& ArdRegression::relevance() const noexcept { return state_->relevance; }
double ArdRegression::intercept() const noexcept { return state_->intercept; }
double ArdRegression::noise_sd() const noexcept { return 1 / std::sqrt(state_->q.noise.mean()); }
double ArdRegression::degrees_of_freedom() const noexcept { return state_->degrees_of_freedom; }

std::vector<double> ArdRegression::sd() const {
  const double stretch = noise_sd() * internal::student_t_sd(state_->degrees_of_freedom);
  std::vector<double> out;
  for (Eigen::Index i = 0; i < state_->q.mean.size(); ++i)
    out.push_back(stretch * std::sqrt(state_->q.covariance(i, i)));
  return out;
}

ArdPredictions ArdRegression::predict(const FeatureMatrix& x, double interval) const {
  const auto d = static_cast<std::int64_t>(state_->mean.size());
  if (x.n_columns() != d)
    throw Error(ErrorCode::shape, fmt::format("x has {} columns, the model has {}", x.n_columns(), d));
  if (!(interval > 0 && interval < 1))
    throw Error(ErrorCode::argument, fmt::format("interval is {}, expected a probability between 0 and 1", interval));
  const double df = state_->degrees_of_freedom;
  const double end = internal::student_t_quantile(0.5 * (1 + interval), df), sd = internal::student_t_sd(df);
  ArdPredictions out;
  Eigen::VectorXd row(d);
  for (std::int64_t n = 0; n < x.n_rows(); ++n) {
    x.row(n, {row.data(), static_cast<std::size_t>(d)});
    const Eigen::VectorXd centred = row - state_->centre;
    const double mean = state_->intercept + row.dot(state_->q.mean);
    const double scale = noise_sd() * std::sqrt(1 + centred.dot(state_->q.covariance * centred));
    out.mean.push_back(mean);
    out.sd.push_back(scale * sd);
    out.lower.push_back(mean - end * scale);
    out.upper.push_back(mean + end * scale);
  }
  return out;
}

}  // namespace velbo

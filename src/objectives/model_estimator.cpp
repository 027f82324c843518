// objectives/model_estimator.cpp
#include "objectives/model_estimator.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "backend/device_model.h"
#include "objectives/stein_gradient.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kLeastShare = 4;  // a quarter of the draws

}  // namespace

LogDensity on_device(const Context& context, const VelboDeviceModel& model) {
  return [context, model](std::int64_t n_draws, const double* z, double* logp, double* grad) {
    evaluate_model(context, model, n_draws, z, logp, grad);
  };
}

ModelEstimator::ModelEstimator(LogDensity log_density, const Context& context, const GaussianPoint& like,
                               const EstimatorSettings& settings, Key key)
    : log_density_(std::move(log_density)),
      entropy_(settings.entropy),
      noise_(context, like, settings.draws, settings.draw_kind, key) {
  if (settings.estimator != Estimator::weights)
    throw Error(ErrorCode::argument, "estimator is \"" + std::string(name(settings.estimator)) +
                                         "\", expected \"weights\": a model known by its log density has no rows");
}

ElboGradient ModelEstimator::estimate(const GaussianPoint& point, std::span<const std::int64_t> batch,
                                      std::uint32_t step) {
  if (!batch.empty())
    throw Error(ErrorCode::argument, "a batch of " + std::to_string(batch.size()) +
                                         " rows, expected none: a model known by its log density has no rows");
  const Eigen::MatrixXd eps = noise_.at(step);
  const RowMajorMatrix z = draws_of(point, eps);
  Eigen::VectorXd value(z.rows());
  RowMajorMatrix gradient(z.rows(), z.cols());
  log_density_(z.rows(), z.data(), value.data(), gradient.data());

  const std::int64_t asked = z.rows();
  const EvaluatedDraws draws = finite_draws(eps, gradient, std::move(value));
  n_masked_ += draws.n_masked;
  if (draws.n_draws() < std::max<std::int64_t>(1, asked / kLeastShare)) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, Eigen::VectorXd::Constant(point.dimension(), nan),
            Eigen::MatrixXd::Constant(point.factor.rows(), point.factor.cols(), nan)};
  }
  ElboGradient out{draws.log_joint.mean(), Eigen::VectorXd::Zero(point.dimension()),
                   Eigen::MatrixXd::Zero(point.factor.rows(), point.factor.cols())};
  Eigen::MatrixXd g = draws.gradient;
  if (entropy_ == EntropyGradient::sticking_the_landing) {
    subtract_score(point, draws.eps, g);
    out.value += point.entropy();
  } else {
    add_entropy(point, out);
  }
  add_pullback(point, draws.eps, g, out);
  return out;
}

}  // namespace velbo::internal

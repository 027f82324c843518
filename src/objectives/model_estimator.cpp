// objectives/model_estimator.cpp
#include "objectives/model_estimator.h"

#include <string>
#include <utility>

#include "backend/device_model.h"
#include "velbo/error.h"

namespace velbo::internal {

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

  ElboGradient out{value.mean(), Eigen::VectorXd::Zero(point.dimension()),
                   Eigen::MatrixXd::Zero(point.factor.rows(), point.factor.cols())};
  Eigen::MatrixXd g = gradient;
  if (entropy_ == EntropyGradient::sticking_the_landing) {
    subtract_score(point, eps, g);
    out.value += point.entropy();
  } else {
    add_entropy(point, out);
  }
  add_pullback(point, eps, g, out);
  return out;
}

}  // namespace velbo::internal

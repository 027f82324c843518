// objectives/model_estimator.h - stochastic gradients of the ELBO of a model that is known by its log density alone.
//
// z_s = mean + factor eps_s, g_s = grad log p(z_s):  d/dmean = mean_s g_s,  d/dfactor = mean_s g_s eps_s', and the entropy in
// closed form or by sticking the landing, as the estimator `weights` has it (objectives/glm_estimator.h).
//
// Draws at which the log density or its gradient is not finite are left out and counted: the estimate is that of the others, unbiased
// no more, and not a number where fewer than a quarter of them are left.
#pragma once
#include <functional>

#include "objectives/draws.h"
#include "objectives/elbo_gradient.h"
#include "velbo/device_model.h"

namespace velbo::internal {

// Writes logp [S] and, unless it is null, grad [S, D] at draws z [S, D], S = n_draws, row-major, all in host memory.
using LogDensity = std::function<void(std::int64_t n_draws, const double* z, double* logp, double* grad)>;

// A model on the context's device (backend/device_model.h); what model.user points to has to outlive the function.
LogDensity on_device(const Context& context, const VelboDeviceModel& model);

class ModelEstimator final : public ElboEstimator {
 public:
  // settings.estimator: weights, the only one that needs no rows; else Error(argument).
  ModelEstimator(LogDensity log_density, const Context& context, const GaussianPoint& like,
                 const EstimatorSettings& settings, Key key);
  // The model sees all of its data whenever it is asked: `batch` is empty, else Error(argument).  Reads no rows.
  [[nodiscard]] ElboGradient estimate(const GaussianPoint& point, std::span<const std::int64_t> batch,
                                      std::uint32_t step) override;
  // Draws left out so far.
  [[nodiscard]] std::int64_t n_masked() const { return n_masked_; }
  void set_n_masked(std::int64_t count) { n_masked_ = count; }  // of a resumed fit

 private:
  LogDensity log_density_;
  EntropyGradient entropy_;
  DrawNoise noise_;
  std::int64_t n_masked_ = 0;
};

}  // namespace velbo::internal

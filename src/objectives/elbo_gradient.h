// objectives/elbo_gradient.h - gradients of the ELBO, estimated from some rows and some draws.
//
// ELBO = E_q[log p(y | z)] + E_q[log p(z)] + H[q].  Gradients are with respect to the mean and the factor of a GaussianPoint, in
// the factor's own layout (full rank: its lower triangle).
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <span>

#include "models/expected_log_joint.h"
#include "velbo/gradient_options.h"

namespace velbo::internal {

struct ElboGradient {
  double value = 0;  // the estimated ELBO, constants included
  Eigen::VectorXd mean;
  Eigen::MatrixXd factor;
  [[nodiscard]] bool is_finite() const;
};

// The gradient that exact expectations give.
ElboGradient elbo_gradient(const GaussianPoint& point, const ExpectedLogJoint& expected);

// Adds the entropy and its gradient.
void add_entropy(const GaussianPoint& point, ElboGradient& sum);
// Adds the priors' expectation and its gradient.
void add_prior(const GlmData& data, const GaussianPoint& point, ElboGradient& sum);

struct EstimatorSettings {
  Estimator estimator = Estimator::quadrature;
  std::int64_t draws = 8;
  DrawKind draw_kind = DrawKind::iid;
  EntropyGradient entropy = EntropyGradient::closed_form;
};

class ElboEstimator {
 public:
  virtual ~ElboEstimator() = default;
  // Unbiased for a batch drawn at random: its rows, scaled by N / B, stand for all.  `batch` lists rows of the data, in any
  // order; empty: all of them.  A function of point, batch and (the estimator's key, step): the same noise for the same step.
  [[nodiscard]] virtual ElboGradient estimate(const GaussianPoint& point, std::span<const std::int64_t> batch,
                                              std::uint32_t step) = 0;
  [[nodiscard]] std::int64_t rows_read() const { return rows_read_; }
  void set_rows_read(std::int64_t rows) { rows_read_ = rows; }

 protected:
  std::int64_t rows_read_ = 0;
};

// T: type of per-row arithmetic.  The data must outlive the estimator.
template <class T>
std::unique_ptr<ElboEstimator> make_estimator(const GlmData& data, const Context& context, const GaussianPoint& like,
                                              const EstimatorSettings& settings, Key key);

}  // namespace velbo::internal

// models/model_density.h - a Model's log joint at many draws at once, on the threads of a fit, within its time.
#pragma once
#include <algorithm>
#include <chrono>
#include <optional>

#include "models/log_joint_oracle.h"
#include "models/plate.h"
#include "velbo/context.h"
#include "velbo/model.h"

namespace velbo::internal {

class ModelDensity final : public LogJointOracle {
 public:
  using Clock = std::chrono::steady_clock;

  // On `device`, unless that is the CPU, whole log joints are asked for of the model's side there; batches of rows are the host's.
  ModelDensity(Model model, Context context, Device device = {});

  // The log joint [S] and, unless it is null, its gradient in z [S, D], for S = n_draws draws z [S, D], row-major.  Throws
  // OutOfTime.
  void evaluate(std::int64_t n_draws, const double* z, double* value, double* gradient) {
    evaluate(n_draws, z, nullptr, value, gradient);
  }
  // By some of the model's rows, for all of them; null: by all.
  void evaluate(std::int64_t n_draws, const double* z, const RowBatch* batch, double* value, double* gradient);

  [[nodiscard]] std::int64_t n_rows() const override;
  [[nodiscard]] std::int64_t n_latents() const override { return model_.n_latents(); }
  [[nodiscard]] LogJointDraws log_joint(const GaussianPoint& point, const Eigen::MatrixXd& draws, double row_draws,
                                        Key key) override;

  [[nodiscard]] const Model& model() const { return model_; }
  // Gradients so far; values alone do not count.
  [[nodiscard]] std::int64_t gradients() const { return gradients_; }
  void set_gradients(std::int64_t count) { gradients_ = count; }  // of a resumed fit
  void set_deadline(Clock::time_point deadline) { deadline_ = deadline; }

 private:
  void evaluate_on_device(std::int64_t n_draws, const double* z, double* value, double* gradient) const;

  Model model_;
  Context context_;
  std::optional<Context> device_;
  Clock::time_point deadline_ = Clock::time_point::max();
  double seconds_per_draw_ = 0;  // of the quickest evaluation so far: whether threads pay
  std::int64_t gradients_ = 0;
};

}  // namespace velbo::internal

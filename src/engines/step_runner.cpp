// engines/step_runner.cpp
#include "engines/step_runner.h"

#include <vector>

#include "backend/cuda_steps.h"
#include "math/prior_expectations.h"
#include "math/sobol.h"
#include "models/kept_rows.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class T>
class GlmStepRunner final : public StepRunner {
 public:
  GlmStepRunner(const GlmData& data, const Context& context, FamilyKind family)
      : data_(data), centring_(fit_centring(data, family)), kept_(data, context, centring_) {}

  // False where the device leaves the steps to the host.
  bool open(const Context& context, const BatchOrder* order, const StepSettings& settings) {
    StepModel<T> model;
    model.rows = kept_.rows();
    if (model.rows.stream != nullptr) return false;
    const std::int64_t d = data_.n_columns;
    std::vector<std::int64_t> line(static_cast<std::size_t>(d));
    std::vector<double> centre(line.size());
    for (std::int64_t k = 0; k < d; ++k) {
      line[static_cast<std::size_t>(k)] = centring_.source(k);
      centre[static_cast<std::size_t>(k)] = centring_.centre(k);
      centred_ = centred_ || centring_.centre(k) != 0;
    }
    model.n_latents = data_.recipe.n_latents();
    model.n_lines = model.n_latents + (centred_ ? 1 : 0);
    if (centred_) line.back() = model.n_latents;
    std::vector<StepPrior> priors;
    for (std::int64_t i = 0; i < model.n_latents; ++i) {
      const Prior& prior = data_.priors[static_cast<std::size_t>(i)].prior;
      const bool positive = i >= data_.recipe.n_coefficients();
      priors.push_back({prior, log_prior_constant(prior, positive), positive});
    }
    model.batch_size = order != nullptr ? order->batch_size() : data_.n_rows;
    if (order != nullptr) {
      model.batch_key = order->key().value;
      model.block_rows = order->block_rows();
    }
    std::vector<std::uint32_t> directions;
    if (settings.estimator == Estimator::weights && settings.draw_kind == DrawKind::sobol) {
      directions = sobol_directions(model.n_latents);
      model.directions = directions.data();
      model.n_directions = static_cast<std::int64_t>(directions.size());
    }
    model.line = line.data();
    model.centre = centred_ ? centre.data() : nullptr;
    model.priors = priors.data();
    model.has_sigma = data_.recipe.has_sigma();
    model.weights_are_precisions = data_.recipe.weights_kind == WeightsKind::precision;
    model.log_normaliser = data_.log_normaliser;
    steps_ = CudaSteps<T>::open(context, model, settings);
    return steps_ != nullptr;
  }

  void begin_round(const Whitening& whitening, const Eigen::VectorXd& anchor, double mean_rate,
                   double factor_rate) override {
    const GaussianPoint& point = whitening.reference();
    const Eigen::MatrixXd& c = whitening.mean_factor();
    const bool diagonal = c.cols() == 1 && c.rows() > 1;
    const RowMajor mean = lines(point.mean);
    const RowMajor mean_factor = lines(diagonal ? c : Eigen::MatrixXd(c.triangularView<Eigen::Lower>()));
    const RowMajor factor =
        lines(point.family == FamilyKind::full_rank ? Eigen::MatrixXd(point.factor.triangularView<Eigen::Lower>())
                                                    : point.factor);
    steps_->begin_round({.mean = mean.data(),
                         .mean_factor = mean_factor.data(),
                         .mean_factor_is_diagonal = diagonal,
                         .factor = factor.data(),
                         .anchor = anchor.size() > 0 ? anchor.data() : nullptr,
                         .mean_rate = mean_rate,
                         .factor_rate = factor_rate});
  }

  void run(std::int64_t n, StepVariables& variables) override { steps_->run(n, variables); }

 private:
  // A linear function of the latents, a row a latent, with the row of the column of ones' coefficient where rows are centred.
  [[nodiscard]] RowMajor lines(const Eigen::MatrixXd& of_latents) const {
    if (!centred_) return of_latents;
    RowMajor out(of_latents.rows() + 1, of_latents.cols());
    out.topRows(of_latents.rows()) = of_latents;
    out.row(of_latents.rows()) = centring_.to_kept(of_latents.topRows(data_.n_columns)).row(data_.n_columns - 1);
    return out;
  }

  const GlmData& data_;
  Centring centring_;
  KeptRows<T> kept_;
  bool centred_ = false;
  std::unique_ptr<CudaSteps<T>> steps_;
};

}  // namespace

template <class T>
std::unique_ptr<StepRunner> make_step_runner(const GlmData& data, const Context& context, FamilyKind family,
                                             const BatchOrder* order, StepSettings settings) {
  if (context.device().kind != DeviceKind::cuda || family == FamilyKind::low_rank) return nullptr;
  if (order != nullptr && order->is_streaming()) return nullptr;
  settings.family = family;
  try {
    auto runner = std::make_unique<GlmStepRunner<T>>(data, context, family);
    if (!runner->open(context, order, settings)) return nullptr;
    return runner;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::memory) throw;
    return nullptr;  // the passes need less
  }
}

template std::unique_ptr<StepRunner> make_step_runner<float>(const GlmData&, const Context&, FamilyKind,
                                                             const BatchOrder*, StepSettings);
template std::unique_ptr<StepRunner> make_step_runner<double>(const GlmData&, const Context&, FamilyKind,
                                                              const BatchOrder*, StepSettings);

}  // namespace velbo::internal

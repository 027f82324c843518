// models/row_model.cpp
#include "models/row_model.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "data/feature_store.h"
#include "math/prior_expectations.h"
#include "models/default_priors.h"
#include "models/expected_log_joint.h"
#include "models/model_state.h"
#include "models/row_law.h"

namespace velbo::internal {
namespace {

// Rows of a chunk, which is summed by itself.  A row costs as much as some dozen numbers of the chunk's sums.
constexpr std::int64_t kChunkRows = 1024;
constexpr double kStartSpread = 0.5, kStartSdOfLogs = 0.5;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Calls use(j, x_nj) for each feature of row n; of a sparse row for those that it holds.
template <class Use>
void for_each_feature(const FeatureStore& s, std::int64_t n, const Use& use) {
  if (s.row_start != nullptr) {
    for (std::int64_t k = s.row_start[n]; k < s.row_start[n + 1]; ++k) use(s.column[k], s.value[k]);
  } else if (s.element == Element::float32) {
    const float* row = static_cast<const float*>(s.x) + n * s.stride;
    for (std::int64_t j = 0; j < s.n_columns; ++j) use(j, static_cast<double>(row[j]));
  } else {
    const double* row = static_cast<const double*>(s.x) + n * s.stride;
    for (std::int64_t j = 0; j < s.n_columns; ++j) use(j, row[j]);
  }
}

class GlmRowSum final : public RowSum {
 public:
  explicit GlmRowSum(const GlmData& data)
      : data_(data), law_(*row_law(data.recipe.likelihood)), n_latents_(data.recipe.n_latents()) {}

  [[nodiscard]] std::int64_t n_rows() const override { return data_.n_rows; }

  void add(std::int64_t n_draws, const double* theta, const Workers& workers, RowSumClock::time_point deadline,
           double* value, double* gradient) const override {
    const std::int64_t rows = std::max(kChunkRows, n_latents_);
    const ChunkSum chunk = [&](std::int64_t i, int n_here, const double* at, double* sum, double* slopes) {
      add_rows(i * rows, std::min(data_.n_rows, (i + 1) * rows), n_here, at, sum, slopes);
    };
    add_chunks((data_.n_rows + rows - 1) / rows, n_draws, n_latents_, theta, 1, workers, deadline, chunk, value,
               gradient);
  }

 private:
  // theta, gradient [n_latents, kPlateDraws].  Every draw is a vector lane of its own, so that its sums are those that it has alone.
  void add_rows(std::int64_t begin, std::int64_t end, int n_draws, const double* theta, double* value,
                double* gradient) const {
    constexpr int kLanes = kPlateDraws;
    const FeatureStore& x = data_.x.store();
    const std::int64_t first = data_.recipe.has_intercept ? 1 : 0, n_coefficients = data_.n_columns;
    const auto n_aux = static_cast<int>(n_latents_ - n_coefficients);
    double aux[kLanes][kMostAuxiliary] = {}, aux_slope[kLanes][kMostAuxiliary] = {};
    for (int a = 0; a < n_aux; ++a)
      for (int s = 0; s < kLanes; ++s) aux[s][a] = theta[(n_coefficients + a) * kLanes + s];
    for (std::int64_t n = begin; n < end; ++n) {
      const double weight = data_.weights.empty() ? 1 : data_.weights[size(n)];
      if (weight == 0) continue;
      double eta[kLanes], rho[kLanes] = {}, slope[1 + kMostAuxiliary];
      for (int s = 0; s < kLanes; ++s)
        eta[s] = (data_.offset.empty() ? 0 : data_.offset[size(n)]) + (first == 1 ? theta[s] : 0);
      for_each_feature(x, n, [&](std::int64_t j, double value_of) {
        const double* const b = theta + (first + j) * kLanes;
        for (int s = 0; s < kLanes; ++s) eta[s] += value_of * b[s];
      });
      for (int s = 0; s < n_draws; ++s) {
        value[s] += weight * law_.log_density(data_.y[size(n)], eta[s], aux[s], gradient == nullptr ? nullptr : slope);
        if (gradient == nullptr) continue;
        rho[s] = weight * slope[0];
        for (int a = 0; a < n_aux; ++a) aux_slope[s][a] += weight * slope[1 + a];
      }
      if (gradient == nullptr) continue;
      if (first == 1)
        for (int s = 0; s < kLanes; ++s) gradient[s] += rho[s];
      for_each_feature(x, n, [&](std::int64_t j, double value_of) {
        double* const to = gradient + (first + j) * kLanes;
        for (int s = 0; s < kLanes; ++s) to[s] += value_of * rho[s];
      });
    }
    if (gradient == nullptr) return;
    for (int a = 0; a < n_aux; ++a)
      for (int s = 0; s < kLanes; ++s) gradient[(n_coefficients + a) * kLanes + s] += aux_slope[s][a];
  }

  const GlmData& data_;
  const RowLaw& law_;
  std::int64_t n_latents_;
};

// The sum of the log priors, each of its own element of theta.
BatchLogDensity log_priors(const GlmData& data) {
  const auto n_coefficients = size(data.recipe.n_coefficients());
  std::vector<Prior> priors;
  double constant = 0;
  for (const NamedPrior& p : data.priors) {
    constant += log_prior_constant(p.prior, priors.size() >= n_coefficients);
    priors.push_back(p.prior);
  }
  return [priors, constant](std::int64_t n_draws, const double* theta, double* value, double* gradient) {
    const std::size_t d = priors.size();
    for (std::size_t s = 0; s < size(n_draws); ++s) {
      value[s] = constant;
      for (std::size_t i = 0; i < d; ++i) {
        value[s] += log_prior_kernel(priors[i], theta[s * d + i]);
        if (gradient != nullptr) gradient[s * d + i] = log_prior_slope(priors[i], theta[s * d + i]);
      }
    }
  };
}

}  // namespace

Parameters row_model_parameters(const GlmRecipe& recipe) {
  std::vector<Parameter> out;
  if (recipe.n_coefficients() > 0) out.push_back(real("beta", {recipe.n_coefficients()}));
  for (const Auxiliary& a : row_law(recipe.likelihood)->auxiliary()) out.push_back(positive(a.name));
  return {std::move(out)};
}

Model make_row_model(const GlmData& data) {
  ModelState state{row_model_parameters(data.recipe), log_priors(data), data.recipe.formula, true, {}};
  state.row_sum = std::make_shared<const GlmRowSum>(data);
  return ModelMaker::make(std::move(state));
}

GaussianPoint row_model_start(const GlmData& data) {
  const auto d = static_cast<Eigen::Index>(data.recipe.n_latents()),
             columns = static_cast<Eigen::Index>(data.n_columns);
  const OutcomeScale outcome = describe_outcome(data);
  const Eigen::Index first = data.recipe.has_intercept ? 1 : 0;
  GaussianPoint out{FamilyKind::full_rank, Eigen::VectorXd::Zero(d), {}};
  const double spread = kStartSpread * outcome.sd / std::sqrt(std::max(1.0, static_cast<double>(columns)));
  // Rows of the map from independent standard normals to z: the intercept takes back what columns' means add.
  Eigen::MatrixXd map = Eigen::MatrixXd::Identity(d, d);
  for (Eigen::Index j = 0; j < columns; ++j) {
    const double sd = data.column_sd[size(j)], mean = data.column_mean[size(j)];
    map(j, j) = spread / (j >= first && sd > 0 ? sd : 1);
    if (first == 1 && j > 0) map(0, j) = -mean * map(j, j);
  }
  if (first == 1) out.mean[0] = outcome.centre;
  Eigen::Index at = columns;
  for (const Auxiliary& a : row_law(data.recipe.likelihood)->auxiliary()) {
    out.mean[at] = std::log(a.start * (a.scales_with_outcome ? outcome.sd : 1));
    map(at, at) = kStartSdOfLogs;
    ++at;
  }
  out.factor = Eigen::LLT<Eigen::MatrixXd>(map * map.transpose()).matrixL();
  return out;
}

}  // namespace velbo::internal

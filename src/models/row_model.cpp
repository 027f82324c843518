// models/row_model.cpp
#include "models/row_model.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "data/feature_store.h"
#include "math/prior_expectations.h"
#include "math/special.h"
#include "models/default_priors.h"
#include "models/expected_log_joint.h"
#include "models/model_state.h"
#include "models/row_law.h"

namespace velbo::internal {
namespace {

// Rows of a chunk, which is summed by itself.  A row costs as much as some dozen numbers of the chunk's sums.
constexpr std::int64_t kChunkRows = 1024;
constexpr double kStartSpread = 0.5, kStartSdOfLogs = 0.5;
constexpr double kLeastStep = 1e-3;  // between cutpoints where a fit begins

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
      : data_(data),
        law_(*row_law(data.recipe.likelihood)),
        n_latents_(data.recipe.n_latents()),
        n_predictors_(data.recipe.n_predictors()) {}

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
    const std::int64_t first = data_.recipe.has_intercept ? 1 : 0, n_columns = data_.n_columns;
    const std::int64_t n_levels = data_.recipe.n_levels(), n_coefficients = n_columns * n_predictors_;
    const std::int64_t width = n_predictors_ + kMostAuxiliary;  // of a draw's derivatives
    std::vector<double> eta(size(kLanes * n_predictors_)), slope(size(kLanes * width), 0.0);
    for (std::int64_t n = begin; n < end; ++n) {
      const double weight = data_.weights.empty() ? 1 : data_.weights[size(n)], y = data_.y[size(n)];
      if (weight == 0) continue;
      for (std::int64_t k = 0; k < n_predictors_; ++k) {
        const double* const beta = theta + k * n_columns * kLanes;
        double sum[kLanes];
        for (int s = 0; s < kLanes; ++s)
          sum[s] = (data_.offset.empty() ? 0 : data_.offset[size(n)]) + (first == 1 ? beta[s] : 0);
        for_each_feature(x, n, [&](std::int64_t j, double value_of) {
          const double* const b = beta + (first + j) * kLanes;
          for (int s = 0; s < kLanes; ++s) sum[s] += value_of * b[s];
        });
        for (int s = 0; s < kLanes; ++s) eta[size(s * n_predictors_ + k)] = sum[s];
      }
      const AuxiliaryRange read = law_.reads(y, n_levels);
      const std::int64_t first_read = (n_coefficients + read.first) * kLanes;
      for (int s = 0; s < n_draws; ++s) {
        double aux[kMostAuxiliary] = {};
        for (int a = 0; a < read.count; ++a) aux[a] = theta[first_read + a * kLanes + s];
        double* const by = slope.data() + s * width;
        value[s] += weight * law_.log_density(y, n_levels, eta.data() + s * n_predictors_, aux,
                                              gradient == nullptr ? nullptr : by);
        if (gradient == nullptr) continue;
        for (int a = 0; a < read.count; ++a) gradient[first_read + a * kLanes + s] += weight * by[n_predictors_ + a];
      }
      if (gradient == nullptr) continue;
      for (std::int64_t k = 0; k < n_predictors_; ++k) {
        double* const beta = gradient + k * n_columns * kLanes;
        double rho[kLanes];
        for (int s = 0; s < kLanes; ++s) rho[s] = weight * slope[size(s * width + k)];
        if (first == 1)
          for (int s = 0; s < kLanes; ++s) beta[s] += rho[s];
        for_each_feature(x, n, [&](std::int64_t j, double value_of) {
          double* const to = beta + (first + j) * kLanes;
          for (int s = 0; s < kLanes; ++s) to[s] += value_of * rho[s];
        });
      }
    }
  }

  const GlmData& data_;
  const RowLaw& law_;
  std::int64_t n_latents_, n_predictors_;
};

// The sum of the log priors, each of its own element of theta.
BatchLogDensity log_priors(const GlmData& data) {
  const auto n_coefficients = size(data.recipe.n_coefficients());
  std::vector<Prior> priors;
  double constant = 0;
  const bool has_cutpoints = data.recipe.likelihood == Likelihood::ordinal;
  for (const NamedPrior& p : data.priors) {
    constant += log_prior_constant(p.prior, priors.size() >= n_coefficients && !has_cutpoints);
    priors.push_back(p.prior);
  }
  // Cutpoints are independent but for their order, which one in (C - 1)! orders is.
  if (has_cutpoints && priors.back().kind != Prior::Kind::flat)
    constant += log_gamma(static_cast<double>(data.recipe.n_levels()));
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
  for (const Auxiliary& a : row_law(recipe.likelihood)->auxiliary())
    out.push_back(a.are_cutpoints ? ordered(a.name, a.count(recipe.n_levels())) : positive(a.name));
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
  const bool has_cutpoints = data.recipe.likelihood == Likelihood::ordinal;
  GaussianPoint out{FamilyKind::full_rank, Eigen::VectorXd::Zero(d), {}};
  const double spread = kStartSpread * outcome.sd / std::sqrt(std::max(1.0, static_cast<double>(columns)));
  // Rows of the map from independent standard normals to z: intercepts, and the first cutpoint, take back what columns' means add.
  Eigen::MatrixXd map = Eigen::MatrixXd::Identity(d, d);
  for (Eigen::Index k = 0; k < data.recipe.n_predictors(); ++k) {
    const Eigen::Index intercept = k * columns;
    for (Eigen::Index j = 0; j < columns; ++j) {
      const double sd = data.column_sd[size(j)], mean = data.column_mean[size(j)];
      const Eigen::Index i = intercept + j;
      map(i, i) = spread / (j >= first && sd > 0 ? sd : 1);
      if (first == 1 && j > 0) map(intercept, i) = -mean * map(i, i);
      if (has_cutpoints) map(columns, i) = mean * map(i, i);
    }
    if (first == 1) out.mean[intercept] = outcome.centre_of(k);
  }
  Eigen::Index at = data.recipe.n_coefficients();
  for (const Auxiliary& a : row_law(data.recipe.likelihood)->auxiliary()) {
    double last = 0;
    for (Eigen::Index i = 0; i < a.count(data.recipe.n_levels()); ++i, ++at) {
      map(at, at) = kStartSdOfLogs;
      if (!a.are_cutpoints) {
        out.mean[at] = std::log(a.start * (a.scales_with_outcome ? outcome.sd : 1));
        continue;
      }
      const double cutpoint = outcome.centre_of(i);
      out.mean[at] = i == 0 ? cutpoint : std::log(std::max(cutpoint - last, kLeastStep));
      last = cutpoint;
    }
  }
  out.factor = Eigen::LLT<Eigen::MatrixXd>(map * map.transpose()).matrixL();
  return out;
}

}  // namespace velbo::internal

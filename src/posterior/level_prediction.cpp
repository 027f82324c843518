// posterior/level_prediction.cpp
#include "posterior/level_prediction.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <bit>
#include <cmath>

#include "math/matched_normals.h"
#include "posterior/normal_quantile.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kPoints = 2048;
constexpr double kSingular = 1e-14;  // of a variance: less is left of it by rounding alone

// A lower triangular F with F F' = V, where V may be singular: a column of zeros for what the ones before it determine.
Eigen::MatrixXd factor_of(const Eigen::MatrixXd& v) {
  const Eigen::Index n = v.rows();
  Eigen::MatrixXd f = Eigen::MatrixXd::Zero(n, n);
  for (Eigen::Index j = 0; j < n; ++j) {
    const double rest = v(j, j) - f.row(j).head(j).squaredNorm();
    if (!(rest > kSingular * v(j, j))) continue;
    f(j, j) = std::sqrt(rest);
    for (Eigen::Index i = j + 1; i < n; ++i) f(i, j) = (v(i, j) - f.row(i).head(j).dot(f.row(j).head(j))) / f(j, j);
  }
  return f;
}

// Of draws that are in no order, of which each stands for an equal share; reorders them.
struct Ends {
  double lower, upper;
};
Ends quantiles(std::vector<double>& draws, double low, double high) {
  const auto n = static_cast<double>(draws.size());
  auto begin = draws.begin();
  const auto next = [&](double probability) {
    const double at = std::clamp(probability * n - 0.5, 0.0, n - 1);
    const auto below = draws.begin() + static_cast<std::ptrdiff_t>(at);
    if (below > begin || begin == draws.begin()) std::nth_element(begin, below, draws.end());
    begin = below;
    const double share = at - std::floor(at);
    if (share == 0 || below + 1 == draws.end()) return *below;
    return (1 - share) * *below + share * *std::min_element(below + 1, draws.end());
  };
  const double lower = next(low);
  return {lower, next(high)};
}

}  // namespace

LevelPredictor::LevelPredictor(const PosteriorState& state, const PredictOptions& options)
    : state_(state),
      kind_(options.kind),
      ordinal_(state.recipe.likelihood == Likelihood::ordinal),
      low_(0.5 * (1 - options.interval)),
      high_(0.5 * (1 + options.interval)),
      z_(-normal_quantile(low_)),
      mean_(state.recipe.n_predictors()),
      noise_(state.recipe.n_predictors(), state.family.n_noise()) {
  if (kind_ == PredictionKind::linear) {
    if (!ordinal_) levels_.assign(state.recipe.levels.begin() + 1, state.recipe.levels.end());
    return;
  }
  levels_ = state.recipe.levels;
  const std::int64_t n_levels = state.recipe.n_levels(), dimensions = ordinal_ ? n_levels : n_levels - 1;
  const auto n_points = static_cast<std::int64_t>(
      std::max<std::uint64_t>(kPoints, std::bit_ceil(static_cast<std::uint64_t>(4 * dimensions))));
  points_ = matched_normals(n_points, dimensions, make_key(0, Purpose::sample), 0);
  probability_.resize(n_points, n_levels);
  sorted_.resize(static_cast<std::size_t>(n_points));
  if (ordinal_) prepare_cutpoints();
}

void LevelPredictor::add_latent(std::int64_t i, double weight, double* out) const {
  const GaussianFamily& family = state_.family;
  if (family.kind() == FamilyKind::full_rank) {
    const double* const row = state_.scale.data() + i * family.dimension();
    for (std::int64_t j = 0; j <= i; ++j) out[j] += weight * row[j];
    return;
  }
  const double* const row = state_.scale.data() + i * (1 + family.rank());
  out[i] += weight * row[0];
  for (std::int64_t r = 0; r < family.rank(); ++r) out[family.dimension() + r] += weight * row[1 + r];
}

void LevelPredictor::prepare_cutpoints() {
  const std::int64_t first = state_.recipe.n_coefficients(), n = state_.recipe.n_levels() - 1;
  RowMajor made_of = RowMajor::Zero(n, state_.family.n_noise());
  for (std::int64_t k = 0; k < n; ++k) add_latent(first + k, 1, made_of.row(k).data());
  const Eigen::LLT<Eigen::MatrixXd> cholesky(made_of * made_of.transpose());
  cutpoint_noise_ = cholesky.matrixL().solve(made_of);
  const Eigen::VectorXd mean = Eigen::VectorXd::Map(state_.mean.data() + first, n);
  const Eigen::MatrixXd z =
      (points_.rightCols(n) * Eigen::MatrixXd(cholesky.matrixL()).transpose()).rowwise() + mean.transpose();
  cutpoints_.resize(points_.rows(), n);
  step_share_.resize(points_.rows(), n - 1);
  cutpoints_.col(0) = z.col(0).array();
  for (std::int64_t k = 1; k < n; ++k) {
    const Eigen::ArrayXd step = z.col(k).array().exp();
    cutpoints_.col(k) = cutpoints_.col(k - 1) + step;
    step_share_.col(k - 1) = -(-step).expm1();
  }
}

void LevelPredictor::find_predictors(const double* x, double offset) {
  const std::int64_t d = state_.recipe.n_columns();
  noise_.setZero();
  for (Eigen::Index k = 0; k < mean_.size(); ++k) {
    mean_[k] = offset;
    for (std::int64_t j = 0; j < d; ++j) {
      mean_[k] += x[j] * state_.mean[static_cast<std::size_t>(k * d + j)];
      add_latent(k * d + j, x[j], noise_.row(k).data());
    }
  }
}

// Softmax of 0 and the predictors, by points.
void LevelPredictor::fill_categorical() {
  const Eigen::Index n = points_.rows(), k = mean_.size();
  const Eigen::MatrixXd factor = factor_of(noise_ * noise_.transpose());
  probability_.col(0).setZero();
  probability_.rightCols(k) =
      ((points_ * factor.triangularView<Eigen::Lower>().transpose()).rowwise() + mean_.transpose()).array();
  const Eigen::ArrayXd largest = probability_.rowwise().maxCoeff();
  for (Eigen::Index c = 0; c <= k; ++c) {
    double* const p = probability_.col(c).data();
    for (Eigen::Index s = 0; s < n; ++s) p[s] = exp_nonpositive(p[s] - largest[s]);
  }
  const Eigen::ArrayXd sum = probability_.rowwise().sum();
  probability_.colwise() /= sum;
}

// P(level k) = sigmoid(c[k] - eta) sigmoid(eta - c[k - 1]) (1 - exp(-(c[k] - c[k - 1]))): no difference of probabilities.
void LevelPredictor::fill_ordinal() {
  const Eigen::Index n = points_.rows(), last = cutpoints_.cols();
  const Eigen::VectorXd with_cutpoints = cutpoint_noise_ * noise_.row(0).transpose();
  const double own = (noise_.row(0) - with_cutpoints.transpose() * cutpoint_noise_).norm();
  const Eigen::VectorXd eta =
      ((own * points_.col(0) + points_.rightCols(last) * with_cutpoints).array() + mean_[0]).matrix();
  probability_.col(0).setOnes();
  for (Eigen::Index k = 0; k < last; ++k) {
    const double* const cutpoint = cutpoints_.col(k).data();
    double* const below = probability_.col(k).data();
    double* const above = probability_.col(k + 1).data();
    for (Eigen::Index s = 0; s < n; ++s) {
      const double distance = cutpoint[s] - eta[s];
      const double tail = exp_nonpositive(-std::abs(distance)), most = 1 / (1 + tail), least = tail * most;
      below[s] *= distance > 0 ? most : least;
      above[s] = distance > 0 ? least : most;
    }
    if (k + 1 < last) probability_.col(k + 1) *= step_share_.col(k);
  }
}

void LevelPredictor::predict(const double* x, double offset, double* mean, double* sd, double* lower, double* upper) {
  find_predictors(x, offset);
  if (kind_ == PredictionKind::linear) {
    for (Eigen::Index k = 0; k < mean_.size(); ++k) {
      mean[k] = mean_[k];
      sd[k] = noise_.row(k).norm();
      lower[k] = mean[k] - z_ * sd[k];
      upper[k] = mean[k] + z_ * sd[k];
    }
    return;
  }
  if (ordinal_) {
    fill_ordinal();
  } else {
    fill_categorical();
  }
  for (Eigen::Index c = 0; c < probability_.cols(); ++c) {
    const auto p = probability_.col(c);
    mean[c] = p.mean();
    if (kind_ == PredictionKind::outcome) {  // 1 with probability p, else 0
      const double other = 1 - mean[c];
      sd[c] = std::sqrt(std::max(0.0, mean[c] * other));
      lower[c] = other < low_ ? 1 : 0;
      upper[c] = other < high_ ? 1 : 0;
      continue;
    }
    sd[c] = std::sqrt((p - mean[c]).square().mean());
    Eigen::ArrayXd::Map(sorted_.data(), p.size()) = p;
    const Ends ends = quantiles(sorted_, low_, high_);
    lower[c] = ends.lower;
    upper[c] = ends.upper;
  }
}

}  // namespace velbo::internal

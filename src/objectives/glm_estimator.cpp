// objectives/glm_estimator.cpp
#include "objectives/glm_estimator.h"

#include <cmath>
#include <numbers>

#include "math/prior_expectations.h"

namespace velbo::internal {
namespace {

const double kHalfLogTwoPi = 0.5 * std::log(2 * std::numbers::pi);

// d/dz log p(z_i) of each latent.
Eigen::VectorXd prior_gradient(const GlmData& data, const Eigen::VectorXd& z) {
  Eigen::VectorXd out(z.size());
  const Eigen::Index n_coefficients = data.recipe.n_coefficients();
  for (Eigen::Index i = 0; i < z.size(); ++i) {
    const Prior& prior = data.priors[static_cast<std::size_t>(i)].prior;
    out[i] = i < n_coefficients ? expected_log_prior(prior, z[i], 0).d_mean
                                : expected_log_positive_prior(prior, z[i], 0).d_mean + 1;  // log Jacobian
  }
  return out;
}

}  // namespace

template <class T>
GlmEstimator<T>::GlmEstimator(const GlmData& data, const Context& context, const GaussianPoint& like,
                              const EstimatorSettings& settings, Key key)
    : data_(data),
      context_(context),
      centring_(fit_centring(data, like.family)),
      kept_(data, context, centring_),
      settings_(settings),
      key_(key),
      noise_(context, like, settings.draws,
             settings.estimator == Estimator::weights ? settings.draw_kind : DrawKind::iid, key) {}

template <class T>
double GlmEstimator<T>::count(std::span<const std::int64_t> batch) const {
  const auto of_row = [&](std::size_t n) {
    if (data_.weights.empty()) return 1.0;
    return data_.recipe.weights_kind == WeightsKind::precision ? (data_.weights[n] > 0 ? 1.0 : 0.0) : data_.weights[n];
  };
  const auto n_rows = static_cast<std::size_t>(data_.n_rows);
  double sum = 0;
  if (batch.empty()) {
    for (std::size_t n = 0; n < n_rows; ++n) sum += of_row(n);
    return sum;
  }
  for (const std::int64_t row : batch) sum += of_row(static_cast<std::size_t>(row));
  return sum * static_cast<double>(n_rows) / static_cast<double>(batch.size());
}

template <class T>
ElboGradient GlmEstimator<T>::estimate(const GaussianPoint& point, std::span<const std::int64_t> batch,
                                       std::uint32_t step) {
  const Rows<T> rows =
      batch.empty() ? kept_.rows() : kept_.batch(batch.data(), static_cast<std::int64_t>(batch.size()));
  ElboGradient out{data_.log_normaliser, Eigen::VectorXd::Zero(point.dimension()),
                   Eigen::MatrixXd::Zero(point.factor.rows(), point.factor.cols())};
  if (settings_.estimator == Estimator::weights) {
    add_weights(point, rows, batch, step, out);
  } else {
    add_predictor(point, rows, batch, step, out);
  }
  rows_read_ += rows.n_rows;
  if (settings_.estimator == Estimator::weights && settings_.entropy == EntropyGradient::sticking_the_landing) {
    // Their gradients are in the draws' already; their values are known exactly.
    ElboGradient exact{0, Eigen::VectorXd::Zero(point.dimension()),
                       Eigen::MatrixXd::Zero(point.factor.rows(), point.factor.cols())};
    add_prior(data_, point, exact);
    out.value += exact.value + point.entropy();
    return out;
  }
  add_prior(data_, point, out);
  add_entropy(point, out);
  return out;
}

template <class T>
void GlmEstimator<T>::add_weights(const GaussianPoint& point, const Rows<T>& rows, std::span<const std::int64_t> batch,
                                  std::uint32_t step, ElboGradient& sum) {
  const Eigen::Index d = data_.n_columns, s_draws = settings_.draws;
  const Eigen::MatrixXd eps = noise_.at(step);
  const Eigen::MatrixXd z = draws_of(point, eps);
  const RowMajorMatrix kept = centring_.to_kept(z.leftCols(d).transpose()).transpose();
  Eigen::VectorXd value(s_draws);
  RowMajorMatrix kept_gradient(s_draws, d);
  context_.ops<T>().log_likelihood_gradient(context_, rows, kept.data(), s_draws, value.data(), kept_gradient.data());
  Eigen::MatrixXd g = Eigen::MatrixXd::Zero(s_draws, point.dimension());
  g.leftCols(d) = centring_.to_model(kept_gradient.transpose()).transpose();
  if (data_.recipe.has_sigma()) {
    const double n = count(batch);
    for (Eigen::Index s = 0; s < s_draws; ++s) {
      const double u = z(s, d), precision = std::exp(-2 * u), half_squares = -precision * value[s];
      g.row(s).head(d) *= precision;
      g(s, d) = 2 * half_squares - n;
      value[s] = -half_squares - n * (u + kHalfLogTwoPi);
    }
  }
  if (settings_.entropy == EntropyGradient::sticking_the_landing) {
    for (Eigen::Index s = 0; s < s_draws; ++s) g.row(s) += prior_gradient(data_, z.row(s).transpose()).transpose();
    subtract_score(point, eps, g);
  }
  sum.value += value.mean();
  add_pullback(point, eps, g, sum);
}

template <class T>
void GlmEstimator<T>::add_predictor(const GaussianPoint& point, const Rows<T>& rows,
                                    std::span<const std::int64_t> batch, std::uint32_t step, ElboGradient& sum) {
  const Eigen::Index d = data_.n_columns, rank = point.rank();
  const bool full = point.family == FamilyKind::full_rank, gaussian = data_.recipe.has_sigma();
  // Of the coefficients, in kept order.
  Eigen::VectorXd mean = point.mean.head(d), shift = Eigen::VectorXd::Zero(d);
  double variance_u = 0, tilt = 1;
  if (gaussian) {
    const Eigen::RowVectorXd last = point.factor.row(d);
    variance_u = last.squaredNorm();
    if (full) shift = point.factor.topRows(d) * last.transpose();
    if (rank > 0) shift = point.factor.topRightCorner(d, rank) * last.tail(rank).transpose();
    tilt = std::exp(-2 * point.mean[d] + 2 * variance_u);
    mean -= 2 * shift;
  }
  const Eigen::VectorXd kept_mean = centring_.to_kept(mean);
  const RowMajorMatrix kept_factor = centring_.to_kept(point.factor.topRows(d));
  const Eigen::VectorXd sd = full ? Eigen::VectorXd() : Eigen::VectorXd(kept_factor.col(0));
  const RowMajorMatrix loadings = full ? kept_factor : RowMajorMatrix(kept_factor.rightCols(rank));
  const PredictorScale scale{.sd = full ? nullptr : sd.data(),
                             .factor = loadings.cols() > 0 ? loadings.data() : nullptr,
                             .rank = loadings.cols()};
  const PredictorRule rule{
      .n_draws = settings_.estimator == Estimator::local ? settings_.draws : 0, .key = key_, .step = step};
  Eigen::VectorXd gradient(d), diagonal(full ? 0 : d);
  RowMajorMatrix gram = RowMajorMatrix::Zero(full ? d : 0, full ? d : 0), product(d, rank);
  RowSums<T> sums;
  sums.gradient = gradient.data();
  if (full) {
    sums.gram = gram.data();
  } else {
    sums.diagonal = diagonal.data();
    if (rank > 0) sums.factor_product = product.data();
  }
  context_.ops<T>().expected_log_likelihood(context_, rows, kept_mean.data(), scale, rule, sums);

  // C times the coefficients' part of the factor, for C = X' diag(c) X.
  const Eigen::VectorXd g = tilt * centring_.to_model(gradient);
  Eigen::MatrixXd image(d, point.factor.cols());
  if (full) {
    const Eigen::MatrixXd whole = gram.template selfadjointView<Eigen::Lower>();
    image = centring_.curvature_to_model(whole) * point.factor.topRows(d);
  } else {
    image.col(0) = centring_.to_model(diagonal).col(0).cwiseProduct(point.factor.col(0).head(d));
    if (rank > 0) image.rightCols(rank) = centring_.to_model(product);
  }
  Eigen::MatrixXd factor = Eigen::MatrixXd::Zero(point.factor.rows(), point.factor.cols());
  factor.topRows(d) = -tilt * image;
  sum.mean.head(d) += g;
  if (gaussian) {
    const double n = count(batch), value = tilt * sums.value;  // minus half the expected sum of squares
    sum.value += value - n * (point.mean[d] + kHalfLogTwoPi);
    sum.mean[d] += -2 * value - n;
    // d/dS_beta,u = -2 g, d/dS_uu = 2 value, and Sigma = factor factor' but for the first column's off-diagonal.
    const Eigen::Index shared = full ? 0 : 1;  // columns from here on are common to several latents
    const Eigen::RowVectorXd last = point.factor.row(d);
    factor.rightCols(factor.cols() - shared).topRows(d) -= 2 * g * last.tail(factor.cols() - shared);
    factor.row(d).tail(factor.cols() - shared) -=
        2 * g.transpose() * point.factor.topRows(d).rightCols(factor.cols() - shared);
    factor.row(d) += 4 * value * last;
  } else {
    sum.value += sums.value;
  }
  if (full) {
    sum.factor.template triangularView<Eigen::Lower>() += factor;
  } else {
    sum.factor += factor;
  }
}

template <class T>
std::unique_ptr<ElboEstimator> make_estimator(const GlmData& data, const Context& context, const GaussianPoint& like,
                                              const EstimatorSettings& settings, Key key) {
  return std::make_unique<GlmEstimator<T>>(data, context, like, settings, key);
}

template std::unique_ptr<ElboEstimator> make_estimator<float>(const GlmData&, const Context&, const GaussianPoint&,
                                                              const EstimatorSettings&, Key);
template std::unique_ptr<ElboEstimator> make_estimator<double>(const GlmData&, const Context&, const GaussianPoint&,
                                                               const EstimatorSettings&, Key);

}  // namespace velbo::internal

// regression/ard_model.cpp - updates as in Drugowitsch (2013), equations 11 to 17, and the ELBO by its Kullback-Leibler divergences.
#include "regression/ard_model.h"

#include <Eigen/Cholesky>
#include <cmath>
#include <utility>

namespace velbo::internal {
namespace {

constexpr double kGain = 1e-9;  // of the ELBO, a round: less is not worth another
const double kLogTwoPi = std::log(2 * 3.14159265358979323846);

// The places of what the statistics hold.
struct Sums {
  double n, yy;
  Eigen::Map<const Eigen::VectorXd> xy;
  Eigen::MatrixXd xx;

  Sums(std::span<const double> s, std::int64_t d) : n(s[0]), yy(s[1]), xy(s.data() + 2, d), xx(d, d) {
    const double* next = s.data() + 2 + d;
    for (Eigen::Index i = 0; i < d; ++i)
      for (Eigen::Index j = 0; j <= i; ++j) xx(i, j) = xx(j, i) = *next++;
  }
};

}  // namespace

ArdModel::ArdModel(const FeatureMatrix& x, std::span<const double> y, std::vector<double> centre,
                   const ArdOptions& options, int rounds, Scalar scalar, const Context& context)
    : options_(options),
      n_(x.n_rows()),
      d_(x.n_columns()),
      rounds_(rounds),
      rows_(make_ard_sums(x, y, std::move(centre), scalar, context)) {}

double ArdModel::local_step(UnitRange units, bool /*keep*/, std::span<double> statistics) {
  const bool all = units.size() == n_;
  std::vector<double> mine = all ? std::move(of_all_) : std::vector<double>();
  if (mine.empty()) {
    mine.resize(statistics.size());
    rows_->add(units, mine);
  }
  for (std::size_t i = 0; i < mine.size(); ++i) statistics[i] += mine[i];
  const double term = statistics_term(mine);
  if (all) of_all_ = std::move(mine);
  return term;
}

void ArdModel::set_statistics(std::span<const double> statistics) {
  if (!started_) start(statistics);
  double last = 0;
  for (int round = 0; round < rounds_; ++round) {
    update_coefficients(statistics);
    if (!options_.known_relevance.empty()) break;
    update_relevance();
    const double elbo = statistics_term(statistics) + global_elbo();
    if (round > 0 && elbo - last <= kGain * std::abs(elbo)) break;
    last = elbo;
  }
}

// Where a column would explain about as much as the noise is.  Before there are rows any number does.
void ArdModel::start(std::span<const double> statistics) {
  const Sums sums(statistics, d_);
  started_ = sums.n > 0;
  q_.relevance.resize(static_cast<std::size_t>(d_));
  for (std::size_t i = 0; i < q_.relevance.size(); ++i) {
    const auto at = static_cast<Eigen::Index>(i);
    const double alpha = started_ && sums.xx(at, at) > 0 ? sums.xx(at, at) / sums.n : 1;
    q_.relevance[i] = {options_.known_relevance.empty() ? alpha : options_.known_relevance[i], 1};
  }
}

void ArdModel::update_coefficients(std::span<const double> statistics) {
  const Sums sums(statistics, d_);
  Eigen::MatrixXd precision = sums.xx;
  for (Eigen::Index i = 0; i < d_; ++i) precision(i, i) += q_.relevance[static_cast<std::size_t>(i)].mean();
  const Eigen::LLT<Eigen::MatrixXd> cholesky(precision);
  q_.mean = cholesky.solve(sums.xy);
  q_.covariance = cholesky.solve(Eigen::MatrixXd::Identity(d_, d_));
  q_.log_det_covariance = 0;
  for (Eigen::Index i = 0; i < d_; ++i) q_.log_det_covariance -= 2 * std::log(cholesky.matrixLLT()(i, i));
  if (options_.known_noise_sd) {
    q_.noise = {1 / (*options_.known_noise_sd * *options_.known_noise_sd), 1};
    return;
  }
  // y'y - w' V^-1 w as a sum of what is not negative: the residuals' and the prior's.
  double squares = sums.yy - 2 * q_.mean.dot(sums.xy) + q_.mean.dot(sums.xx * q_.mean);
  squares = std::max(squares, 0.0);
  for (Eigen::Index i = 0; i < d_; ++i)
    squares += q_.relevance[static_cast<std::size_t>(i)].mean() * q_.mean[i] * q_.mean[i];
  q_.noise = {options_.noise_shape + 0.5 * sums.n, options_.noise_rate + 0.5 * squares};
}

void ArdModel::update_relevance() {
  for (Eigen::Index i = 0; i < d_; ++i)
    q_.relevance[static_cast<std::size_t>(i)] = {
        options_.relevance_shape + 0.5,
        options_.relevance_rate + 0.5 * (q_.noise.mean() * q_.mean[i] * q_.mean[i] + q_.covariance(i, i))};
}

double ArdModel::expected_log_noise() const {
  return options_.known_noise_sd ? std::log(q_.noise.mean()) : q_.noise.expected_log();
}

double ArdModel::expected_log_relevance(std::size_t i) const {
  return options_.known_relevance.empty() ? q_.relevance[i].expected_log() : std::log(q_.relevance[i].mean());
}

// E_q log N(y; X w, 1 / tau) of the rows that the sums are of.
double ArdModel::statistics_term(std::span<const double> statistics) const {
  const Sums sums(statistics, d_);
  const double squares = sums.yy - 2 * q_.mean.dot(sums.xy) + q_.mean.dot(sums.xx * q_.mean);
  return 0.5 * (sums.n * (expected_log_noise() - kLogTwoPi) - q_.noise.mean() * squares -
                sums.xx.cwiseProduct(q_.covariance).sum());
}

double ArdModel::global_elbo() const {
  // E KL(q(w | tau) || p(w | tau, alpha)).
  double divergence = -static_cast<double>(d_) - q_.log_det_covariance;
  for (Eigen::Index i = 0; i < d_; ++i) {
    const auto at = static_cast<std::size_t>(i);
    divergence += q_.relevance[at].mean() * (q_.covariance(i, i) + q_.noise.mean() * q_.mean[i] * q_.mean[i]) -
                  expected_log_relevance(at);
  }
  divergence *= 0.5;
  if (!options_.known_noise_sd) divergence += gamma_kl(q_.noise, {options_.noise_shape, options_.noise_rate});
  if (options_.known_relevance.empty())
    for (const GammaFactor& alpha : q_.relevance)
      divergence += gamma_kl(alpha, {options_.relevance_shape, options_.relevance_rate});
  return -divergence;
}

void ArdModel::save(EngineState& state) const {
  Eigen::MatrixXd gammas(d_ + 1, 2);
  gammas.row(d_) << q_.noise.shape, q_.noise.rate;
  for (Eigen::Index i = 0; i < d_; ++i)
    gammas.row(i) << q_.relevance[static_cast<std::size_t>(i)].shape, q_.relevance[static_cast<std::size_t>(i)].rate;
  state.set("gammas", gammas);
  state.set("mean", Eigen::MatrixXd(q_.mean));
  state.set("covariance", q_.covariance);
  state.set("log_det_covariance", q_.log_det_covariance);
}

void ArdModel::load(const EngineState& state) {
  const Eigen::MatrixXd gammas = state.matrix("gammas");
  for (Eigen::Index i = 0; i < d_; ++i) q_.relevance[static_cast<std::size_t>(i)] = {gammas(i, 0), gammas(i, 1)};
  q_.noise = {gammas(d_, 0), gammas(d_, 1)};
  q_.mean = state.vector("mean");
  q_.covariance = state.matrix("covariance");
  q_.log_det_covariance = state.number("log_det_covariance");
}

}  // namespace velbo::internal

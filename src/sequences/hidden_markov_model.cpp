#include "sequences/hidden_markov_model.h"

#include <cmath>
#include <numeric>

#include "conjugate/dirichlet.h"

namespace velbo::internal {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

std::unique_ptr<Emissions> make_emissions(const HiddenMarkovPrior& prior) {
  if (prior.kind == EmissionKind::categorical)
    return std::make_unique<CategoricalEmissions>(prior.emission, prior.width, prior.n_states);
  const Eigen::VectorXd scale = Eigen::VectorXd::Map(prior.scale.data(), prior.width);
  return std::make_unique<GaussianEmissions>(
      NormalWishartFactor{prior.mean_precision, Eigen::VectorXd::Zero(prior.width),
                          WishartFactor(prior.degrees_of_freedom, scale.asDiagonal())},
      Eigen::VectorXd::Map(prior.centre.data(), prior.width), prior.n_states);
}

}  // namespace

HiddenMarkovFactors::HiddenMarkovFactors(HiddenMarkovPrior prior)
    : prior_(std::move(prior)), emissions_(make_emissions(prior_)) {}

std::int64_t HiddenMarkovFactors::n_statistics() const {
  return prior_.n_states * (1 + prior_.n_states + emissions_->statistics_per_state());
}

std::vector<double> HiddenMarkovFactors::prior_row(std::size_t from) const {
  std::vector<double> row(size(prior_.n_states), prior_.transition);
  row[from] += prior_.sticky;
  return row;
}

void HiddenMarkovFactors::set_statistics(std::span<const double> statistics) {
  const std::size_t k = size(prior_.n_states);
  initial_.assign(statistics.begin(), statistics.begin() + prior_.n_states);
  for (double& value : initial_) value += prior_.initial;
  transition_.assign(statistics.begin() + prior_.n_states,
                     statistics.begin() + prior_.n_states * (1 + prior_.n_states));
  expected_logs_.log_initial.resize(prior_.n_states);
  expected_logs_.log_transition.resize(prior_.n_states, prior_.n_states);
  dirichlet_expected_log(initial_, {expected_logs_.log_initial.data(), k});
  for (std::size_t i = 0; i < k; ++i) {
    const std::vector<double> prior = prior_row(i);
    for (std::size_t j = 0; j < k; ++j) transition_[i * k + j] += prior[j];
    dirichlet_expected_log(std::span(transition_).subspan(i * k, k), {expected_logs_.log_transition.data() + i * k, k});
  }
  emissions_->set_statistics(of_emissions(statistics));
}

double HiddenMarkovFactors::statistics_term(std::span<const double> statistics) const {
  const std::size_t k = size(prior_.n_states);
  const double* const logs = expected_logs_.log_transition.data();
  double sum = emissions_->statistics_term(of_emissions(statistics));
  sum +=
      std::inner_product(expected_logs_.log_initial.begin(), expected_logs_.log_initial.end(), statistics.begin(), 0.0);
  return std::inner_product(logs, logs + k * k, statistics.data() + k, sum);
}

double HiddenMarkovFactors::global_elbo() const {
  const std::size_t k = size(prior_.n_states);
  double sum = emissions_->global_elbo() - dirichlet_kl(initial_, std::vector<double>(k, prior_.initial));
  for (std::size_t i = 0; i < k; ++i) sum -= dirichlet_kl(std::span(transition_).subspan(i * k, k), prior_row(i));
  return sum;
}

ChainWeights HiddenMarkovFactors::logs_of_means() const {
  ChainWeights out{Eigen::VectorXd::Map(initial_.data(), prior_.n_states),
                   RowMajorMatrixXd::Map(transition_.data(), prior_.n_states, prior_.n_states)};
  out.log_initial = (out.log_initial / out.log_initial.sum()).array().log();
  for (Eigen::Index i = 0; i < prior_.n_states; ++i)
    out.log_transition.row(i) = (out.log_transition.row(i) / out.log_transition.row(i).sum()).array().log();
  return out;
}

std::vector<double> HiddenMarkovFactors::reordered(std::span<const double> statistics,
                                                   const std::vector<std::size_t>& order) const {
  const std::size_t k = order.size(), width = size(emissions_->statistics_per_state());
  std::vector<double> out;
  for (const std::size_t i : order) out.push_back(statistics[i]);
  for (const std::size_t i : order)
    for (const std::size_t j : order) out.push_back(statistics[k + i * k + j]);
  const std::span<const double> emissions = of_emissions(statistics);
  for (const std::size_t i : order) {
    const std::span<const double> mine = emissions.subspan(i * width, width);
    out.insert(out.end(), mine.begin(), mine.end());
  }
  return out;
}

std::vector<double> HiddenMarkovModel::starting_statistics(Key key) const {
  const Sequences::Data& data = sequences_.data();
  const std::size_t k = size(factors_.prior().n_states);
  std::vector<double> out(size(n_statistics()));
  const RowMajorMatrixXd share = factors_.emissions().starting_shares(data, key);
  factors_.emissions().add(data, {0, data.n_rows()}, share, std::span(out).subspan(k * (1 + k)));
  const double steps = static_cast<double>(data.n_rows() - n_units());
  for (std::size_t s = 0; s < k; ++s) out[s] = static_cast<double>(n_units()) / static_cast<double>(k);
  for (std::size_t s = 0; s < k * k; ++s) out[k + s] = steps / static_cast<double>(k * k);
  return out;
}

}  // namespace velbo::internal

// sequences/hidden_markov.cpp - what a fit tells of its states, and of other sequences.
#include "velbo/hidden_markov.h"

#include <fmt/format.h>

#include <limits>

#include "cpu/parallel.h"
#include "sequences/hidden_markov_state.h"
#include "velbo/context.h"
#include "velbo/error.h"

namespace velbo {
namespace {

using namespace internal;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

std::vector<double> shares(std::vector<double> concentration, std::size_t width) {
  for (std::size_t i = 0; i < concentration.size(); i += width) {
    double sum = 0;
    for (std::size_t j = 0; j < width; ++j) sum += concentration[i + j];
    for (std::size_t j = 0; j < width; ++j) concentration[i + j] /= sum;
  }
  return concentration;
}

void require_width(const HiddenMarkov& model, const Sequences& x) {
  if (x.kind() != model.kind())
    throw Error(ErrorCode::shape,
                fmt::format("the sequences are {}, the model's emissions {}", name(x.kind()), name(model.kind())));
  if (x.width() > model.width() || (x.kind() == EmissionKind::gaussian && x.width() != model.width()))
    throw Error(ErrorCode::shape,
                fmt::format("the sequences have {} {}, the model {}", x.width(),
                            x.kind() == EmissionKind::gaussian ? "columns" : "symbols", model.width()));
}

// Calls use(sequence, rows) for each sequence, on several threads.
template <class Use>
void for_each_sequence(const Sequences& x, int threads, const Use& use) {
  const Context context(Device{}, threads);
  parallel_for(x.n_sequences(), Workers(context.threads(), &context.team()), [&](std::int64_t i, int) {
    use(size(i), UnitRange{x.start()[size(i)], x.start()[size(i) + 1]});
  });
}

const GaussianEmissions& gaussian(const HiddenMarkovState& state) {
  if (state.factors.prior().kind != EmissionKind::gaussian)
    throw Error(ErrorCode::argument,
                "the model's emissions are symbols, which have no means; ask for symbol_probabilities()");
  return static_cast<const GaussianEmissions&>(state.factors.emissions());
}

}  // namespace

HiddenMarkovState::HiddenMarkovState(HiddenMarkovPrior prior, std::vector<double> of, std::vector<std::string> names_of,
                                     ConjugateRun how)
    : factors(std::move(prior)), statistics(std::move(of)), names(std::move(names_of)), run(std::move(how)) {
  factors.set_statistics(statistics);
  const std::size_t k = size(factors.prior().n_states), width = size(factors.emissions().statistics_per_state());
  const std::span<const double> emissions = factors.of_emissions(statistics);
  for (std::size_t s = 0; s < k; ++s) {
    double sum = emissions[s * width];
    if (factors.prior().kind == EmissionKind::categorical)
      for (std::size_t v = 1; v < width; ++v) sum += emissions[s * width + v];
    occupancy.push_back(sum);
  }
}

EmissionKind HiddenMarkov::kind() const noexcept { return state_->factors.prior().kind; }
std::int64_t HiddenMarkov::n_states() const noexcept { return state_->factors.prior().n_states; }
std::int64_t HiddenMarkov::width() const noexcept { return state_->factors.prior().width; }
const std::vector<double>& HiddenMarkov::occupancy() const noexcept { return state_->occupancy; }
const std::vector<std::string>& HiddenMarkov::names() const noexcept { return state_->names; }
const ConjugateRun& HiddenMarkov::run() const noexcept { return state_->run; }

std::vector<double> HiddenMarkov::initial() const { return shares(state_->factors.initial(), size(n_states())); }
std::vector<double> HiddenMarkov::transition() const { return shares(state_->factors.transition(), size(n_states())); }

std::vector<double> HiddenMarkov::means() const {
  const GaussianEmissions& emissions = gaussian(*state_);
  std::vector<double> out;
  for (const NormalWishartFactor& q : emissions.factors()) {
    const Eigen::VectorXd mean = q.m + emissions.centre();
    out.insert(out.end(), mean.begin(), mean.end());
  }
  return out;
}

std::vector<double> HiddenMarkov::covariances() const {
  std::vector<double> out;
  for (const NormalWishartFactor& q : gaussian(*state_).factors()) {
    const double left = q.precision.nu() - static_cast<double>(width()) - 1;
    const RowMajorMatrixXd inverse_scale = q.precision.inverse_scale();
    for (Eigen::Index i = 0; i < inverse_scale.size(); ++i)
      out.push_back(left > 0 ? inverse_scale.data()[i] / left : std::numeric_limits<double>::infinity());
  }
  return out;
}

std::vector<double> HiddenMarkov::symbol_probabilities() const {
  if (kind() != EmissionKind::categorical)
    throw Error(ErrorCode::argument, "the model's emissions are Gaussian and have no symbols; ask for means()");
  return shares(static_cast<const CategoricalEmissions&>(state_->factors.emissions()).concentrations(), size(width()));
}

std::vector<double> HiddenMarkov::state_probabilities(const Sequences& x, int threads) const {
  require_width(*this, x);
  std::vector<double> out(size(x.n_rows() * n_states()));
  for_each_sequence(x, threads, [&](std::size_t, UnitRange rows) {
    RowMajorMatrixXd log_emission;
    state_->factors.emissions().expected_log_density(x.data(), rows, log_emission);
    const ChainExpectations e = expect_chain(state_->factors.expected_logs(), log_emission);
    std::copy(e.state.data(), e.state.data() + e.state.size(), out.begin() + rows.begin * n_states());
  });
  return out;
}

std::vector<std::int64_t> HiddenMarkov::most_probable_states(const Sequences& x) const {
  require_width(*this, x);
  std::vector<std::int64_t> out(size(x.n_rows()));
  for_each_sequence(x, 0, [&](std::size_t, UnitRange rows) {
    RowMajorMatrixXd log_emission;
    state_->factors.emissions().expected_log_density(x.data(), rows, log_emission);
    const std::vector<std::int64_t> path = best_path(state_->factors.expected_logs(), log_emission);
    std::copy(path.begin(), path.end(), out.begin() + rows.begin);
  });
  return out;
}

std::vector<double> HiddenMarkov::log_density(const Sequences& x, int threads) const {
  require_width(*this, x);
  std::vector<double> out(size(x.n_sequences()));
  const ChainWeights weights = state_->factors.logs_of_means();
  for_each_sequence(x, threads, [&](std::size_t i, UnitRange rows) {
    RowMajorMatrixXd log_emission;
    state_->factors.emissions().log_density(x.data(), rows, log_emission);
    out[i] = expect_chain(weights, log_emission).log_total;
  });
  return out;
}

}  // namespace velbo

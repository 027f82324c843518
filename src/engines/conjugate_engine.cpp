// engines/conjugate_engine.cpp
#include "engines/conjugate_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "velbo/random.h"

namespace velbo::internal {
namespace {

std::int64_t n_batches_of(std::int64_t n_units, std::int64_t batch_size) {
  return (n_units + batch_size - 1) / batch_size;
}

UnitRange batch_range(std::int64_t b, std::int64_t n_units, std::int64_t batch_size) {
  return {b * batch_size, std::min(n_units, (b + 1) * batch_size)};
}

Eigen::MatrixXd as_matrix(const std::vector<double>& values) {
  return Eigen::VectorXd::Map(values.data(), static_cast<Eigen::Index>(values.size()));
}

void read(const EngineState& state, const std::string& name, std::vector<double>& out) {
  const Eigen::VectorXd values = state.vector(name);
  out.assign(values.begin(), values.end());
}

}  // namespace

ConjugateEngineBase::ConjugateEngineBase(ConjugateModel& model, std::vector<double> statistics, const char* stage)
    : model_(model), statistics_(std::move(statistics)) {
  report_.stage = stage;
  model_.set_statistics(statistics_);
}

void ConjugateEngineBase::advance(std::int64_t n_steps) {
  for (std::int64_t i = 0; i < n_steps && !report_.diverged; ++i) {
    step();
    ++report_.steps;
  }
}

double ConjugateEngineBase::elbo_of(double rest) const {
  return model_.statistics_term(statistics_) + rest + model_.global_elbo();
}

void ConjugateEngineBase::finish_pass(double elbo) {
  if (!std::isfinite(elbo)) {
    report_.diverged = true;
    report_.message = "the ELBO is not a number";
  }
  if (!trace_.empty()) report_.error_sd = std::abs(elbo - trace_.back()) / static_cast<double>(model_.n_units());
  report_.on_all_data = true;
  report_.elbo = elbo;
  trace_.push_back(elbo);
}

void ConjugateEngineBase::save(EngineState& state) const {
  save_report(report_, state);
  state.set("statistics", as_matrix(statistics_));
  state.set("trace", as_matrix(trace_));
  model_.save(state);
}

void ConjugateEngineBase::load(const EngineState& state) {
  report_ = load_report(state);
  read(state, "statistics", statistics_);
  read(state, "trace", trace_);
  model_.set_statistics(statistics_);
  model_.load(state);
}

void Cavi::step() {
  next_.assign(statistics_.size(), 0);
  const double local = model_.local_step({0, model_.n_units()}, true, next_);
  const double rest = local - model_.statistics_term(next_);
  statistics_.swap(next_);
  model_.set_statistics(statistics_);
  report_.rows_read += model_.n_units();
  finish_pass(elbo_of(rest));
}

Svi::Svi(ConjugateModel& model, std::vector<double> statistics, const ConjugateSettings& settings)
    : ConjugateEngineBase(model, std::move(statistics), "svi"),
      settings_(settings),
      order_(n_batches_of(model.n_units(), settings.batch_size), 1, make_key(settings.seed, Purpose::shuffle)) {}

void Svi::step() {
  const std::int64_t n = model_.n_units();
  const UnitRange units = batch_range(order_.batch(report_.steps).front(), n, settings_.batch_size);
  const double scale = static_cast<double>(n) / static_cast<double>(units.size());
  batch_.assign(statistics_.size(), 0);
  const double local = model_.local_step(units, false, batch_);
  pass_elbo_ += (scale * local + model_.global_elbo()) * static_cast<double>(units.size()) / static_cast<double>(n);

  const double rate =
      std::min(1.0, std::pow(static_cast<double>(report_.steps) + 1 + settings_.delay, -settings_.forgetting));
  for (std::size_t i = 0; i < batch_.size(); ++i)
    statistics_[i] = (1 - rate) * statistics_[i] + rate * scale * batch_[i];
  model_.set_statistics(statistics_);
  report_.rows_read += units.size();
  if ((report_.steps + 1) % order_.batches_per_epoch() == 0) {
    finish_pass(pass_elbo_);
    pass_elbo_ = 0;
  }
}

double Svi::evaluate() {
  batch_.assign(statistics_.size(), 0);
  report_.elbo = model_.local_step({0, model_.n_units()}, false, batch_) + model_.global_elbo();
  return report_.elbo;
}

void Svi::save(EngineState& state) const {
  ConjugateEngineBase::save(state);
  state.set("pass_elbo", pass_elbo_);
}

void Svi::load(const EngineState& state) {
  ConjugateEngineBase::load(state);
  pass_elbo_ = state.number("pass_elbo");
}

Memoized::Memoized(ConjugateModel& model, std::vector<double> statistics, const ConjugateSettings& settings)
    : ConjugateEngineBase(model, std::move(statistics), "memoized"),
      settings_(settings),
      batches_(static_cast<std::size_t>(n_batches_of(model.n_units(), settings.batch_size)) * statistics_.size()),
      rest_(static_cast<std::size_t>(n_batches_of(model.n_units(), settings.batch_size))) {}

void Memoized::visit(std::int64_t b) {
  const UnitRange units = batch_range(b, model_.n_units(), settings_.batch_size);
  const std::span<double> mine = batch(b);
  std::fill(mine.begin(), mine.end(), 0.0);
  const double local = model_.local_step(units, true, mine);
  rest_[static_cast<std::size_t>(b)] = local - model_.statistics_term(mine);
  report_.rows_read += units.size();
}

double Memoized::elbo() const { return elbo_of(std::accumulate(rest_.begin(), rest_.end(), 0.0)); }

// The first step visits all batches before the globals move, so that every sum that follows is one over all units.
void Memoized::step() {
  const bool first = report_.steps == 0;
  const std::int64_t b = first ? n_batches() - 1 : (report_.steps - 1) % n_batches();
  if (first) {
    for (std::int64_t i = 0; i < n_batches(); ++i) visit(i);
  } else {
    const std::span<const double> mine = batch(b);
    for (std::size_t i = 0; i < mine.size(); ++i) statistics_[i] -= mine[i];
    visit(b);
    for (std::size_t i = 0; i < mine.size(); ++i) statistics_[i] += mine[i];
  }
  const bool pass_is_over = b + 1 == n_batches();
  if (pass_is_over) add_up();
  model_.set_statistics(statistics_);
  if (!pass_is_over) return;
  finish_pass(elbo());
  if (!report_.diverged && report_.error_sd < settings_.gain_before_moves) try_proposals();
}

void Memoized::try_proposals() {
  constexpr int kTrialsOfAPass = 3;
  constexpr double kRounding = 1e-9;
  const double gain = report_.error_sd;
  std::vector<double> proposal(statistics_.size());
  for (int trial = 0; model_.propose(statistics_, proposal); ++trial) {
    report_.error_sd = std::numeric_limits<double>::infinity();  // also where the next pass has to go on with trials
    if (trial == kTrialsOfAPass) return;
    const std::vector<double> batches = batches_, rest = rest_, statistics = statistics_;
    model_.set_statistics(proposal);
    for (std::int64_t b = 0; b < n_batches(); ++b) visit(b);
    add_up();
    model_.set_statistics(statistics_);
    const double reached = elbo();
    const bool accepted = reached > report_.elbo + kRounding * std::abs(report_.elbo);
    model_.judge(accepted);
    if (accepted) {
      report_.elbo = reached;
      trace_.push_back(reached);
      return;
    }
    batches_ = batches;
    rest_ = rest;
    statistics_ = statistics;
    model_.set_statistics(statistics_);
  }
  report_.error_sd = gain;
}

// Anew, so that rounding does not pile up in differences.
void Memoized::add_up() {
  std::fill(statistics_.begin(), statistics_.end(), 0.0);
  for (std::int64_t b = 0; b < n_batches(); ++b) {
    const std::span<const double> part = batch(b);
    for (std::size_t i = 0; i < part.size(); ++i) statistics_[i] += part[i];
  }
}

double Memoized::evaluate() {
  if (report_.steps > 0) report_.elbo = elbo();
  return report_.elbo;
}

void Memoized::save(EngineState& state) const {
  ConjugateEngineBase::save(state);
  state.set("batches", as_matrix(batches_));
  state.set("rest", as_matrix(rest_));
}

void Memoized::load(const EngineState& state) {
  ConjugateEngineBase::load(state);
  read(state, "batches", batches_);
  read(state, "rest", rest_);
}

}  // namespace velbo::internal

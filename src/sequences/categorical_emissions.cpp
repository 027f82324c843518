// sequences/categorical_emissions.cpp
#include <cmath>

#include "conjugate/dirichlet.h"
#include "sequences/emissions.h"
#include "sequences/k_means_start.h"

namespace velbo::internal {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

void look_up(const Sequences::Data& data, UnitRange rows, const std::vector<double>& table, std::int64_t n_states,
             std::int64_t n_symbols, RowMajorMatrixXd& out) {
  out.resize(rows.size(), n_states);
  for (std::int64_t t = rows.begin; t < rows.end; ++t)
    for (std::int64_t k = 0; k < n_states; ++k)
      out(t - rows.begin, k) = table[size(k * n_symbols + data.symbol[size(t)])];
}

}  // namespace

void CategoricalEmissions::set_statistics(std::span<const double> statistics) {
  q_.assign(statistics.begin(), statistics.end());
  for (double& value : q_) value += concentration_;
  expected_log_.resize(q_.size());
  log_mean_.resize(q_.size());
  for (std::size_t k = 0; k < size(k_); ++k) {
    const std::span<const double> q = std::span(q_).subspan(k * size(v_), size(v_));
    dirichlet_expected_log(q, std::span(expected_log_).subspan(k * size(v_), size(v_)));
    double total = 0;
    for (const double value : q) total += value;
    for (std::size_t v = 0; v < q.size(); ++v) log_mean_[k * size(v_) + v] = std::log(q[v] / total);
  }
}

EmissionParameters CategoricalEmissions::parameters() const { return {.log_symbol = expected_log_}; }

void CategoricalEmissions::expected_log_density(const Sequences::Data& data, UnitRange rows,
                                                RowMajorMatrixXd& out) const {
  look_up(data, rows, expected_log_, k_, v_, out);
}

void CategoricalEmissions::log_density(const Sequences::Data& data, UnitRange rows, RowMajorMatrixXd& out) const {
  look_up(data, rows, log_mean_, k_, v_, out);
}

void CategoricalEmissions::add(const Sequences::Data& data, UnitRange rows, const RowMajorMatrixXd& share,
                               std::span<double> statistics) const {
  for (std::int64_t t = rows.begin; t < rows.end; ++t)
    for (std::int64_t k = 0; k < k_; ++k) statistics[size(k * v_ + data.symbol[size(t)])] += share(t - rows.begin, k);
}

double CategoricalEmissions::statistics_term(std::span<const double> statistics) const {
  double sum = 0;
  for (std::size_t i = 0; i < statistics.size(); ++i) sum += statistics[i] * expected_log_[i];
  return sum;
}

double CategoricalEmissions::global_elbo() const {
  const std::vector<double> prior(size(v_), concentration_);
  double sum = 0;
  for (std::size_t k = 0; k < size(k_); ++k)
    sum -= dirichlet_kl(std::span(q_).subspan(k * size(v_), size(v_)), prior,
                        std::span(expected_log_).subspan(k * size(v_), size(v_)));
  return sum;
}

// States differ in how much they like each symbol: by a random factor, the square of what is uniform between 0 and 1.
RowMajorMatrixXd CategoricalEmissions::starting_shares(const Sequences::Data& data, Key key) const {
  RowMajorMatrixXd liking(v_, k_);
  for (Eigen::Index v = 0; v < v_; ++v) {
    for (Eigen::Index k = 0; k < k_; ++k)
      liking(v, k) = std::pow(uniform_number(key, static_cast<std::uint64_t>(v * k_ + k)), 2);
    liking.row(v) /= liking.row(v).sum();
  }
  RowMajorMatrixXd out(data.n_rows(), k_);
  for (Eigen::Index t = 0; t < out.rows(); ++t) out.row(t) = liking.row(data.symbol[size(t)]);
  return out;
}

}  // namespace velbo::internal

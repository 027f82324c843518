// sequences/emissions.h - what states emit: expected log densities, sufficient statistics, and their factors.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "conjugate/conjugate_model.h"
#include "conjugate/wishart.h"
#include "sequences/forward_backward.h"
#include "sequences/sequence_data.h"
#include "velbo/hidden_markov.h"
#include "velbo/random.h"

namespace velbo::internal {

// E_q log p(x | s) as numbers for backend/sequence_ops.h, whose SequenceParameters say what they are; of the other kind they are empty.
struct EmissionParameters {
  std::vector<double> constant = {}, whitening = {}, shift = {};  // gaussian
  std::vector<double> log_symbol = {};                            // categorical
};

// Of all K states.  Statistics are K blocks of statistics_per_state() numbers.
class Emissions {
 public:
  virtual ~Emissions() = default;
  [[nodiscard]] virtual std::int64_t statistics_per_state() const = 0;
  virtual void set_statistics(std::span<const double> statistics) = 0;
  [[nodiscard]] virtual EmissionParameters parameters() const = 0;
  // E_q log p(x_t | s) of rows `rows`, into out [rows, K].
  virtual void expected_log_density(const Sequences::Data& data, UnitRange rows, RowMajorMatrixXd& out) const = 0;
  // The same at the factors' expectations, a density of x.
  virtual void log_density(const Sequences::Data& data, UnitRange rows, RowMajorMatrixXd& out) const = 0;
  // Adds the statistics of rows with these shares [rows, K].
  virtual void add(const Sequences::Data& data, UnitRange rows, const RowMajorMatrixXd& share,
                   std::span<double> statistics) const = 0;
  // As those of ConjugateModel.
  [[nodiscard]] virtual double statistics_term(std::span<const double> statistics) const = 0;
  [[nodiscard]] virtual double global_elbo() const = 0;
  // Shares of states for a start: near to one of K rows or symbols drawn by k-means++, or at random.  [N, K]
  [[nodiscard]] virtual RowMajorMatrixXd starting_shares(const Sequences::Data& data, Key key) const = 0;
};

// Normal-Wishart factors of rows less a centre, which keeps sums of squares from losing their digits.  A state's statistics: its rows'
// number, sum [D], and sum of squares, the lower triangle by rows.
class GaussianEmissions final : public Emissions {
 public:
  GaussianEmissions(NormalWishartFactor prior, Eigen::VectorXd centre, std::int64_t n_states)
      : prior_(std::move(prior)), centre_(std::move(centre)), k_(n_states) {}
  [[nodiscard]] std::int64_t statistics_per_state() const override;
  void set_statistics(std::span<const double> statistics) override;
  [[nodiscard]] EmissionParameters parameters() const override;
  void expected_log_density(const Sequences::Data& data, UnitRange rows, RowMajorMatrixXd& out) const override;
  void log_density(const Sequences::Data& data, UnitRange rows, RowMajorMatrixXd& out) const override;
  void add(const Sequences::Data& data, UnitRange rows, const RowMajorMatrixXd& share,
           std::span<double> statistics) const override;
  [[nodiscard]] double statistics_term(std::span<const double> statistics) const override;
  [[nodiscard]] double global_elbo() const override;
  [[nodiscard]] RowMajorMatrixXd starting_shares(const Sequences::Data& data, Key key) const override;
  [[nodiscard]] const std::vector<NormalWishartFactor>& factors() const { return q_; }
  [[nodiscard]] const Eigen::VectorXd& centre() const { return centre_; }

 private:
  [[nodiscard]] Eigen::MatrixXd centred(const Sequences::Data& data, UnitRange rows) const;  // [D, rows]

  NormalWishartFactor prior_;
  Eigen::VectorXd centre_;
  std::int64_t k_;
  std::vector<NormalWishartFactor> q_;
};

// Dirichlet factors over V symbols.  A state's statistics: expected counts [V].
class CategoricalEmissions final : public Emissions {
 public:
  CategoricalEmissions(double concentration, std::int64_t n_symbols, std::int64_t n_states)
      : concentration_(concentration), v_(n_symbols), k_(n_states) {}
  [[nodiscard]] std::int64_t statistics_per_state() const override { return v_; }
  void set_statistics(std::span<const double> statistics) override;
  [[nodiscard]] EmissionParameters parameters() const override;
  void expected_log_density(const Sequences::Data& data, UnitRange rows, RowMajorMatrixXd& out) const override;
  void log_density(const Sequences::Data& data, UnitRange rows, RowMajorMatrixXd& out) const override;
  void add(const Sequences::Data& data, UnitRange rows, const RowMajorMatrixXd& share,
           std::span<double> statistics) const override;
  [[nodiscard]] double statistics_term(std::span<const double> statistics) const override;
  [[nodiscard]] double global_elbo() const override;
  [[nodiscard]] RowMajorMatrixXd starting_shares(const Sequences::Data& data, Key key) const override;
  [[nodiscard]] const std::vector<double>& concentrations() const { return q_; }  // [K, V]

 private:
  double concentration_;
  std::int64_t v_, k_;
  std::vector<double> q_, expected_log_, log_mean_;  // [K, V]
};

}  // namespace velbo::internal

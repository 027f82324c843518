// sequences/hidden_markov_model.h - the factors of a hidden Markov model, and its fit's view of some sequences.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "conjugate/conjugate_model.h"
#include "sequences/emissions.h"
#include "sequences/sequence_data.h"
#include "sequences/sequence_step.h"
#include "velbo/context.h"

namespace velbo::internal {

// Everything of the prior, and what the statistics are relative to.
struct HiddenMarkovPrior {
  EmissionKind kind = EmissionKind::gaussian;
  std::int64_t n_states = 0, width = 0;
  double initial = 1, transition = 1, sticky = 0;
  double emission = 1;                                // categorical
  double mean_precision = 0, degrees_of_freedom = 0;  // gaussian
  std::vector<double> centre = {},
                      scale = {};  // gaussian [D]: of the rows, and the diagonal of the Wishart's inverse scale
};

// Of the globals.  Statistics: of states that sequences begin in [K], of steps [K, K], of emissions (sequences/emissions.h).
class HiddenMarkovFactors {
 public:
  explicit HiddenMarkovFactors(HiddenMarkovPrior prior);
  [[nodiscard]] const HiddenMarkovPrior& prior() const { return prior_; }
  [[nodiscard]] std::int64_t n_statistics() const;
  void set_statistics(std::span<const double> statistics);
  [[nodiscard]] double statistics_term(std::span<const double> statistics) const;
  [[nodiscard]] double global_elbo() const;

  [[nodiscard]] const ChainWeights& expected_logs() const { return expected_logs_; }
  [[nodiscard]] ChainWeights logs_of_means() const;
  [[nodiscard]] const Emissions& emissions() const { return *emissions_; }
  [[nodiscard]] const std::vector<double>& initial() const { return initial_; }        // [K] concentrations
  [[nodiscard]] const std::vector<double>& transition() const { return transition_; }  // [K, K]

  // Statistics with state order[i] in place i.
  [[nodiscard]] std::vector<double> reordered(std::span<const double> statistics,
                                              const std::vector<std::size_t>& order) const;
  [[nodiscard]] std::span<const double> of_emissions(std::span<const double> statistics) const {
    return statistics.subspan(static_cast<std::size_t>(prior_.n_states * (1 + prior_.n_states)));
  }

 private:
  [[nodiscard]] std::vector<double> prior_row(std::size_t from) const;  // of A

  HiddenMarkovPrior prior_;
  std::unique_ptr<Emissions> emissions_;
  std::vector<double> initial_, transition_;
  ChainWeights expected_logs_;
};

// Units are sequences.
class HiddenMarkovModel final : public ConjugateModel {
 public:
  // Rows are gone over by the context's device, in arithmetic of `scalar`.
  HiddenMarkovModel(const Sequences& sequences, const HiddenMarkovPrior& prior, const Context& context,
                    Scalar scalar = Scalar::float64)
      : sequences_(sequences), factors_(prior), step_(make_sequence_step(sequences, prior.centre, scalar, context)) {}

  [[nodiscard]] std::int64_t n_units() const override { return sequences_.n_sequences(); }
  [[nodiscard]] std::int64_t n_statistics() const override { return factors_.n_statistics(); }
  void set_statistics(std::span<const double> statistics) override { factors_.set_statistics(statistics); }
  double local_step(UnitRange units, bool /*keep*/, std::span<double> statistics) override {
    return step_->add(units, factors_, statistics);
  }
  [[nodiscard]] double statistics_term(std::span<const double> statistics) const override {
    return factors_.statistics_term(statistics);
  }
  [[nodiscard]] double global_elbo() const override { return factors_.global_elbo(); }

  // Of rows shared out by k-means or at random, with steps that are all as likely.
  [[nodiscard]] std::vector<double> starting_statistics(Key key) const;
  [[nodiscard]] const HiddenMarkovFactors& factors() const { return factors_; }

 private:
  Sequences sequences_;
  HiddenMarkovFactors factors_;
  std::unique_ptr<SequenceStep> step_;
};

}  // namespace velbo::internal

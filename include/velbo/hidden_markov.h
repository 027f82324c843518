// velbo/hidden_markov.h - hidden Markov models with Gaussian or categorical emissions, by variational Bayes.
//
//   s_1 ~ pi,  s_t ~ A[s_{t-1}, :],  x_t ~ N(mu_s, Lambda_s^-1) or x_t ~ theta_s
//   pi, rows of A, theta_s ~ Dirichlet;  mu_s, Lambda_s ~ Normal-Wishart
//
// (MacKay 1997; Beal 2003, chapter 3.)  A unit of the fit is a sequence: its states' expectations by forward-backward recursions, exactly
// given the globals.
//
// fit.scalar: of the arithmetic by row, float or double (automatic: double); sums over rows, globals and what is asked of a fitted model are
// double, on the host.  A sequence of which the scalar would lose paths is done by logarithms in double.  fit.device: the CPU (automatic) or a
// CUDA device, which keeps the rows for the whole fit, and up to 2 GiB besides (more where one sequence needs it); up to 2,048 states there.
// The same bits for any number of threads and on every run, though not on another kind of device, where a checkpoint cannot be gone on from.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "velbo/conjugate.h"
#include "velbo/export.h"
#include "velbo/table.h"

namespace velbo {

enum class EmissionKind { gaussian, categorical };
VELBO_EXPORT std::string_view name(EmissionKind kind) noexcept;

// Which columns of a table sequences are made of.
struct SequenceColumns {
  std::vector<std::string> numbers = {};  // empty: all number columns but that of `sequence`
  std::string symbol =
      {};  // text or whole numbers: then the sequences are of symbols, in alphabetical or increasing order
  std::string sequence =
      {};  // rows with the same value here, one after the other, are a sequence; empty: all rows are one
};

// Sequences one after the other.  Immutable; copies share the memory.
class VELBO_EXPORT Sequences {
 public:
  // Rows [N, D] of numbers, N >= 1, copied.  start: where each sequence begins, increasing from 0; empty: one sequence.  names: of the
  // columns; empty: x1 .. xD.  Throws Error(shape), Error(data) naming row and column of what is not finite (missing values are not
  // supported).
  static Sequences numbers(MatrixView<const double> x, std::vector<std::int64_t> start = {},
                           std::vector<std::string> names = {});
  // Symbols [N] of 0 .. n_symbols - 1; n_symbols = 0: the largest that occurs, and one more.  names: of the symbols; empty: their numbers.
  static Sequences symbols(std::span<const std::int64_t> symbol, std::int64_t n_symbols = 0,
                           std::vector<std::int64_t> start = {}, std::vector<std::string> names = {});
  // Of a table's columns.  Throws Error(formula) for a column that is not there, Error(data) naming the place of what is missing, not
  // finite, or text among numbers, of a symbol that is not in `known_symbols`, and of a sequence that comes back after another.
  static Sequences of_table(const Table& table, const SequenceColumns& columns,
                            const std::vector<std::string>& known_symbols = {});

  [[nodiscard]] EmissionKind kind() const noexcept;
  [[nodiscard]] std::int64_t n_rows() const noexcept;
  [[nodiscard]] std::int64_t n_sequences() const noexcept;
  [[nodiscard]] std::int64_t width() const noexcept;                      // D, or the number of symbols
  [[nodiscard]] const std::vector<std::int64_t>& start() const noexcept;  // [n_sequences + 1]; the last is n_rows()
  [[nodiscard]] const std::vector<std::string>& names() const noexcept;   // [width] of columns or symbols

  struct Data;
  [[nodiscard]] const Data& data() const noexcept { return *data_; }

 private:
  explicit Sequences(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

struct HiddenMarkovOptions {
  std::int64_t n_states = 2;  // K
  // Of each element of the Dirichlets, > 0.
  double initial_concentration = 1, transition_concentration = 1, emission_concentration = 1;
  double sticky = 0;  // added to the concentration of staying in a state, >= 0
  // Gaussian emissions: mu_s | Lambda_s ~ N(the rows' mean, (mean_precision Lambda_s)^-1), Lambda_s ~ Wishart with `degrees_of_freedom`
  // (> D - 1; 0: D + 2) and the scale for which the covariance's prior mean, where there is one, is the rows' diagonal covariance.
  double mean_precision = 0.01;
  double degrees_of_freedom = 0;
  std::int64_t starts = 5;    // k-means++ or random ones by the seed; the best ELBO is kept
  ConjugateOptions fit = {};  // a batch is some sequences
};

struct HiddenMarkovState;

// Immutable; copies share the state.  States are in the order of how often they are visited.
class VELBO_EXPORT HiddenMarkov {
 public:
  explicit HiddenMarkov(std::shared_ptr<const HiddenMarkovState> state) : state_(std::move(state)) {}

  [[nodiscard]] EmissionKind kind() const noexcept;
  [[nodiscard]] std::int64_t n_states() const noexcept;
  [[nodiscard]] std::int64_t width() const noexcept;
  // Expectations under q, row-major: [K]; [K, K] from row to column; of Gaussians means [K, D] and covariances [K, D, D] (infinite where
  // the Wishart has none: degrees of freedom up to D + 1); of symbols probabilities [K, V].
  [[nodiscard]] std::vector<double> initial() const;
  [[nodiscard]] std::vector<double> transition() const;
  [[nodiscard]] std::vector<double> means() const;
  [[nodiscard]] std::vector<double> covariances() const;
  [[nodiscard]] std::vector<double> symbol_probabilities() const;
  [[nodiscard]] const std::vector<double>& occupancy() const noexcept;  // [K] expected number of rows in each state
  [[nodiscard]] const std::vector<std::string>& names()
      const noexcept;                                      // [width] of the columns or symbols that it was fitted to
  [[nodiscard]] const ConjugateRun& run() const noexcept;  // how the fit went
  // As the program prints it: the run, the states and what they emit, and the transitions.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string to_json() const;

  // Of other sequences of the same width: [N, K] shares of each state given the whole sequence; [N] the best path (Viterbi); and of each
  // sequence log p(x) at the globals' expectations.  threads: 0 for all; the result does not depend on it.  Throws Error(shape).
  [[nodiscard]] std::vector<double> state_probabilities(const Sequences& x, int threads = 0) const;
  [[nodiscard]] std::vector<std::int64_t> most_probable_states(const Sequences& x) const;
  [[nodiscard]] std::vector<double> log_density(const Sequences& x, int threads = 0) const;

  // One safetensors file with a checksum; whole or not at all.  Throws Error(file) or Error(io).
  void save(const std::string& path) const;
  static HiddenMarkov load(const std::string& path);

  [[nodiscard]] const HiddenMarkovState& state() const noexcept { return *state_; }

 private:
  std::shared_ptr<const HiddenMarkovState> state_;
};

// Throws Error(argument), Error(data) where there are fewer rows than states, Error(device) with the reason for a device that cannot be used,
// Error(memory) naming the bytes where it has no room.
VELBO_EXPORT HiddenMarkov fit_hidden_markov(const Sequences& x, const HiddenMarkovOptions& options = {});

// One HTML file that loads nothing: the run with its ELBO, states, transitions, and the states of the first sequences of x over time.
// Whole or not at all.  Throws Error(shape), Error(file) or Error(io).
VELBO_EXPORT void write_report(const HiddenMarkov& model, const Sequences& x, const std::string& path);

}  // namespace velbo

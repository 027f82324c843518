// backend/sequence_ops.h - the local step of hidden Markov models as one operation over plain pointers, for each kind of device.
//
// Forward-backward recursions over rows' emissions, and the sums that they are for.  Expectations, priors and divergences are the host's
// (src/sequences); a device brings what goes over rows.
#pragma once
#include <cstdint>
#include <limits>

#include "backend/rows.h"
#include "velbo/context.h"

namespace velbo::internal {

// Some sequences, one after the other: sequence i is rows start[i] <= n < start[i + 1] of the data.
template <class T>
struct SequenceBatch {
  std::int64_t n_sequences = 0;
  const std::int64_t* start = nullptr;  // [n_sequences + 1], host memory
  // Gaussian emissions: x of all rows of the data, dense; on a device of elements T, 16-byte rows, less their centre.
  Rows<T> rows = {};
  // Categorical ones: [N] of all rows of the data, device memory.
  const std::int32_t* symbol = nullptr;
  // Of devices: rows by symbol, increasing, device memory and host memory [N]; those of symbol v begin at symbol_start[v] [V + 1].
  const std::int64_t* by_symbol = nullptr;
  const std::int64_t* by_symbol_host = nullptr;
  const std::int64_t* symbol_start = nullptr;
};

// Logarithms of weights, which need not add up to 1 (Beal 2003, section 3.4.1), -infinity for what cannot be.  Host memory.
struct SequenceParameters {
  std::int64_t n_states = 0;
  const double* log_initial = nullptr;     // [K]
  const double* log_transition = nullptr;  // [K, K], from row to column
  // Gaussian: constant_k - |U_k z + shift_k|^2 / 2 of z = x - centre, U_k lower triangular.
  std::int64_t n_columns = 0;
  const double* constant = nullptr;   // [K]
  const double* whitening = nullptr;  // [K, D, D]
  const double* shift = nullptr;      // [K, D]
  // Categorical.
  std::int64_t n_symbols = 0;
  const double* log_symbol = nullptr;  // [K, V]
};

// Added to.  Host memory.
struct SequenceSums {
  double* initial = nullptr;     // [K] shares of the states that sequences begin in
  double* transition = nullptr;  // [K, K] expected numbers of steps
  double* emission =
      nullptr;  // categorical [K, V]: expected counts; gaussian [K, 1 + D + D (D + 1) / 2]: a state's shares, sum
                // of z, and of z z', rows of the lower triangle
};

template <class T>
struct SequenceOps {
  // Returns the sum over sequences of the logarithm of all paths' weight, -infinity where one has no path.  Arithmetic by row is T's, sums
  // are double; a sequence that would lose paths to underflow is done by logarithms in double (math/chain_by_logs.h), on the host.
  // Sequences are cut into chunks by their number and lengths alone: the same bits for any number of threads.
  double (*local_step)(const Context&, const SequenceBatch<T>&, const SequenceParameters&, const SequenceSums&);
};

template <class T>
const SequenceOps<T>& cpu_sequence_ops();
extern template const SequenceOps<float>& cpu_sequence_ops<float>();
extern template const SequenceOps<double>& cpu_sequence_ops<double>();

// Those of the context's device.
template <class T>
const SequenceOps<T>& sequence_ops(const Context& context);
extern template const SequenceOps<float>& sequence_ops<float>(const Context&);
extern template const SequenceOps<double>& sequence_ops<double>(const Context&);

// When the scaled recursions have lost something.  Rows' weights add up to less than `least`: nothing is left.  A state's weight of the rest
// of the path, divided by the row's weight, above `most`: what was too small for T before it may have been more than rounding.
template <class T>
struct ChainLimits {
  static constexpr T least = std::numeric_limits<T>::min();
  static constexpr T most = std::numeric_limits<T>::epsilon() / std::numeric_limits<T>::min();
};

// States that a device has room for.
inline constexpr std::int64_t kMostStatesOfADevice = 2048;

}  // namespace velbo::internal

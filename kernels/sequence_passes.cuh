// sequence_passes.cuh - launches the local step of hidden Markov models (backend/sequence_ops.h).
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/sequence_ops.h"
#include "math/chain_by_logs.h"
#include "mixture_passes.cuh"
#include "sequence_chain.cuh"
#include "sequence_rows.cuh"

namespace velbo::kernels {

using internal::SequenceBatch;
using internal::SequenceParameters;
using internal::SequenceSums;

// Device memory for the numbers of rows by state: sequences are gone over in slabs that take so much.  By sizes alone, never by what is
// free, so that sums are the same bits on every run.
constexpr std::int64_t kMostSequenceBytes = std::int64_t{2} << 30;
constexpr std::int64_t kRowsOfAList = 512;

// Weights of the chain divided by the largest of their kind, on the host and on the device.
template <class T>
struct DeviceWeights {
  DeviceWeights(const SequenceParameters& p, cudaStream_t stream) : k(p.n_states) {
    most_initial = *std::max_element(p.log_initial, p.log_initial + k);
    most_transition = *std::max_element(p.log_transition, p.log_transition + k * k);
    std::vector<T> first, across(static_cast<std::size_t>(k * k));
    for (std::int64_t i = 0; i < k; ++i) first.push_back(static_cast<T>(std::exp(p.log_initial[i] - most_initial)));
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = 0; j < k; ++j) {
        steps.push_back(static_cast<T>(std::exp(p.log_transition[i * k + j] - most_transition)));
        across[static_cast<std::size_t>(j * k + i)] = steps.back();
      }
    initial = uploaded<T>(first.data(), k, stream);
    transition = uploaded<T>(steps.data(), k * k, stream);
    transposed = uploaded<T>(across.data(), k * k, stream);
  }

  std::int64_t k;
  double most_initial, most_transition;
  std::vector<T> steps;
  Buffer<T> initial, transition, transposed;
};

// Rows by state of a slab of sequences.
template <class T>
struct ChainRows {
  ChainRows(std::int64_t rows, std::int64_t states, cudaStream_t stream)
      : n(rows),
        stride((states + kLanes<T> - 1) / kLanes<T> * kLanes<T>),
        emission(n * stride, stream),
        forward(n * stride, stream),
        share(n * stride, stream),
        top(n, stream),
        scale(n, stream) {}
  static std::int64_t bytes_of_a_row(std::int64_t states) {
    return (3 * ((states + kLanes<T> - 1) / kLanes<T> * kLanes<T>)+2) * static_cast<std::int64_t>(sizeof(T));
  }

  std::int64_t n, stride;
  Buffer<T> emission, forward, share, top, scale;
};

inline unsigned blocks_for(const Launch& launch, std::int64_t wanted) {
  return static_cast<unsigned>(std::clamp<std::int64_t>(wanted, 1, 64 * launch.most_blocks));
}

template <class T>
void launch_scale_densities(const Launch& launch, const ChainRows<T>& rows, std::int64_t k) {
  VELBO_LAUNCH(scale_densities<T>, blocks_for(launch, (rows.n + kWarps - 1) / kWarps), kThreads, 0, launch.stream,
               rows.n, k, rows.stride, rows.emission.get(), rows.top.get());
  check(cudaGetLastError());
}

// a [n_sequences] of ChainArguments are filled in by the caller, as is what does not hang on the launch.
template <class T>
void launch_chain(const Launch& launch, ChainArguments<T> arguments) {
  const std::int64_t k = arguments.n_states;
  const int threads = static_cast<int>(std::min<std::int64_t>((k + 31) / 32 * 32, kMostStateThreads));
  ChainLayout layout{k, threads, k <= kStatesAhead, true};
  // Half of what a block may have: more than one shall find room.
  if (layout.bytes<T>() > launch.shared_bytes / 2) layout.shared_transition = false;
  arguments.shared_transition = layout.shared_transition;
  const unsigned grid = blocks_for(launch, arguments.n_sequences);
  const auto run = [&](auto kernel) {
    allow_shared_memory(launch, kernel, layout.bytes<T>());
    VELBO_LAUNCH(kernel, grid, static_cast<unsigned>(threads), layout.bytes<T>(), launch.stream, arguments);
    check(cudaGetLastError());
  };
  if (layout.ahead) {
    run(sequence_chain<T, true>);
  } else {
    run(sequence_chain<T, false>);
  }
}

// Sums [K] of share over the rows of each list, added by add(list, sums).
template <class T, class Add>
void sum_lists(const Launch& launch, const std::vector<RowList>& lists, const std::int64_t* rows,
               std::int64_t first_row, const ChainRows<T>& of, std::int64_t k, const Add& add) {
  const auto n = static_cast<std::int64_t>(lists.size());
  if (n == 0) return;
  const Buffer<RowList> there = uploaded<RowList>(lists.data(), n, launch.stream);
  const Buffer<double> parts(n * k, launch.stream);
  VELBO_LAUNCH(sum_listed_rows<T>, blocks_for(launch, n), kThreads, kListSharedBytes, launch.stream, there.get(), n,
               rows, first_row, of.share.get(), of.stride, k, parts.get());
  check(cudaGetLastError());
  const std::vector<double> sums = downloaded(parts.get(), n * k, launch.stream);
  for (std::int64_t i = 0; i < n; ++i) add(i, sums.data() + i * k);
}

// What states emit: densities, and sums weighted by shares.
template <class T>
class GaussianSequences {
 public:
  GaussianSequences(const Launch& launch, const SequenceBatch<T>& batch, const SequenceParameters& p)
      : rows_(batch.rows),
        k_(p.n_states),
        d_(p.n_columns),
        components_(parameters_of(p), p.n_columns, launch.stream),
        totals_(MixtureForm::full, p.n_columns, p.n_states, launch.stream) {}

  // Log densities of rows first ... first + n - 1 into out, rows `stride` apart.
  void log_densities(const Launch& launch, std::int64_t first, std::int64_t n, T* out, std::int64_t stride) const {
    run_densities(launch, some(first, n), components_, {out, stride, false, nullptr});
  }
  void densities(const Launch& launch, std::int64_t first, const ChainRows<T>& rows) const {
    log_densities(launch, first, rows.n, rows.emission.get(), rows.stride);
    launch_scale_densities(launch, rows, k_);
  }
  void add(const Launch& launch, std::int64_t first, const ChainRows<T>& rows) {
    totals_.add(launch, some(first, rows.n), rows.share.get(), rows.stride);
  }
  void add_to(double* out) const {
    const std::int64_t squares = d_ * (d_ + 1) / 2, width = 1 + d_ + squares;
    const auto zeros = [](std::int64_t n) { return std::vector<double>(static_cast<std::size_t>(n), 0.0); };
    std::vector<double> count = zeros(k_), sum = zeros(k_ * d_), square = zeros(k_ * squares);
    totals_.add_to({count.data(), sum.data(), square.data()});
    for (std::int64_t i = 0; i < k_; ++i) {
      const auto at = [i](const std::vector<double>& of, std::int64_t n) { return of.begin() + i * n; };
      double* const to = out + i * width;
      to[0] += count[static_cast<std::size_t>(i)];
      std::transform(at(sum, d_), at(sum, d_) + d_, to + 1, to + 1, std::plus<>());
      std::transform(at(square, squares), at(square, squares) + squares, to + 1 + d_, to + 1 + d_, std::plus<>());
    }
  }
  // Log densities [n, K] in double of one sequence, for the host.
  std::vector<double> on_host(const Launch& launch, std::int64_t first, std::int64_t n) const {
    const Buffer<T> out(n * k_, launch.stream);
    log_densities(launch, first, n, out.get(), k_);
    const std::vector<T> values = downloaded(out.get(), n * k_, launch.stream);
    return {values.begin(), values.end()};
  }

 private:
  static internal::MixtureParameters parameters_of(const SequenceParameters& p) {
    internal::MixtureParameters out;
    out.form = MixtureForm::full;
    out.n_components = p.n_states;
    out.constant = p.constant;
    out.whitening = p.whitening;
    out.shift = p.shift;
    return out;
  }
  Rows<T> some(std::int64_t first, std::int64_t n) const {
    Rows<T> out = rows_;
    out.first_row = first;
    out.n_rows = n;
    return out;
  }

  Rows<T> rows_;
  std::int64_t k_, d_;
  PackedComponents<T> components_;
  MixtureTotals<T> totals_;
};

template <class T>
class SymbolSequences {
 public:
  SymbolSequences(const Launch& launch, const SequenceBatch<T>& batch, const SequenceParameters& p)
      : batch_(batch), p_(p), k_(p.n_states), v_(p.n_symbols), sums_(static_cast<std::size_t>(k_ * v_), 0.0) {
    const std::int64_t stride = (k_ + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
    std::vector<T> table(static_cast<std::size_t>(v_ * stride), T(0)), top;
    for (std::int64_t v = 0; v < v_; ++v) {
      double most = p.log_symbol[v];
      for (std::int64_t i = 1; i < k_; ++i) most = std::max(most, p.log_symbol[i * v_ + v]);
      for (std::int64_t i = 0; i < k_ && std::isfinite(most); ++i)
        table[static_cast<std::size_t>(v * stride + i)] = static_cast<T>(std::exp(p.log_symbol[i * v_ + v] - most));
      top.push_back(static_cast<T>(most));
    }
    table_ = uploaded<T>(table.data(), v_ * stride, launch.stream);
    top_ = uploaded<T>(top.data(), v_, launch.stream);
  }

  void densities(const Launch& launch, std::int64_t first, const ChainRows<T>& rows) const {
    VELBO_LAUNCH(look_up_densities<T>, blocks_for(launch, (rows.n + kWarps - 1) / kWarps), kThreads, 0, launch.stream,
                 batch_.symbol + first, rows.n, k_, rows.stride, table_.get(), top_.get(), rows.emission.get(),
                 rows.top.get());
    check(cudaGetLastError());
  }
  // Of each symbol the rows that lie in the slab, a few hundred at a time.
  void add(const Launch& launch, std::int64_t first, const ChainRows<T>& rows) {
    std::vector<RowList> lists;
    std::vector<std::int64_t> symbols;
    for (std::int64_t v = 0; v < v_; ++v) {
      const std::int64_t *const begin = batch_.by_symbol_host + batch_.symbol_start[v], *const end =
                                                                                            batch_.by_symbol_host +
                                                                                            batch_.symbol_start[v + 1];
      const std::int64_t from = std::lower_bound(begin, end, first) - batch_.by_symbol_host;
      const std::int64_t to = std::lower_bound(begin, end, first + rows.n) - batch_.by_symbol_host;
      for (std::int64_t i = from; i < to; i += kRowsOfAList) {
        lists.push_back({i, std::min(to, i + kRowsOfAList)});
        symbols.push_back(v);
      }
    }
    sum_lists(launch, lists, batch_.by_symbol, first, rows, k_, [&](std::int64_t list, const double* some) {
      const std::int64_t v = symbols[static_cast<std::size_t>(list)];
      for (std::int64_t i = 0; i < k_; ++i) sums_[static_cast<std::size_t>(i * v_ + v)] += some[i];
    });
  }
  void add_to(double* out) const {
    for (std::size_t i = 0; i < sums_.size(); ++i) out[i] += sums_[i];
  }
  std::vector<double> on_host(const Launch& launch, std::int64_t first, std::int64_t n) const {
    const std::vector<std::int32_t> symbols = downloaded(batch_.symbol + first, n, launch.stream);
    std::vector<double> out;
    for (const std::int32_t v : symbols)
      for (std::int64_t i = 0; i < k_; ++i) out.push_back(p_.log_symbol[i * v_ + v]);
    return out;
  }

 private:
  const SequenceBatch<T>& batch_;
  const SequenceParameters& p_;
  std::int64_t k_, v_;
  std::vector<double> sums_;  // [K, V]
  Buffer<T> table_, top_;
};

// Slabs of sequences, one after another.
template <class T, class Emissions>
class SequencePass {
 public:
  SequencePass(const Launch& launch, const SequenceBatch<T>& batch, const SequenceParameters& p,
               const SequenceSums& sums)
      : launch_(launch), batch_(batch), p_(p), sums_(sums), weights_(p, launch.stream), emissions_(launch, batch, p) {
    launch_.most_rows_of_a_chunk = std::min(launch.most_rows_of_a_chunk, kMostRowsOfAFeatureSum);
  }

  double run(std::int64_t most_bytes) {
    const std::int64_t most_rows = most_bytes / ChainRows<T>::bytes_of_a_row(weights_.k);
    for (std::int64_t first = 0; first < batch_.n_sequences;) {
      std::int64_t end = first + 1;
      while (end < batch_.n_sequences && batch_.start[end + 1] - batch_.start[first] <= most_rows) ++end;
      slab(first, end);
      first = end;
    }
    emissions_.add_to(sums_.emission);
    return log_total_;
  }

 private:
  void slab(std::int64_t begin, std::int64_t end) {
    const std::int64_t k = weights_.k, n_sequences = end - begin, first = batch_.start[begin];
    const cudaStream_t stream = launch_.stream;
    const ChainRows<T> rows(batch_.start[end] - first, k, stream);
    emissions_.densities(launch_, first, rows);

    std::vector<std::int64_t> start;
    for (std::int64_t i = begin; i <= end; ++i) start.push_back(batch_.start[i] - first);
    const Buffer<std::int64_t> start_there = uploaded<std::int64_t>(start.data(), n_sequences + 1, stream);
    const Buffer<double> log_total(n_sequences, stream);
    const Buffer<std::int32_t> failed(n_sequences, stream);
    launch_chain(launch_, ChainArguments<T>{.n_sequences = n_sequences,
                                            .start = start_there.get(),
                                            .n_states = k,
                                            .stride = rows.stride,
                                            .initial = weights_.initial.get(),
                                            .transition = weights_.transition.get(),
                                            .transposed = weights_.transposed.get(),
                                            .top = rows.top.get(),
                                            .emission = rows.emission.get(),
                                            .forward = rows.forward.get(),
                                            .share = rows.share.get(),
                                            .scale = rows.scale.get(),
                                            .log_total = log_total.get(),
                                            .failed = failed.get(),
                                            .least = internal::ChainLimits<T>::least,
                                            .most = internal::ChainLimits<T>::most});
    const std::vector<double> totals = downloaded(log_total.get(), n_sequences, stream);
    const std::vector<std::int32_t> lost = downloaded(failed.get(), n_sequences, stream);
    for (std::size_t i = 0; i < totals.size(); ++i) {
      const std::int64_t at = start[i], n = start[i + 1] - at;
      log_total_ += lost[i] != 0
                        ? by_logs(first + at, n, rows.share.get() + at * rows.stride, rows.stride)
                        : weights_.most_initial + static_cast<double>(n - 1) * weights_.most_transition + totals[i];
    }
    add_initial(start_there, n_sequences, rows);
    add_steps(rows);
    emissions_.add(launch_, first, rows);
  }

  // A sequence whose paths T has lost, on the host; gives its total and writes its shares.
  double by_logs(std::int64_t first, std::int64_t n, T* share, std::int64_t stride) {
    const std::int64_t k = weights_.k;
    const std::vector<double> log_density = emissions_.on_host(launch_, first, n);
    std::vector<double> state(log_density.size());
    const double total = internal::chain_by_logs(n, k, p_.log_initial, p_.log_transition, log_density.data(),
                                                 state.data(), sums_.transition);
    std::vector<T> padded(static_cast<std::size_t>(n * stride), T(0));
    for (std::int64_t t = 0; t < n; ++t)
      for (std::int64_t i = 0; i < k; ++i)
        padded[static_cast<std::size_t>(t * stride + i)] = static_cast<T>(state[static_cast<std::size_t>(t * k + i)]);
    check(cudaMemcpyAsync(share, padded.data(), padded.size() * sizeof(T), cudaMemcpyHostToDevice, launch_.stream));
    return total;
  }

  void add_initial(const Buffer<std::int64_t>& start, std::int64_t n_sequences, const ChainRows<T>& rows) {
    std::vector<RowList> lists;
    for (std::int64_t i = 0; i < n_sequences; i += kRowsOfAList)
      lists.push_back({i, std::min(n_sequences, i + kRowsOfAList)});
    sum_lists(launch_, lists, start.get(), 0, rows, weights_.k, [&](std::int64_t, const double* some) {
      for (std::int64_t i = 0; i < weights_.k; ++i) sums_.initial[i] += some[i];
    });
  }

  // Step from i to j: weight_ij times the sum over rows of forward_i of the row before and emission_j, which is 0 where a sequence begins.
  void add_steps(const ChainRows<T>& rows) {
    const std::int64_t k = weights_.k;
    Rows<T> next;
    next.x = rows.emission.get() + rows.stride;
    next.element = sizeof(T) == sizeof(float) ? internal::Element::float32 : internal::Element::float64;
    next.stride = rows.stride;
    next.n_features = k;
    next.n_rows = rows.n - 1;
    OuterArguments<T> arguments;
    arguments.source = {next, copying_of(next)};
    arguments.left = rows.forward.get();
    arguments.stride = rows.stride;
    arguments.n_left = k;
    const std::vector<double> products = run_outer(launch_, arguments);
    for (std::size_t i = 0; i < products.size(); ++i)
      sums_.transition[i] += static_cast<double>(weights_.steps[i]) * products[i];
  }

  Launch launch_;
  const SequenceBatch<T>& batch_;
  const SequenceParameters& p_;
  const SequenceSums& sums_;
  DeviceWeights<T> weights_;
  Emissions emissions_;
  double log_total_ = 0;
};

template <class T>
double sequence_step(const Launch& launch, const SequenceBatch<T>& batch, const SequenceParameters& p,
                     const SequenceSums& sums, std::int64_t most_bytes = kMostSequenceBytes) {
  if (batch.symbol != nullptr) return SequencePass<T, SymbolSequences<T>>(launch, batch, p, sums).run(most_bytes);
  return SequencePass<T, GaussianSequences<T>>(launch, batch, p, sums).run(most_bytes);
}

}  // namespace velbo::kernels

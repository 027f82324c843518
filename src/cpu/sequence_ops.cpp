// cpu/sequence_ops.cpp - the local step of hidden Markov models on the CPU: threads share chunks of sequences.
#include "backend/sequence_ops.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/isa.h"
#include "cpu/parallel.h"
#include "cpu/sequence_kernels.h"
#include "math/chain_by_logs.h"

namespace velbo::internal {

const SequenceTable& sequence_table_v1();
#if defined(__x86_64__)
const SequenceTable& sequence_table_v3();
const SequenceTable& sequence_table_v4();
#endif

namespace {

constexpr std::int64_t kChunks = 64;         // that the sequences are cut into, at least, where there are so many
constexpr std::int64_t kRowsInABlock = 128;  // of Gaussian emissions; sums of so many rows are T's

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

const SequenceTable& table() {
#if defined(__x86_64__)
  if (isa().name == "v4") return sequence_table_v4();
  if (isa().name == "v3") return sequence_table_v3();
#endif
  return sequence_table_v1();
}

template <class T>
const SequenceKernels<T>& kernels() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return table().of_float;
  } else {
    return table().of_double;
  }
}

// Weights divided by the largest of their kind, which the total gets back, in rows of whole vectors.
template <class T>
struct ScaledWeights {
  std::int64_t k, stride;
  double most_initial, most_transition;
  std::vector<T> initial, transition, transposed;

  explicit ScaledWeights(const SequenceParameters& p)
      : k(p.n_states),
        stride((k + kernels<T>().lanes - 1) / kernels<T>().lanes * kernels<T>().lanes),
        most_initial(*std::max_element(p.log_initial, p.log_initial + k)),
        most_transition(*std::max_element(p.log_transition, p.log_transition + k * k)),
        initial(size(stride)),
        transition(size(k * stride)),
        transposed(size(k * stride)) {
    for (std::int64_t i = 0; i < k; ++i) {
      initial[size(i)] = static_cast<T>(std::exp(p.log_initial[i] - most_initial));
      for (std::int64_t j = 0; j < k; ++j)
        transition[size(i * stride + j)] = transposed[size(j * stride + i)] =
            static_cast<T>(std::exp(p.log_transition[i * k + j] - most_transition));
    }
  }
};

// One sequence's numbers, of which a worker has one set.
template <class T>
struct Chain {
  std::vector<T> log_density, emission, share;   // [n, stride]
  std::vector<T> top, scale, rest, next, steps;  // [n], [n], [stride], [stride], [K, stride]
  std::vector<double> products;                  // [K, stride]
  std::vector<double> careful_density, careful_share;

  void make_room(std::int64_t n, std::int64_t k, std::int64_t stride) {
    const std::size_t all = size(n * stride);
    // What pads rows stays what it is here.
    if (log_density.size() < all) log_density.resize(all, -std::numeric_limits<T>::infinity());
    for (std::vector<T>* const of : {&emission, &share})
      if (of->size() < all) of->resize(all);
    for (std::vector<T>* const of : {&top, &scale})
      if (of->size() < size(n)) of->resize(size(n));
    for (std::vector<T>* const of : {&rest, &next}) of->resize(size(stride));
    steps.resize(size(k * stride));
    products.resize(size(k * stride));
  }
};

// Shares of chain.log_density's rows, and steps, which are added; gives the total.
template <class T>
double expect(const SequenceParameters& p, const ScaledWeights<T>& w, std::int64_t n, Chain<T>& chain,
              double* transition) {
  const std::int64_t k = w.k, stride = w.stride;
  const ScaledChain<T> scaled{.n_rows = n,
                              .n_states = k,
                              .stride = stride,
                              .initial = w.initial.data(),
                              .transition = w.transition.data(),
                              .transposed = w.transposed.data(),
                              .density = chain.log_density.data(),
                              .emission = chain.emission.data(),
                              .share = chain.share.data(),
                              .top = chain.top.data(),
                              .scale = chain.scale.data(),
                              .rest = chain.rest.data(),
                              .next = chain.next.data(),
                              .steps = chain.steps.data(),
                              .products = chain.products.data()};
  if (kernels<T>().expect(scaled)) {
    double total = w.most_initial + static_cast<double>(n - 1) * w.most_transition;
    for (std::int64_t t = 0; t < n; ++t)
      total += static_cast<double>(chain.top[size(t)]) + std::log(static_cast<double>(chain.scale[size(t)]));
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = 0; j < k; ++j)
        transition[i * k + j] +=
            static_cast<double>(w.transition[size(i * stride + j)]) * chain.products[size(i * stride + j)];
    return total;
  }
  chain.careful_density.resize(size(n * k));
  chain.careful_share.resize(size(n * k));
  for (std::int64_t t = 0; t < n; ++t)
    for (std::int64_t i = 0; i < k; ++i)
      chain.careful_density[size(t * k + i)] = chain.log_density[size(t * stride + i)];
  const double total = chain_by_logs(n, k, p.log_initial, p.log_transition, chain.careful_density.data(),
                                     chain.careful_share.data(), transition);
  for (std::int64_t t = 0; t < n; ++t)
    for (std::int64_t i = 0; i < k; ++i)
      chain.share[size(t * stride + i)] = static_cast<T>(chain.careful_share[size(t * k + i)]);
  return total;
}

template <class T>
class Symbols {
 public:
  Symbols(const SequenceBatch<T>& batch, const SequenceParameters& p)
      : batch_(batch), k_(p.n_states), v_(p.n_symbols), log_symbol_(size(k_ * v_)) {
    for (std::int64_t k = 0; k < k_; ++k)
      for (std::int64_t v = 0; v < v_; ++v) log_symbol_[size(v * k_ + k)] = static_cast<T>(p.log_symbol[k * v_ + v]);
  }
  [[nodiscard]] std::int64_t n_sums() const { return k_ * v_; }
  void densities(std::int64_t first, std::int64_t n, T* out, std::int64_t stride) const {
    for (std::int64_t t = 0; t < n; ++t)
      std::copy_n(log_symbol_.data() + batch_.symbol[first + t] * k_, k_, out + t * stride);
  }
  void add(std::int64_t first, std::int64_t n, const T* share, std::int64_t stride, double* sums) const {
    for (std::int64_t t = 0; t < n; ++t)
      for (std::int64_t k = 0; k < k_; ++k)
        sums[k * v_ + batch_.symbol[first + t]] += static_cast<double>(share[t * stride + k]);
  }

 private:
  const SequenceBatch<T>& batch_;
  std::int64_t k_, v_;
  std::vector<T> log_symbol_;  // [V, K]
};

template <class T>
class Gaussians {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  using Shares =
      Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0, Eigen::OuterStride<>>;

 public:
  Gaussians(const SequenceBatch<T>& batch, const SequenceParameters& p)
      : rows_(batch.rows), k_(p.n_states), d_(p.n_columns) {
    for (std::int64_t k = 0; k < k_; ++k) {
      constant_.push_back(static_cast<T>(p.constant[k]));
      using Square = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
      whitening_.push_back(Eigen::Map<const Square>(p.whitening + k * d_ * d_, d_, d_).template cast<T>());
      shift_.push_back(Eigen::VectorXd::Map(p.shift + k * d_, d_).template cast<T>());
    }
  }
  [[nodiscard]] std::int64_t n_sums() const { return k_ * (1 + d_ + d_ * (d_ + 1) / 2); }

  void densities(std::int64_t first, std::int64_t n, T* out, std::int64_t stride) const {
    Matrix z, white;
    for (std::int64_t t = 0; t < n; t += kRowsInABlock) {
      const std::int64_t some = std::min(kRowsInABlock, n - t);
      read(first + t, some, z);
      for (std::int64_t k = 0; k < k_; ++k) {
        white.noalias() = whitening_[size(k)].template triangularView<Eigen::Lower>() * z;
        white.colwise() += shift_[size(k)];
        for (std::int64_t i = 0; i < some; ++i)
          out[(t + i) * stride + k] = constant_[size(k)] - T(0.5) * white.col(i).squaredNorm();
      }
    }
  }
  void add(std::int64_t first, std::int64_t n, const T* share, std::int64_t stride, double* sums) const {
    const std::int64_t width = n_sums() / k_;
    Matrix z, features, products;
    for (std::int64_t t = 0; t < n; t += kRowsInABlock) {
      const std::int64_t some = std::min(kRowsInABlock, n - t);
      read(first + t, some, z);
      features.resize(width, some);
      for (std::int64_t i = 0; i < some; ++i) {
        T* next = features.col(i).data();
        *next++ = 1;
        for (std::int64_t a = 0; a < d_; ++a) *next++ = z(a, i);
        for (std::int64_t a = 0; a < d_; ++a)
          for (std::int64_t b = 0; b <= a; ++b) *next++ = z(a, i) * z(b, i);
      }
      products.noalias() = features * Shares(share + t * stride, some, k_, Eigen::OuterStride<>(stride));
      for (std::int64_t i = 0; i < products.size(); ++i) sums[i] += static_cast<double>(products.data()[i]);
    }
  }

 private:
  // [D, n] of rows less their centre.
  void read(std::int64_t first, std::int64_t n, Matrix& z) const {
    z.resize(d_, n);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < d_; ++j) {
        const std::int64_t at = (first + i) * rows_.stride + j;
        const double x = rows_.element == Element::float32 ? static_cast<double>(static_cast<const float*>(rows_.x)[at])
                                                           : static_cast<const double*>(rows_.x)[at];
        z(j, i) = static_cast<T>(rows_.centre != nullptr ? x - rows_.centre[j] : x);
      }
  }

  const Rows<T>& rows_;
  std::int64_t k_, d_;
  std::vector<T> constant_;
  std::vector<Matrix> whitening_;
  std::vector<Vector> shift_;
};

template <class T, class Emissions>
double step(const Context& context, const SequenceBatch<T>& batch, const SequenceParameters& p, const SequenceSums& out,
            const Emissions& emissions) {
  const ScaledWeights<T> weights(p);
  const std::int64_t k = p.n_states, width = k * (1 + k) + emissions.n_sums();
  const std::int64_t chunk = std::max<std::int64_t>(1, batch.n_sequences / kChunks);
  const std::int64_t n_chunks = (batch.n_sequences + chunk - 1) / chunk;
  const Workers workers(context.threads(), &context.team());
  const std::int64_t wave = std::min<std::int64_t>(n_chunks, 2 * workers.threads);
  std::vector<std::vector<double>> parts(size(wave));
  std::vector<double> totals(size(wave)), all(size(width));
  std::vector<Chain<T>> chains(size(workers.threads));
  double log_total = 0;
  for (std::int64_t done = 0; done < n_chunks; done += wave) {
    const std::int64_t now = std::min(wave, n_chunks - done);
    parallel_for(now, workers, [&](std::int64_t c, int worker) {
      Chain<T>& chain = chains[size(worker)];
      std::vector<double>& sums = parts[size(c)];
      sums.assign(size(width), 0.0);
      totals[size(c)] = 0;
      const std::int64_t begin = (done + c) * chunk, end = std::min(batch.n_sequences, begin + chunk);
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first = batch.start[i], n = batch.start[i + 1] - first;
        chain.make_room(n, k, weights.stride);
        emissions.densities(first, n, chain.log_density.data(), weights.stride);
        totals[size(c)] += expect(p, weights, n, chain, sums.data() + k);
        for (std::int64_t s = 0; s < k; ++s) sums[size(s)] += static_cast<double>(chain.share[size(s)]);
        emissions.add(first, n, chain.share.data(), weights.stride, sums.data() + k * (1 + k));
      }
    });
    for (std::int64_t c = 0; c < now; ++c) {
      log_total += totals[size(c)];
      for (std::size_t i = 0; i < all.size(); ++i) all[i] += parts[size(c)][i];
    }
  }
  const auto add = [&](std::int64_t from, std::int64_t count, double* to) {
    for (std::int64_t i = 0; i < count; ++i) to[i] += all[size(from + i)];
  };
  add(0, k, out.initial);
  add(k, k * k, out.transition);
  add(k * (1 + k), emissions.n_sums(), out.emission);
  return log_total;
}

template <class T>
double local_step(const Context& context, const SequenceBatch<T>& batch, const SequenceParameters& p,
                  const SequenceSums& sums) {
  if (batch.symbol != nullptr) return step(context, batch, p, sums, Symbols<T>(batch, p));
  return step(context, batch, p, sums, Gaussians<T>(batch, p));
}

template <class T>
constexpr SequenceOps<T> ops{.local_step = local_step<T>};

}  // namespace

template <class T>
const SequenceOps<T>& cpu_sequence_ops() {
  return ops<T>;
}
template const SequenceOps<float>& cpu_sequence_ops<float>();
template const SequenceOps<double>& cpu_sequence_ops<double>();

}  // namespace velbo::internal

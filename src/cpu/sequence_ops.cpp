// cpu/sequence_ops.cpp - the local step of hidden Markov models on the CPU: threads share chunks of sequences.
#include "backend/sequence_ops.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "cpu/parallel.h"
#include "math/chain_by_logs.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kChunks = 64;         // that the sequences are cut into, at least, where there are so many
constexpr std::int64_t kStepsInT = 512;      // sums of so many steps are T's
constexpr std::int64_t kRowsInABlock = 128;  // of Gaussian emissions; sums of so many rows are T's

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Weights divided by the largest of their kind, which the total gets back.
template <class T>
struct ScaledWeights {
  std::int64_t k;
  double most_initial, most_transition;
  std::vector<T> initial, transition, transposed;

  explicit ScaledWeights(const SequenceParameters& p)
      : k(p.n_states),
        most_initial(*std::max_element(p.log_initial, p.log_initial + k)),
        most_transition(*std::max_element(p.log_transition, p.log_transition + k * k)) {
    for (std::int64_t i = 0; i < k; ++i) initial.push_back(static_cast<T>(std::exp(p.log_initial[i] - most_initial)));
    for (std::int64_t i = 0; i < k * k; ++i)
      transition.push_back(static_cast<T>(std::exp(p.log_transition[i] - most_transition)));
    for (std::int64_t j = 0; j < k; ++j)
      for (std::int64_t i = 0; i < k; ++i) transposed.push_back(transition[size(i * k + j)]);
  }
};

// One sequence's numbers, of which a worker has one set.
template <class T>
struct Chain {
  std::vector<T> log_density, emission, share;  // [n, K]
  std::vector<T> scale, rest, next, steps;      // [n], [K], [K], [K, K]
  std::vector<double> careful_density, careful_share;

  void resize(std::int64_t n, std::int64_t k) {
    for (std::vector<T>* const of : {&log_density, &emission, &share}) of->resize(size(n * k));
    scale.resize(size(n));
    rest.resize(size(k));
    next.resize(size(k));
    steps.resize(size(k * k));
  }
};

// out = in' M, M [K, K].
template <class T>
void multiply(const T* in, const T* m, std::int64_t k, T* out) {
  for (std::int64_t j = 0; j < k; ++j) out[j] = 0;
  for (std::int64_t i = 0; i < k; ++i) {
    const T factor = in[i];
    const T* const row = m + i * k;
    for (std::int64_t j = 0; j < k; ++j) out[j] += factor * row[j];
  }
}

// Shares and steps of chain.log_density [n, K]; false, and nothing added, where T loses paths.
template <class T>
bool expect_scaled(const ScaledWeights<T>& w, std::int64_t n, Chain<T>& chain, double* transition, double& log_total) {
  const std::int64_t k = w.k;
  double total = w.most_initial + static_cast<double>(n - 1) * w.most_transition;
  for (std::int64_t t = 0; t < n; ++t) {
    const T* const density = chain.log_density.data() + t * k;
    T* const emission = chain.emission.data() + t * k;
    T* const forward = chain.share.data() + t * k;  // each row divided by its sum
    T most = density[0], sum = 0;
    for (std::int64_t j = 1; j < k; ++j) most = max_of(density[j], most);
    for (std::int64_t j = 0; j < k; ++j) emission[j] = exp_any(density[j] - most);
    if (t == 0) {
      std::copy(w.initial.begin(), w.initial.end(), forward);
    } else {
      multiply(forward - k, w.transition.data(), k, forward);
    }
    for (std::int64_t j = 0; j < k; ++j) sum += forward[j] *= emission[j];
    if (!(sum >= ChainLimits<T>::least)) return false;
    for (std::int64_t j = 0; j < k; ++j) forward[j] /= sum;
    chain.scale[size(t)] = sum;
    total += static_cast<double>(most) + std::log(static_cast<double>(sum));
  }
  // Sums of forward_i next_j; times the steps' own weights at the end.
  std::vector<double> products(size(k * k));
  const auto flush = [&] {
    for (std::size_t i = 0; i < products.size(); ++i) products[i] += static_cast<double>(chain.steps[i]);
    std::fill(chain.steps.begin(), chain.steps.end(), T(0));
  };
  std::fill(chain.steps.begin(), chain.steps.end(), T(0));
  std::fill(chain.rest.begin(), chain.rest.end(), T(1));
  for (std::int64_t t = n - 1; t >= 0; --t) {
    T* const forward = chain.share.data() + t * k;
    T shares = 0, most = 0;
    const T inverse = 1 / chain.scale[size(t)];
    for (std::int64_t j = 0; j < k; ++j) {
      const T above = chain.rest[size(j)] * inverse;
      most = above > most ? above : most;
      chain.next[size(j)] = chain.emission[size(t * k + j)] * above;
      shares += forward[j] *= chain.rest[size(j)];
    }
    if (!(most <= ChainLimits<T>::most) || !(shares > 0)) return false;
    // They add up to 1 but for rounding, which would pile up over rows.
    for (std::int64_t j = 0; j < k; ++j) forward[j] /= shares;
    if (t == 0) break;
    for (std::int64_t j = 0; j < k; ++j) chain.next[size(j)] /= shares;
    for (std::int64_t i = 0; i < k; ++i) {
      const T before = forward[i - k];
      T* const row = chain.steps.data() + i * k;
      for (std::int64_t j = 0; j < k; ++j) row[j] += before * chain.next[size(j)];
    }
    if (t % kStepsInT == 0) flush();
    multiply(chain.next.data(), w.transposed.data(), k, chain.rest.data());
  }
  flush();
  for (std::size_t i = 0; i < products.size(); ++i) transition[i] += static_cast<double>(w.transition[i]) * products[i];
  log_total = total;
  return true;
}

template <class T>
double expect(const SequenceParameters& p, const ScaledWeights<T>& w, std::int64_t n, Chain<T>& chain,
              double* transition) {
  double log_total = 0;
  if (expect_scaled(w, n, chain, transition, log_total)) return log_total;
  chain.careful_density.assign(chain.log_density.begin(), chain.log_density.end());
  chain.careful_share.resize(chain.careful_density.size());
  log_total = chain_by_logs(n, w.k, p.log_initial, p.log_transition, chain.careful_density.data(),
                            chain.careful_share.data(), transition);
  for (std::size_t i = 0; i < chain.share.size(); ++i) chain.share[i] = static_cast<T>(chain.careful_share[i]);
  return log_total;
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
  void densities(std::int64_t first, std::int64_t n, T* out) const {
    for (std::int64_t t = 0; t < n; ++t)
      std::copy_n(log_symbol_.data() + batch_.symbol[first + t] * k_, k_, out + t * k_);
  }
  void add(std::int64_t first, std::int64_t n, const T* share, double* sums) const {
    for (std::int64_t t = 0; t < n; ++t)
      for (std::int64_t k = 0; k < k_; ++k)
        sums[k * v_ + batch_.symbol[first + t]] += static_cast<double>(share[t * k_ + k]);
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
  using Shares = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

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

  void densities(std::int64_t first, std::int64_t n, T* out) const {
    Matrix z, white;
    for (std::int64_t t = 0; t < n; t += kRowsInABlock) {
      const std::int64_t some = std::min(kRowsInABlock, n - t);
      read(first + t, some, z);
      for (std::int64_t k = 0; k < k_; ++k) {
        white.noalias() = whitening_[size(k)].template triangularView<Eigen::Lower>() * z;
        white.colwise() += shift_[size(k)];
        for (std::int64_t i = 0; i < some; ++i)
          out[(t + i) * k_ + k] = constant_[size(k)] - T(0.5) * white.col(i).squaredNorm();
      }
    }
  }
  void add(std::int64_t first, std::int64_t n, const T* share, double* sums) const {
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
      products.noalias() = features * Shares(share + t * k_, some, k_);
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
        chain.resize(n, k);
        emissions.densities(first, n, chain.log_density.data());
        totals[size(c)] += expect(p, weights, n, chain, sums.data() + k);
        for (std::int64_t s = 0; s < k; ++s) sums[size(s)] += static_cast<double>(chain.share[size(s)]);
        emissions.add(first, n, chain.share.data(), sums.data() + k * (1 + k));
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
constexpr SequenceOps<T> table{.local_step = local_step<T>};

}  // namespace

template <class T>
const SequenceOps<T>& cpu_sequence_ops() {
  return table<T>;
}
template const SequenceOps<float>& cpu_sequence_ops<float>();
template const SequenceOps<double>& cpu_sequence_ops<double>();

}  // namespace velbo::internal

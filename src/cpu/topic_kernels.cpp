// cpu/topic_kernels.cpp - the loops of topic models, compiled once an instruction set (VELBO_ISA); see cpu/topic_kernels.h.
//
// Nothing here may be shared with another instruction set's copy: no standard library templates, only internal linkage and functions that
// are always inlined.
#include "cpu/topic_kernels.h"

#include "cpu/lanes.h"
#include "cpu/topic_documents.h"
#include "math/gamma_series.h"

#define VELBO_JOIN_(a, b) a##b
#define VELBO_JOIN(a, b) VELBO_JOIN_(a, b)

namespace velbo::internal {
namespace {

template <class T>
__attribute__((noinline)) void all_documents(const TopicDocuments<T>& d, std::int64_t begin, std::int64_t end,
                                             T* scratch) {
  for (std::int64_t i = begin; i < end; ++i) one_document(d, i, scratch);
}

// Weights of topics that a document has not meet words that these topics do not have: products below the normal numbers, each of which
// costs x86 as much as a hundred others.  They count for nothing: zeros here.
template <class T>
void documents(const TopicDocuments<T>& d, std::int64_t begin, std::int64_t end, T* scratch) {
#if defined(__x86_64__)
  constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
  const unsigned mode = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(mode | flush_to_zero | denormals_are_zero);
  all_documents(d, begin, end, scratch);
  __builtin_ia32_ldmxcsr(mode);
#else
  all_documents(d, begin, end, scratch);
#endif
}

// As many elements of T as a vector of doubles has, as doubles.
template <class T>
inline __attribute__((always_inline)) Vector<double> load_wide(const T* p) {
  if constexpr (sizeof(T) == sizeof(double)) {
    return load(p);
  } else {
    using Half __attribute__((vector_size(VELBO_VECTOR_BYTES / 2), may_alias, aligned(4))) = float;
    return __builtin_convertvector(*reinterpret_cast<const Half*>(p), Vector<double>);
  }
}

template <class T, int N>
void add_places(const TopicStatistics<T>& s, std::int64_t v, std::int64_t k, std::int64_t n_topics) {
  constexpr int n = Lanes<double>::count;
  Vector<double> sums[N] = {};
  for (std::int64_t i = s.start[v]; i < s.start[v + 1]; ++i) {
    const Vector<double> ratio = broadcast(static_cast<double>(s.ratio[s.places[i].entry]));
    const T* const theta = s.theta + s.places[i].document * s.stride + k;
    VELBO_UNROLL
    for (int j = 0; j < N; ++j) sums[j] += ratio * load_wide(theta + j * n);
  }
  alignas(64) double out[N * n];
  VELBO_UNROLL
  for (int j = 0; j < N; ++j) store(out + j * n, sums[j]);
  const T* const topics = s.topics + v * s.stride + k;
  double* const statistics = s.statistics + v * s.n_topics + k;
  for (std::int64_t j = 0; j < n_topics; ++j) statistics[j] += out[j] * static_cast<double>(topics[j]);
}

template <class T>
void statistics(const TopicStatistics<T>& s, std::int64_t begin, std::int64_t end) {
  constexpr int n = Lanes<double>::count;
  for (std::int64_t v = begin; v < end; ++v) {
    std::int64_t k = 0;
    if (!s.adds)
      for (double* const row = s.statistics + v * s.n_topics; k < s.n_topics; ++k) row[k] = 0;
    if (s.start[v] == s.start[v + 1]) continue;
    k = 0;
    for (; k + 8 * n <= s.stride; k += 8 * n)
      add_places<T, 8>(s, v, k, s.n_topics - k < 8 * n ? s.n_topics - k : 8 * n);
    for (; k < s.n_topics; k += n) add_places<T, 1>(s, v, k, s.n_topics - k < n ? s.n_topics - k : n);
  }
}

VELBO_HD double lambda_of(double prior, double statistics) { return prior + (statistics > 0 ? statistics : 0); }

// lambda of word v [K].
void word_parameters(const TopicGlobals& g, std::int64_t v, double* __restrict lambda) {
  const double* const statistics = g.statistics + v * g.n_topics;
  if (g.base != nullptr) {
    const double* const base = g.base + v * g.n_topics;
    VELBO_TOPICS_INDEPENDENT
    for (std::int64_t k = 0; k < g.n_topics; ++k) lambda[k] = lambda_of(g.eta + base[k], statistics[k]);
  } else {
    VELBO_TOPICS_INDEPENDENT
    for (std::int64_t k = 0; k < g.n_topics; ++k) lambda[k] = lambda_of(g.eta, statistics[k]);
  }
}

void totals(const TopicGlobals& g, std::int64_t begin, std::int64_t end, double* __restrict sums) {
  for (std::int64_t v = begin; v < end; ++v) {
    const double* const statistics = g.statistics + v * g.n_topics;
    if (g.base != nullptr) {
      const double* const base = g.base + v * g.n_topics;
      VELBO_TOPICS_INDEPENDENT
      for (std::int64_t k = 0; k < g.n_topics; ++k) sums[k] += lambda_of(g.eta + base[k], statistics[k]);
    } else {
      VELBO_TOPICS_INDEPENDENT
      for (std::int64_t k = 0; k < g.n_topics; ++k) sums[k] += lambda_of(g.eta, statistics[k]);
    }
  }
}

template <class T>
void expectations(const TopicGlobals& g, const double* __restrict digamma_total, std::int64_t begin, std::int64_t end,
                  T* __restrict topics, double* __restrict shift, double* __restrict log_gamma,
                  double* __restrict expected, double* __restrict scratch) {
  constexpr std::int64_t n = Lanes<T>::count;
  const std::int64_t n_topics = g.n_topics, stride = rounded_up(n_topics, n);
  double* const lambda = scratch;
  double* const expected_log = scratch + n_topics;
  for (std::int64_t v = begin; v < end; ++v) {
    word_parameters(g, v, lambda);
    const double* const statistics = g.statistics + v * n_topics;
    VELBO_TOPICS_INDEPENDENT
    for (std::int64_t k = 0; k < n_topics; ++k) {
      const GammaTerms terms = gamma_terms(lambda[k]);
      expected_log[k] = terms.digamma - digamma_total[k];
      log_gamma[k] += terms.log_gamma;
      expected[k] += (statistics[k] > 0 ? statistics[k] : 0) * expected_log[k];
    }
    double most = expected_log[0];
    for (std::int64_t k = 1; k < n_topics; ++k) most = expected_log[k] > most ? expected_log[k] : most;
    shift[v] = most;
    T* const row = topics + v * stride;
    VELBO_TOPICS_INDEPENDENT
    for (std::int64_t k = 0; k < n_topics; ++k) {
      constexpr double least = sizeof(T) == sizeof(float) ? 1e-37 : 0;  // numbers below the normal ones would be slow
      const double value = exp_nonpositive(expected_log[k] - most);
      row[k] = static_cast<T>(value < least ? least : value);
    }
    for (std::int64_t k = n_topics; k < stride; ++k) row[k] = 0;
  }
}

void expected_logs(const TopicGlobals& g, const double* __restrict digamma_total, const double* other,
                   std::int64_t begin, std::int64_t end, double* __restrict sums) {
  for (std::int64_t v = begin; v < end; ++v) {
    const double* const statistics = g.statistics + v * g.n_topics;
    const double* const base = g.base != nullptr ? g.base + v * g.n_topics : nullptr;
    const double* const of_word = other + v * g.n_topics;
    if (base != nullptr) {
      VELBO_TOPICS_INDEPENDENT
      for (std::int64_t k = 0; k < g.n_topics; ++k)
        sums[k] += of_word[k] * (digamma_at(lambda_of(g.eta + base[k], statistics[k])) - digamma_total[k]);
    } else {
      VELBO_TOPICS_INDEPENDENT
      for (std::int64_t k = 0; k < g.n_topics; ++k)
        sums[k] += of_word[k] * (digamma_at(lambda_of(g.eta, statistics[k])) - digamma_total[k]);
    }
  }
}

template <class T>
constexpr TopicKernels<T> kernels{.lanes = Lanes<T>::count,
                                  .documents = documents<T>,
                                  .document_scratch = document_scratch<T>,
                                  .statistics = statistics<T>,
                                  .expectations = expectations<T>};

}  // namespace

const TopicKernelTable& VELBO_JOIN(topic_kernels_, VELBO_ISA)();  // declared where it is called, in topic_ops.cpp

const TopicKernelTable& VELBO_JOIN(topic_kernels_, VELBO_ISA)() {
  static constexpr TopicKernelTable table{
      .of_float = kernels<float>, .of_double = kernels<double>, .totals = totals, .expected_logs = expected_logs};
  return table;
}

}  // namespace velbo::internal

// cpu/topic_kernels.cpp - the loops of topic models, compiled once an instruction set (VELBO_ISA); see cpu/topic_kernels.h.
//
// A document's rows of topics are copied into blocks [K, words] that stay in the first-level cache, words in the lanes: nhat is then made
// of products with one number a topic and needs no horizontal sums, and no lane is lost to a number of topics that is not a multiple of
// the vector.  Nothing here may be shared with another instruction set's copy: no standard library templates, only internal linkage and
// functions that are always inlined.
#include "cpu/topic_kernels.h"

#include "cpu/lanes.h"
#include "cpu/topic_math.h"

#if defined(__clang__)
#define VELBO_TOPICS_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define VELBO_TOPICS_INDEPENDENT _Pragma("GCC ivdep")
#endif
#define VELBO_JOIN_(a, b) a##b
#define VELBO_JOIN(a, b) VELBO_JOIN_(a, b)

namespace velbo::internal {
namespace {

constexpr std::int64_t kBlockBytes = 28672;  // of a block, beside what else the first-level cache holds
constexpr int kMostVectors = 8;              // of words in a block: their sums stay in registers

// A nhat below this may have lost terms that are not small beside it.
template <class T>
constexpr T kLeastTotal = sizeof(T) == sizeof(float) ? T(1e-20) : T(1e-200);

std::int64_t rounded_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// How a document's words are cut into blocks, all but the last few of the same number of vectors.
template <class T>
struct Blocks {
  Blocks(std::int64_t n_words, std::int64_t n_topics) {
    constexpr std::int64_t n = Lanes<T>::count;
    const std::int64_t fit = kBlockBytes / (n_topics * n * static_cast<std::int64_t>(sizeof(T)));
    const std::int64_t most = fit < 1 ? 1 : fit > kMostVectors ? kMostVectors : fit;
    vectors = (n_words + n - 1) / n;
    count = (vectors + most - 1) / most;
    each = count == 0 ? 0 : vectors / count;
    longer = count == 0 ? 0 : vectors % count;
  }
  // Vectors of block b.
  [[nodiscard]] int size(std::int64_t b) const { return static_cast<int>(each + (b < longer ? 1 : 0)); }
  std::int64_t vectors, count, each, longer;
};

// One level of a transposition: what lies off the diagonal in squares of 2 H changes places.
template <class T, int H, int... L>
inline __attribute__((always_inline)) void exchange(Vector<T>& a, Vector<T>& b) {
  constexpr int n = Lanes<T>::count;
  if constexpr (sizeof...(L) < n) {
    exchange<T, H, L..., static_cast<int>(sizeof...(L))>(a, b);
  } else {
    const Vector<T> low = __builtin_shufflevector(a, b, ((L & H) == 0 ? L : n + L - H)...);
    const Vector<T> high = __builtin_shufflevector(a, b, ((L & H) == 0 ? L + H : n + L)...);
    a = low;
    b = high;
  }
}

template <class T, int H = 1>
inline __attribute__((always_inline)) void transpose(Vector<T>* v) {
  constexpr int n = Lanes<T>::count;
  if constexpr (H < n) {
    VELBO_UNROLL
    for (int i = 0; i < n; ++i) {
      if ((i & H) == 0) exchange<T, H>(v[i], v[i + H]);
    }
    transpose<T, 2 * H>(v);
  }
}

// Rows of topics, [K, lanes] of every vector of words; words beyond the last one have ones, and counts of 0.
template <class T>
void pack(const TopicDocuments<T>& d, const WordCount* entries, std::int64_t n_words, const Blocks<T>& blocks,
          const T* ones, T* __restrict packed, T* __restrict counts) {
  constexpr int n = Lanes<T>::count;
  const std::int64_t k_count = d.n_topics;
  for (std::int64_t w = 0; w < blocks.vectors * n; ++w)
    counts[w] = w < n_words ? static_cast<T>(entries[w].count) : T(0);
  std::int64_t w = 0;
  for (std::int64_t b = 0; b < blocks.count; ++b) {
    const int size = blocks.size(b);
    for (int i = 0; i < size; ++i, w += n) {
      const T* row[n];
      for (int l = 0; l < n; ++l) row[l] = w + l < n_words ? d.topics + entries[w + l].word * d.stride : ones;
      for (std::int64_t k = 0; k < k_count; k += n) {
        Vector<T> v[n];
        VELBO_UNROLL
        for (int l = 0; l < n; ++l) v[l] = load(row[l] + k);
        transpose<T>(v);
        T* const out = packed + (k * size + i) * n;
        if (k + n <= k_count) {
          VELBO_UNROLL
          for (int l = 0; l < n; ++l) store(out + l * size * n, v[l]);
        } else {
          for (std::int64_t l = 0; l < k_count - k; ++l) store(out + l * size * n, v[l]);
        }
      }
    }
    packed += k_count * size * n;
  }
}

// sum_k e_k b_kw of a block's words.
template <class T, int N>
inline __attribute__((always_inline)) void word_totals(const T* packed, std::int64_t n_topics, const T* e,
                                                       Vector<T>* total) {
  constexpr int n = Lanes<T>::count;
  constexpr int at_once = N >= 8 ? 1 : N >= 3 ? 2 : 4;  // enough sums for the multipliers to be busy
  Vector<T> sums[at_once][N] = {};
  std::int64_t k = 0;
  for (; k + at_once <= n_topics; k += at_once) {
    VELBO_UNROLL
    for (int a = 0; a < at_once; ++a) {
      const Vector<T> weight = broadcast(e[k + a]);
      VELBO_UNROLL
      for (int i = 0; i < N; ++i) sums[a][i] += weight * load(packed + ((k + a) * N + i) * n);
    }
  }
  for (; k < n_topics; ++k) {
    const Vector<T> weight = broadcast(e[k]);
    VELBO_UNROLL
    for (int i = 0; i < N; ++i) sums[0][i] += weight * load(packed + (k * N + i) * n);
  }
  VELBO_UNROLL
  for (int i = 0; i < N; ++i) {
    total[i] = sums[0][i];
    VELBO_UNROLL
    for (int a = 1; a < at_once; ++a) total[i] += sums[a][i];
  }
}

// sums_of_each() of cpu/lanes.h with half its shuffles: of each level's two one is a choice lane by lane.
template <class T, int H, int... L>
inline __attribute__((always_inline)) Vector<T> merged(Vector<T> a, Vector<T> b) {
  constexpr int n = Lanes<T>::count;
  if constexpr (sizeof...(L) < n) {
    return merged<T, H, L..., static_cast<int>(sizeof...(L))>(a, b);
  } else {
    const Vector<T> own = __builtin_shufflevector(a, b, ((L & H) == 0 ? L : n + L)...);
    const Vector<T> other = __builtin_shufflevector(a, b, ((L & H) == 0 ? L + H : n + L - H)...);
    return own + other;
  }
}

template <class T, int H = 1>
inline __attribute__((always_inline)) Vector<T> sums_over_lanes(Vector<T>* v) {
  constexpr int n = Lanes<T>::count;
  if constexpr (H == n) {
    return v[0];
  } else {
    VELBO_UNROLL
    for (int k = 0; k < n / (2 * H); ++k) v[k] = merged<T, H>(v[2 * k], v[2 * k + 1]);
    return sums_over_lanes<T, 2 * H>(v);
  }
}

// Lane by lane, sum over a block's words of n_w / nhat_w b_kw, with what earlier blocks left in `sums`.
template <class T, int N, bool kFirst>
inline __attribute__((always_inline)) Vector<T> topic_sum(const T* packed, std::int64_t k, const Vector<T>* ratio,
                                                          const T* sums) {
  constexpr int n = Lanes<T>::count;
  Vector<T> sum = ratio[0] * load(packed + k * N * n);
  if constexpr (!kFirst) sum += load(sums + k * n);
  VELBO_UNROLL
  for (int i = 1; i < N; ++i) sum += ratio[i] * load(packed + (k * N + i) * n);
  return sum;
}

// Of the last block: topics' sums over all lanes, [K] into out, zeros behind.
template <class T, int N, bool kFirst>
inline __attribute__((always_inline)) void last_sums(const T* packed, std::int64_t n_topics, const Vector<T>* ratio,
                                                     const T* sums, T* __restrict out) {
  constexpr int n = Lanes<T>::count;
  std::int64_t k = 0;
  for (; k + n <= n_topics; k += n) {
    Vector<T> v[n];
    VELBO_UNROLL
    for (int l = 0; l < n; ++l) v[l] = topic_sum<T, N, kFirst>(packed, k + l, ratio, sums);
    store(out + k, sums_over_lanes<T>(v));
  }
  if (k == n_topics) return;
  Vector<T> v[n] = {};
  for (std::int64_t l = 0; l < n_topics - k; ++l) v[l] = topic_sum<T, N, kFirst>(packed, k + l, ratio, sums);
  store(out + k, sums_over_lanes<T>(v));
}

// Which of a document's blocks.
struct BlockPlace {
  bool first, last;
};

// sums [K, lanes] (+)= sum over the block's words of n_w / nhat_w b_kw, lane by lane; of the last block over all lanes into out [K].
template <class T, int N>
void add_block(const T* packed, std::int64_t n_topics, const T* e, const T* counts, BlockPlace place,
               T* __restrict sums, T* __restrict out, T* __restrict least) {
  constexpr int n = Lanes<T>::count;
  Vector<T> total[N], ratio[N];
  word_totals<T, N>(packed, n_topics, e, total);
  Vector<T> smallest = load(least);
  VELBO_UNROLL
  for (int i = 0; i < N; ++i) {
    smallest = total[i] < smallest ? total[i] : smallest;
    ratio[i] = load(counts + i * n) / total[i];
  }
  store(least, smallest);
  if (place.last) {
    if (place.first) {
      last_sums<T, N, true>(packed, n_topics, ratio, sums, out);
    } else {
      last_sums<T, N, false>(packed, n_topics, ratio, sums, out);
    }
  } else if (place.first) {
    for (std::int64_t k = 0; k < n_topics; ++k) store(sums + k * n, topic_sum<T, N, true>(packed, k, ratio, sums));
  } else {
    for (std::int64_t k = 0; k < n_topics; ++k) store(sums + k * n, topic_sum<T, N, false>(packed, k, ratio, sums));
  }
}

template <class T, int N>
void store_totals(const T* packed, std::int64_t n_topics, const T* e, T* __restrict out) {
  Vector<T> total[N];
  word_totals<T, N>(packed, n_topics, e, total);
  for (int i = 0; i < N; ++i) store(out + i * Lanes<T>::count, total[i]);
}

#define VELBO_BY_SIZE(size, CALL) \
  switch (size) {                 \
    case 1: CALL(1); break;       \
    case 2: CALL(2); break;       \
    case 3: CALL(3); break;       \
    case 4: CALL(4); break;       \
    case 5: CALL(5); break;       \
    case 6: CALL(6); break;       \
    case 7: CALL(7); break;       \
    default: CALL(8); break;      \
  }

// A document's memory.
template <class T>
struct Workspace {
  T *packed, *counts, *totals, *sums, *e, *rest, *alpha, *ones, *before, *reduced, *least;
  double *of_words, *of_topics;

  Workspace(T* scratch, std::int64_t n_words, std::int64_t n_topics) {
    constexpr std::int64_t n = Lanes<T>::count;
    const std::int64_t words = rounded_up(n_words, n), topics = rounded_up(n_topics, n);
    const auto take = [&](std::int64_t count) {
      T* const piece = scratch;
      scratch += rounded_up(count, 16);
      return piece;
    };
    packed = take(words * n_topics);
    counts = take(words);
    totals = take(words);
    sums = take(topics * n);
    e = take(topics);
    rest = take(topics);
    alpha = take(topics);
    ones = take(topics);
    before = take(topics);
    reduced = take(topics);
    least = take(n);
    constexpr std::int64_t wide = sizeof(double) / sizeof(T);
    of_words = reinterpret_cast<double*>(take(words * wide));
    of_topics = reinterpret_cast<double*>(take(topics * wide));
  }
};

template <class T>
std::int64_t document_scratch(std::int64_t n_words, std::int64_t n_topics) {
  constexpr std::int64_t n = Lanes<T>::count, wide = sizeof(double) / sizeof(T), rounding = 16 * 13;
  return rounded_up(n_words, n) * (n_topics + 2 + wide) + rounded_up(n_topics, n) * (n + 6 + wide) + n + rounding;
}

// All lanes of v into one number by `both`, half by half.
template <class T, int H, class Both, int... L>
inline __attribute__((always_inline)) T over_lanes_from(Vector<T> v, const Both& both) {
  constexpr int n = Lanes<T>::count;
  if constexpr (H == 0) {
    return v[0];
  } else if constexpr (sizeof...(L) < n) {
    return over_lanes_from<T, H, Both, L..., static_cast<int>(sizeof...(L))>(v, both);
  } else {
    return over_lanes_from<T, H / 2, Both>(both(v, __builtin_shufflevector(v, v, (L ^ H)...)), both);
  }
}
template <class T, class Both>
inline __attribute__((always_inline)) T over_lanes(Vector<T> v, const Both& both) {
  return over_lanes_from<T, Lanes<T>::count / 2, Both>(v, both);
}

// e_k = e^(digamma(gamma_k) + shift), the shift such that no e_k is large and the largest is not small; returns it.
template <class T>
T topic_weights(const T* __restrict gamma, std::int64_t stride, T* __restrict e, T* __restrict rest) {
  constexpr int n = Lanes<T>::count;
  VELBO_TOPICS_INDEPENDENT
  for (std::int64_t k = 0; k < stride; ++k) {
    const Shifted<T> s = shifted(gamma[k]);
    e[k] = s.y;
    rest[k] = log_minus_digamma(s);
  }
  Vector<T> smallest = load(rest);
  for (std::int64_t k = n; k < stride; k += n) {
    const Vector<T> here = load(rest + k);
    smallest = here < smallest ? here : smallest;
  }
  const T shift = over_lanes<T>(smallest, [](auto a, auto b) { return a < b ? a : b; });
  VELBO_TOPICS_INDEPENDENT
  for (std::int64_t k = 0; k < stride; ++k) e[k] *= exp_nonpositive(shift - rest[k]);
  return shift;
}

// gamma_k = alpha_k + e_k reduced_k; returns the mean |change|.
template <class T>
T update_gamma(const Workspace<T>& work, std::int64_t n_topics, T* gamma) {
  constexpr int n = Lanes<T>::count;
  Vector<T> change{};
  for (std::int64_t k = 0; k < n_topics; k += n) {
    const Vector<T> next = load(work.alpha + k) + load(work.e + k) * load(work.reduced + k);
    const Vector<T> difference = next - load(gamma + k);
    change += difference < Vector<T>{} ? -difference : difference;
    store(gamma + k, next);
  }
  return over_lanes<T>(change, [](auto a, auto b) { return a + b; }) / static_cast<T>(n_topics);
}

// E log p(theta | alpha) - E log q(theta) - (sum of counts) digamma(sum gamma), in double; expected_log [K] or nullptr.
template <class T>
double prior_term(const TopicDocuments<T>& d, const T* gamma, double n_tokens, double* __restrict terms,
                  double* __restrict expected_log) {
  double total = 0;
  for (std::int64_t k = 0; k < d.n_topics; ++k) total += static_cast<double>(gamma[k]);
  const GammaTerms of_total = gamma_terms(total);
  VELBO_TOPICS_INDEPENDENT
  for (std::int64_t k = 0; k < d.n_topics; ++k) {
    const double g = static_cast<double>(gamma[k]);
    const GammaTerms of_k = gamma_terms(g);
    terms[k] = of_k.log_gamma + (d.alpha[k] - g) * (of_k.digamma - of_total.digamma);
  }
  if (expected_log != nullptr) {
    VELBO_TOPICS_INDEPENDENT
    for (std::int64_t k = 0; k < d.n_topics; ++k)
      expected_log[k] = digamma_at(static_cast<double>(gamma[k])) - of_total.digamma;
  }
  double sum = d.log_normaliser - of_total.log_gamma;
  for (std::int64_t k = 0; k < d.n_topics; ++k) sum += terms[k];
  return sum - n_tokens * of_total.digamma;
}

template <class T>
void one_document(const TopicDocuments<T>& d, std::int64_t i, T* scratch) {
  constexpr int n = Lanes<T>::count;
  const std::int64_t n_words = d.start[i + 1] - d.start[i], n_topics = d.n_topics;
  const WordCount* const entries = d.entries + d.first[i];
  const Workspace<T> work(scratch, n_words, n_topics);
  const Blocks<T> blocks(n_words, n_topics);
  // Beyond the last topic numbers that change nothing: a weight of almost nothing, and no words.
  constexpr T nothing = T(1e-30);
  T* const gamma = d.gamma + i * d.stride;
  for (std::int64_t k = 0; k < d.stride; ++k) {
    work.alpha[k] = k < n_topics ? static_cast<T>(d.alpha[k]) : nothing;
    work.ones[k] = 1;
    work.reduced[k] = 0;  // of a document without words
    if (k >= n_topics) gamma[k] = nothing;
    work.before[k] = gamma[k];
  }
  for (int l = 0; l < n; ++l) work.least[l] = 1;
  pack(d, entries, n_words, blocks, work.ones, work.packed, work.counts);

  T shift = topic_weights(gamma, d.stride, work.e, work.rest);
  std::int32_t iteration = 0;
  for (bool moves = true; moves && iteration < d.max_iterations; ++iteration) {
    const T* packed = work.packed;
    const T* counts = work.counts;
    for (std::int64_t b = 0; b < blocks.count; ++b) {
      const int size = blocks.size(b);
#define VELBO_CALL(N)                                                                                          \
  (add_block<T, N>(packed, n_topics, work.e, counts, {b == 0, b + 1 == blocks.count}, work.sums, work.reduced, \
                   work.least))
      VELBO_BY_SIZE(size, VELBO_CALL)
#undef VELBO_CALL
      packed += n_topics * size * n;
      counts += size * n;
    }
    moves = !(update_gamma(work, n_topics, gamma) < static_cast<T>(d.tolerance));
    shift = topic_weights(gamma, d.stride, work.e, work.rest);
  }
  const T* packed = work.packed;
  T* totals = work.totals;
  for (std::int64_t b = 0; b < blocks.count; ++b) {
    const int size = blocks.size(b);
#define VELBO_CALL(N) (store_totals<T, N>(packed, n_topics, work.e, totals))
    VELBO_BY_SIZE(size, VELBO_CALL)
#undef VELBO_CALL
    packed += n_topics * size * n;
    totals += size * n;
  }
  T least = work.least[0];
  for (int l = 1; l < n; ++l) least = work.least[l] < least ? work.least[l] : least;
  for (std::int64_t w = 0; w < n_words; ++w) least = work.totals[w] < least ? work.totals[w] : least;
  if (!(least >= kLeastTotal<T>)) {
    for (std::int64_t k = 0; k < d.stride; ++k) gamma[k] = work.before[k];
    d.iterations[i] = -1;
    return;
  }
  T* const ratio = d.ratio + d.start[i];
  VELBO_TOPICS_INDEPENDENT
  for (std::int64_t w = 0; w < n_words; ++w) ratio[w] = work.counts[w] / work.totals[w];
  VELBO_TOPICS_INDEPENDENT
  for (std::int64_t w = 0; w < n_words; ++w)
    work.of_words[w] = static_cast<double>(work.counts[w]) * log_any(static_cast<double>(work.totals[w]));
  double value = 0, n_tokens = 0;
  for (std::int64_t w = 0; w < n_words; ++w) {
    value += work.of_words[w] + static_cast<double>(work.counts[w]) * d.shift[entries[w].word];
    n_tokens += static_cast<double>(work.counts[w]);
  }
  T* const theta = d.theta + i * d.stride;
  for (std::int64_t k = 0; k < d.stride; ++k) theta[k] = work.e[k];
  d.value[i] = value - n_tokens * static_cast<double>(shift) +
               prior_term(d, gamma, n_tokens, work.of_topics,
                          d.expected_log != nullptr ? d.expected_log + i * n_topics : nullptr);
  d.iterations[i] = iteration;
}

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
    if (s.start[v] == s.start[v + 1]) continue;
    std::int64_t k = 0;
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

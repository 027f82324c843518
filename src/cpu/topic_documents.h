// cpu/topic_documents.h - the local step of one document.  Included by the per-instruction-set source only.
#pragma once
#include "cpu/topic_blocks.h"
#include "math/gamma_series.h"

#if defined(__clang__)
#define VELBO_TOPICS_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define VELBO_TOPICS_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace velbo::internal {
namespace {

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
    const ShiftedGamma<T> s = shifted_gamma(gamma[k]);
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
  T* const theta = d.theta + i * d.stride;
  T* const ratio = d.ratio + d.start[i];
  for (std::int64_t k = 0; k < d.stride; ++k) {
    work.alpha[k] = k < n_topics ? static_cast<T>(d.alpha[k]) : nothing;
    work.ones[k] = 1;
    work.reduced[k] = 0;  // of a document without words
    if (k >= n_topics) {
      gamma[k] = nothing;
    } else if (d.from_one) {
      gamma[k] = 1;
    }
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
    for (std::int64_t k = 0; k < d.stride; ++k) theta[k] = 0;
    for (std::int64_t w = 0; w < n_words; ++w) ratio[w] = 0;
    if (d.expected_log != nullptr)
      for (std::int64_t k = 0; k < n_topics; ++k) d.expected_log[i * n_topics + k] = 0;
    d.iterations[i] = -1;
    return;
  }
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
  for (std::int64_t k = 0; k < d.stride; ++k) theta[k] = work.e[k];
  d.value[i] = value - n_tokens * static_cast<double>(shift) +
               prior_term(d, gamma, n_tokens, work.of_topics,
                          d.expected_log != nullptr ? d.expected_log + i * n_topics : nullptr);
  d.iterations[i] = iteration;
}

}  // namespace
}  // namespace velbo::internal

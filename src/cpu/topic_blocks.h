// cpu/topic_blocks.h - a document's rows of topics as blocks of words by topic, and the products that a local step is made of.
//
// Blocks [K, words] stay in the first-level cache, words in the lanes: nhat is made of products with one number a topic and needs no
// horizontal sums, and no lane is lost to a number of topics that is not a multiple of the vector.  Included by the
// per-instruction-set source only.
#pragma once
#include "backend/topic_ops.h"
#include "cpu/lanes.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kBlockBytes = 28672;  // of a block, beside what else the first-level cache holds
constexpr int kMostVectors = 8;              // of words in a block: their sums stay in registers

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

}  // namespace
}  // namespace velbo::internal

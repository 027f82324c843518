// topic_words.cuh - expectations under the topics' Dirichlets: rows exp(E log beta), and sums over words by topic.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/topic_ops.h"
#include "math/gamma_series.h"
#include "row_passes.cuh"

namespace velbo::kernels {

using internal::TopicGlobals;

constexpr int kTopicWordThreads = 256;

__device__ __forceinline__ double topic_count(const TopicGlobals& g, std::int64_t at) {
  const double statistics = g.statistics[at];
  return statistics > 0 ? statistics : 0;
}
// lambda of word and topic at = v K + k.
__device__ __forceinline__ double topic_parameter(const TopicGlobals& g, std::int64_t at) {
  return (g.base != nullptr ? g.eta + g.base[at] : g.eta) + topic_count(g, at);
}

// What is summed over words: kSums numbers of a word and topic.
struct TopicTotal {
  static constexpr int kSums = 1;
  __device__ __forceinline__ void operator()(const TopicGlobals& g, std::int64_t at, std::int64_t, double* sums) const {
    sums[0] += topic_parameter(g, at);
  }
};
struct TopicTerms {
  static constexpr int kSums = 2;
  const double* digamma_total;  // [device] [K]
  __device__ __forceinline__ void operator()(const TopicGlobals& g, std::int64_t at, std::int64_t k,
                                             double* sums) const {
    const internal::GammaTerms terms = internal::gamma_terms(topic_parameter(g, at));
    sums[0] += terms.log_gamma;
    sums[1] += topic_count(g, at) * (terms.digamma - digamma_total[k]);
  }
};
struct TopicOther {
  static constexpr int kSums = 1;
  const double* digamma_total;  // [device] [K]
  const double* other;          // [device] [V, K]
  __device__ __forceinline__ void operator()(const TopicGlobals& g, std::int64_t at, std::int64_t k,
                                             double* sums) const {
    sums[0] += other[at] * (internal::digamma_at(topic_parameter(g, at)) - digamma_total[k]);
  }
};

// Chunks of words, blockIdx.x's; of 256 topics, blockIdx.y's; neighbours in memory are neighbouring threads', so that with few topics a
// block has several slices of a chunk's words.
struct TopicWordTile {
  std::int64_t words = 0;  // of a chunk
  int topics = 0;          // of a block
  int slices = 0;
};

// parts [chunks, slices, kSums, K]
template <class Term>
__global__ void __launch_bounds__(kTopicWordThreads, 2)
    topic_word_sums(const TopicGlobals g, const Term term, const TopicWordTile tile, double* __restrict__ parts) {
  const int t = static_cast<int>(threadIdx.x), slice = t / tile.topics;
  const std::int64_t k = std::int64_t{blockIdx.y} * tile.topics + (t - slice * tile.topics);
  if (slice >= tile.slices || k >= g.n_topics) return;
  const std::int64_t begin = std::int64_t{blockIdx.x} * tile.words;
  const std::int64_t end = min(begin + tile.words, g.n_words);
  double sums[Term::kSums] = {};
  for (std::int64_t v = begin + slice; v < end; v += tile.slices) term(g, v * g.n_topics + k, k, sums);
  double* const out = parts + (std::int64_t{blockIdx.x} * tile.slices + slice) * Term::kSums * g.n_topics + k;
#pragma unroll
  for (int i = 0; i < Term::kSums; ++i) out[i * g.n_topics] = sums[i];
}

// A warp a word.
template <class T>
__global__ void __launch_bounds__(kTopicWordThreads, 2)
    topic_rows(const TopicGlobals g, const double* __restrict__ digamma_total, std::int64_t stride,
               T* __restrict__ topics, double* __restrict__ shift) {
  const std::int64_t word = (std::int64_t{blockIdx.x} * kTopicWordThreads + threadIdx.x) / 32;
  if (word >= g.n_words) return;
  const std::int64_t lane = threadIdx.x % 32, row = word * g.n_topics;
  double most = -1e300;
  for (std::int64_t k = lane; k < g.n_topics; k += 32)
    most = internal::max_of(most, internal::digamma_at(topic_parameter(g, row + k)) - digamma_total[k]);
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) most = internal::max_of(most, __shfl_xor_sync(~0U, most, lanes));
  if (lane == 0) shift[word] = most;
  for (std::int64_t k = lane; k < stride; k += 32) {
    constexpr double least = sizeof(T) == sizeof(float) ? 1e-37 : 0;
    double value = 0;
    if (k < g.n_topics)
      value = internal::max_of(least, internal::exp_nonpositive(internal::digamma_at(topic_parameter(g, row + k)) -
                                                                digamma_total[k] - most));
    topics[word * stride + k] = static_cast<T>(value);
  }
}

// Sums over all words, [kSums, K].
template <class Term>
std::vector<double> sum_over_words(const Launch& launch, const TopicGlobals& g, const Term& term) {
  const std::int64_t n_sums = Term::kSums * g.n_topics;
  TopicWordTile tile;
  tile.topics = static_cast<int>(std::min<std::int64_t>(g.n_topics, kTopicWordThreads));
  tile.slices = kTopicWordThreads / tile.topics;
  const std::int64_t most =
      std::clamp<std::int64_t>(launch.most_partial_sums / 4 / (tile.slices * n_sums), 1, launch.wanted_chunks);
  tile.words = std::max<std::int64_t>((g.n_words + most - 1) / most, 4 * tile.slices);
  const std::int64_t chunks = (g.n_words + tile.words - 1) / tile.words;
  const Buffer<double> parts(chunks * tile.slices * n_sums, launch.stream), sums(n_sums, launch.stream);
  const dim3 grid{static_cast<unsigned>(chunks), static_cast<unsigned>((g.n_topics + tile.topics - 1) / tile.topics)};
  VELBO_LAUNCH(topic_word_sums<Term>, grid, kTopicWordThreads, 0, launch.stream, g, term, tile, parts.get());
  check(cudaGetLastError());
  check(reduce(parts.get(), chunks * tile.slices, n_sums, sums.get(), launch.stream));
  return downloaded(sums.get(), n_sums, launch.stream);
}

inline Buffer<double> digammas(const Launch& launch, const double* total, std::int64_t n_topics) {
  std::vector<double> out(total, total + n_topics);
  for (double& value : out) value = internal::digamma_at(value);
  return uploaded<double>(out.data(), n_topics, launch.stream);
}

template <class T>
void topic_expectations(const Launch& launch, const TopicGlobals& g, std::int64_t stride, T* topics, double* shift,
                        const internal::TopicSums& sums) {
  const std::vector<double> total = sum_over_words(launch, g, TopicTotal{});
  std::copy(total.begin(), total.end(), sums.total);
  const Buffer<double> digamma_total = digammas(launch, sums.total, g.n_topics);
  constexpr std::int64_t words = kTopicWordThreads / 32;
  VELBO_LAUNCH(topic_rows<T>, static_cast<unsigned>((g.n_words + words - 1) / words), kTopicWordThreads, 0,
               launch.stream, g, digamma_total.get(), stride, topics, shift);
  check(cudaGetLastError());
  const std::vector<double> terms = sum_over_words(launch, g, TopicTerms{digamma_total.get()});
  std::copy_n(terms.begin(), g.n_topics, sums.log_gamma);
  std::copy_n(terms.begin() + g.n_topics, g.n_topics, sums.expected);
}

inline double topic_expected_log_sum(const Launch& launch, const TopicGlobals& g, const double* total,
                                     const double* other) {
  const Buffer<double> digamma_total = digammas(launch, total, g.n_topics);
  double out = 0;
  for (const double value : sum_over_words(launch, g, TopicOther{digamma_total.get(), other})) out += value;
  return out;
}

}  // namespace velbo::kernels

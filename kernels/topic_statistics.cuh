// topic_statistics.cuh - expected counts of words by topic: a block of threads has a word, whose places it goes through in order.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "backend/topic_ops.h"
#include "row_passes.cuh"

namespace velbo::kernels {

using internal::TopicStatistics;

constexpr int kTopicPlaceThreads = 128;

// How a block's threads share 16-byte vectors of topics, blockIdx.y's, and the word's places.
struct TopicPlaceTile {
  int vectors = 0;  // of a block
  int slices = 0;   // of the places: slice s has s, s + slices, ..., and slices are added in order
};

template <class T>
__global__ void __launch_bounds__(kTopicPlaceThreads, 4)
    topic_statistics(const TopicStatistics<T> s, const TopicPlaceTile tile) {
  constexpr int lanes = kLanes<T>;
  VELBO_SHARED_MEMORY(raw);
  double* const sums = reinterpret_cast<double*>(raw);  // [slices, vectors, lanes]
  const int t = static_cast<int>(threadIdx.x), slice = t / tile.vectors, width = tile.vectors * lanes;
  const std::int64_t word = blockIdx.x, first = std::int64_t{blockIdx.y} * width;
  const std::int64_t begin = s.start[word], end = s.start[word + 1];
  double* const out = s.statistics + word * s.n_topics;
  if (begin == end) {
    if (!s.adds)
      for (std::int64_t k = first + t; k < first + width && k < s.n_topics; k += kTopicPlaceThreads) out[k] = 0;
    return;
  }
  const int at = t - slice * tile.vectors;
  if (slice < tile.slices) {
    double sum[lanes] = {};
    if (first + at * lanes < s.n_topics) {
#pragma unroll 4
      for (std::int64_t i = begin + slice; i < end; i += tile.slices) {
        const internal::WordPlace place = s.places[i];
        const double ratio = static_cast<double>(s.ratio[place.entry]);
        const Lanes<T> theta = load(s.theta + place.document * s.stride + first + at * lanes);
#pragma unroll
        for (int q = 0; q < lanes; ++q)
          sum[q] = internal::elementary::mul_add(ratio, static_cast<double>(theta.of[q]), sum[q]);
      }
    }
#pragma unroll
    for (int q = 0; q < lanes; ++q) sums[(slice * tile.vectors + at) * lanes + q] = sum[q];
  }
  __syncthreads();
  for (int k = t; k < width && first + k < s.n_topics; k += kTopicPlaceThreads) {
    double sum = sums[k];
    for (int other = 1; other < tile.slices; ++other) sum += sums[other * width + k];
    sum *= static_cast<double>(s.topics[word * s.stride + first + k]);
    out[first + k] = s.adds ? out[first + k] + sum : sum;
  }
}

template <class T>
void launch_topic_statistics(const Launch& launch, const TopicStatistics<T>& s) {
  if (s.n_words <= 0) return;
  constexpr int lanes = kLanes<T>;
  const int vectors = static_cast<int>((s.n_topics + lanes - 1) / lanes);
  TopicPlaceTile tile;
  tile.vectors = std::min(vectors, kTopicPlaceThreads);
  tile.slices = kTopicPlaceThreads / tile.vectors;
  const dim3 grid{static_cast<unsigned>(s.n_words), static_cast<unsigned>((vectors + tile.vectors - 1) / tile.vectors)};
  const std::size_t bytes = static_cast<std::size_t>(tile.slices * tile.vectors * lanes) * sizeof(double);
  VELBO_LAUNCH(topic_statistics<T>, grid, kTopicPlaceThreads, bytes, launch.stream, s, tile);
  check(cudaGetLastError());
}

}  // namespace velbo::kernels

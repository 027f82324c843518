// conjugate/chunk_sums.h - sums over units that threads share out.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "conjugate/conjugate_model.h"
#include "cpu/parallel.h"

namespace velbo::internal {

// Cuts `units` into chunks of chunk_units (the last may be short), counted from units.begin; chunk(range, sums) adds a chunk's sums
// [sums.size()] to zeros and returns its part of the ELBO.  Chunks are added to `sums` in order: the same bits for any number of threads.
template <class Chunk>
double add_chunk_sums(UnitRange units, std::int64_t chunk_units, const Workers& workers, const Chunk& chunk,
                      std::span<double> sums) {
  const std::int64_t n_chunks = (units.size() + chunk_units - 1) / chunk_units;
  const std::int64_t wave = std::min<std::int64_t>(n_chunks, 2 * workers.threads);
  std::vector<std::vector<double>> parts(static_cast<std::size_t>(wave));
  std::vector<double> values(static_cast<std::size_t>(wave));
  double value = 0;
  for (std::int64_t first = 0; first < n_chunks; first += wave) {
    const std::int64_t n_now = std::min(wave, n_chunks - first);
    parallel_for(n_now, workers, [&](std::int64_t i, int) {
      std::vector<double>& part = parts[static_cast<std::size_t>(i)];
      part.assign(sums.size(), 0);
      const std::int64_t begin = units.begin + (first + i) * chunk_units;
      values[static_cast<std::size_t>(i)] =
          chunk(UnitRange{begin, std::min(units.end, begin + chunk_units)}, std::span<double>(part));
    });
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_now); ++i) {
      value += values[i];
      for (std::size_t j = 0; j < sums.size(); ++j) sums[j] += parts[i][j];
    }
  }
  return value;
}

}  // namespace velbo::internal

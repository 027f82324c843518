// models/row_sum.cpp
#include "models/row_sum.h"

#include <algorithm>

#include "velbo/plate.h"

namespace velbo::internal {
namespace {

// Chunks between two looks at the clock, a thread.
constexpr std::int64_t kWave = 4;

// The value's and the gradient's sums of one chunk.
struct Sums {
  std::vector<double> value, gradient;

  void clear(std::int64_t n_gradient) {
    value.assign(kPlateDraws, 0);
    gradient.assign(static_cast<std::size_t>(n_gradient * kPlateDraws), 0);
  }
  void add(const Sums& other) {
    for (std::size_t i = 0; i < value.size(); ++i) value[i] += other.value[i];
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += other.gradient[i];
  }
};

}  // namespace

void transpose_draws(std::int64_t n, int n_draws, const double* theta, std::vector<double>& out) {
  out.assign(static_cast<std::size_t>(n * kPlateDraws), 0);
  for (int s = 0; s < n_draws; ++s)
    for (std::int64_t i = 0; i < n; ++i) out[static_cast<std::size_t>(i * kPlateDraws + s)] = theta[s * n + i];
}

void add_chunks(std::int64_t n_chunks, std::int64_t n_draws, std::int64_t n, const double* theta, double scale,
                const Workers& workers, RowSumClock::time_point deadline, const ChunkSum& chunk, double* value,
                double* gradient) {
  const std::int64_t n_gradient = gradient == nullptr ? 0 : n;
  const std::int64_t wave = std::min<std::int64_t>(n_chunks, kWave * workers.threads);
  std::vector<Sums> sums(static_cast<std::size_t>(wave));
  std::vector<double> draws;
  Sums total;
  for (std::int64_t first = 0; first < n_draws; first += kPlateDraws) {
    const int n_here = static_cast<int>(std::min<std::int64_t>(kPlateDraws, n_draws - first));
    transpose_draws(n, n_here, theta + first * n, draws);
    total.clear(n_gradient);
    for (std::int64_t begin = 0; begin < n_chunks; begin += wave) {
      if (begin > 0 && RowSumClock::now() >= deadline) throw OutOfTime{};
      const std::int64_t n_now = std::min(wave, n_chunks - begin);
      parallel_for(n_now, workers, [&](std::int64_t i, int) {
        Sums& mine = sums[static_cast<std::size_t>(i)];
        mine.clear(n_gradient);
        chunk(begin + i, n_here, draws.data(), mine.value.data(), gradient == nullptr ? nullptr : mine.gradient.data());
      });
      for (std::int64_t i = 0; i < n_now; ++i) total.add(sums[static_cast<std::size_t>(i)]);
    }
    for (int s = 0; s < n_here; ++s) {
      value[first + s] += scale * total.value[static_cast<std::size_t>(s)];
      for (std::int64_t i = 0; i < n_gradient; ++i)
        gradient[(first + s) * n + i] += scale * total.gradient[static_cast<std::size_t>(i * kPlateDraws + s)];
    }
  }
}

}  // namespace velbo::internal

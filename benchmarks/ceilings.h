// What this machine can do at best, measured in the run that quotes it: fused multiply-adds in registers, and reading
// memory that is in no cache.
#pragma once
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace velbo::internal {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif
using FloatVector [[gnu::vector_size(kVectorBytes)]] = float;
using IntVector [[gnu::vector_size(kVectorBytes)]] = std::int64_t;

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// GFLOP/s of single-precision a b + c on one thread: the best of some runs of twelve independent chains in registers.
inline double measure_fma_peak() {
  constexpr int kSteps = 200000;
  double best = 0;
  for (int repeat = 0; repeat < 25; ++repeat) {
    FloatVector a = FloatVector{} + 0.5F, b = FloatVector{} + 0.25F;
    benchmark::DoNotOptimize(a);
    benchmark::DoNotOptimize(b);
    FloatVector s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{}, s8{}, s9{}, s10{}, s11{};
    for (FloatVector* s : {&s0, &s1, &s2, &s3, &s4, &s5, &s6, &s7, &s8, &s9, &s10, &s11})
      benchmark::DoNotOptimize(*s);  // for all that the compiler knows, they differ
    const auto start = std::chrono::steady_clock::now();
    for (int step = 0; step < kSteps; ++step) {
      s0 = s0 * a + b, s1 = s1 * a + b, s2 = s2 * a + b, s3 = s3 * a + b;
      s4 = s4 * a + b, s5 = s5 * a + b, s6 = s6 * a + b, s7 = s7 * a + b;
      s8 = s8 * a + b, s9 = s9 * a + b, s10 = s10 * a + b, s11 = s11 * a + b;
    }
    const double seconds = seconds_since(start);
    FloatVector all = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
    benchmark::DoNotOptimize(all);
    best = std::max(best, 2.0 * 12 * kSteps * (kVectorBytes / 4) / seconds / 1e9);
  }
  return best;
}

// GB/s of reading 512 MB once, on `threads` threads: eight independent streams of loads a thread, as a program that does
// nothing else would have them.
inline double measure_read_bandwidth(int threads) {
  const std::size_t words = std::size_t{1} << 26;
  static const std::vector<std::int64_t> memory(words, 3);
  constexpr std::size_t lanes = kVectorBytes / 8;
  const auto read = [&](std::size_t begin, std::size_t end) {
    IntVector sum[4] = {};
    for (std::size_t i = begin; i + 4 * lanes <= end; i += 4 * lanes) {
      __builtin_prefetch(memory.data() + i + 256);
#pragma GCC unroll 4
      for (std::size_t k = 0; k < 4; ++k) {
        IntVector v;
        __builtin_memcpy(&v, memory.data() + i + k * lanes, sizeof v);
        sum[k] += v;
      }
    }
    for (auto& s : sum) benchmark::DoNotOptimize(s);
  };
  double best = 0;
  for (int repeat = 0; repeat < 8; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t)
      others.emplace_back(read, words / static_cast<std::size_t>(threads) * static_cast<std::size_t>(t),
                          words / static_cast<std::size_t>(threads) * static_cast<std::size_t>(t + 1));
    read(0, words / static_cast<std::size_t>(threads));
    for (auto& t : others) t.join();
    best = std::max(best, 8.0 * static_cast<double>(words) / seconds_since(start) / 1e9);
  }
  return best;
}

// Rates of a benchmark, the run's ceilings, and the fraction of the floor that they set: the larger of the times that the
// flops and the bytes need at best, over the time taken.
inline void set_rates(benchmark::State& state, double flops, double bytes, int threads) {
  static const double peak = measure_fma_peak();
  static const double one = measure_read_bandwidth(1), two = measure_read_bandwidth(2);
  const double bandwidth = threads > 1 ? std::max(one, two) : one;
  const double floor = std::max(flops / (peak * threads * 1e9), bytes / (bandwidth * 1e9));
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(flops / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(bytes / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["of_floor"] = Counter(floor, Counter::kIsIterationInvariantRate);
  state.counters["peak_GFLOP/s"] = peak * threads;
  state.counters["peak_GB/s"] = bandwidth;
}

}  // namespace velbo::internal

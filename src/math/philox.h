// math/philox.h - Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw,
// "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).  The same words as Random123's and cuRAND's:
// cuRAND's (seed, subsequence, offset) is key = seed, high half of the counter = subsequence, low half = offset / 4.
#pragma once
#include <cstdint>

#include "velbo/math/hd.h"

namespace velbo::internal {

struct PhiloxWords {
  std::uint32_t word[4];
};

VELBO_HD void multiply_high_low(std::uint32_t a, std::uint32_t b, std::uint32_t& high, std::uint32_t& low) {
#if defined(__CUDA_ARCH__)
  high = __umulhi(a, b);
  low = a * b;
#else
  const std::uint64_t product = std::uint64_t{a} * b;
  high = static_cast<std::uint32_t>(product >> 32);
  low = static_cast<std::uint32_t>(product);
#endif
}

// Four words from a 64-bit key and a 128-bit counter (low: counter words 0 and 1, high: words 2 and 3).
VELBO_HD PhiloxWords philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high) {
  std::uint32_t c0 = static_cast<std::uint32_t>(counter_low), c1 = static_cast<std::uint32_t>(counter_low >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(counter_high), c3 = static_cast<std::uint32_t>(counter_high >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    std::uint32_t high0 = 0, low0 = 0, high1 = 0, low1 = 0;
    multiply_high_low(0xD2511F53U, c0, high0, low0);
    multiply_high_low(0xCD9E8D57U, c2, high1, low1);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9U;  // the golden ratio
    k1 += 0xBB67AE85U;  // sqrt(3) - 1
  }
  return {{c0, c1, c2, c3}};
}

// Two words of one Philox block: any change of an input changes half of the output's bits.
VELBO_HD std::uint64_t hashed(std::uint64_t key, std::uint64_t low, std::uint64_t high) {
  const PhiloxWords words = philox(key, low, high);
  return (std::uint64_t{words.word[1]} << 32) | words.word[0];
}

// fold_in() of velbo/random.h.
VELBO_HD std::uint64_t folded_in(std::uint64_t key, std::uint64_t data) {
  return hashed(key, data, 0x76656c626f5f666f);  // "velbo_fo"
}

}  // namespace velbo::internal

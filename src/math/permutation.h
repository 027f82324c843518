// math/permutation.h - a random permutation of 0 .. n - 1 as a function: any element at any time, nothing stored, the same on
// every device.
//
// A Feistel network (Luby and Rackoff 1988) of eight rounds permutes a power of two that holds n; what comes to lie past n
// is walked on until it does not (Black and Rogaway 2002, "cycle walking"), less than once an element for n > 128.
#pragma once
#include <cstdint>

#include "math/philox.h"

namespace velbo::internal {

struct Permutation {
  static constexpr int kRounds = 8;
  std::uint64_t n = 1;
  int low_bits = 0, high_bits = 0;  // of an element's two halves, 31 at most
  std::uint32_t keys[kRounds] = {};
};

// 1 <= n <= 2^62
VELBO_HD Permutation make_permutation(std::uint64_t key, std::uint64_t n) {
  constexpr int kLeastBits = 8;  // a network of very few bits is far from random
  Permutation out;
  out.n = n;
  int bits = kLeastBits;
  while (bits < 62 && (n - 1) >> bits != 0) ++bits;
  out.high_bits = bits / 2;
  out.low_bits = bits - bits / 2;
  for (int group = 0; group < Permutation::kRounds / 4; ++group) {
    const PhiloxWords words = philox(key, static_cast<std::uint64_t>(group), 0);
    for (int k = 0; k < 4; ++k) out.keys[4 * group + k] = words.word[k];
  }
  return out;
}

// A mix of all bits: the finaliser of MurmurHash3 (Appleby 2011).
VELBO_HD std::uint32_t mixed(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x85EBCA6BU;
  x ^= x >> 13;
  x *= 0xC2B2AE35U;
  return x ^ (x >> 16);
}

// The network alone, of `count` elements given by their halves, in place.
template <int count>
VELBO_HD void permute_halves(const Permutation& p, std::uint32_t (&high)[count], std::uint32_t (&low)[count]) {
  const std::uint32_t high_mask = (1U << p.high_bits) - 1, low_mask = (1U << p.low_bits) - 1;
  for (int round = 0; round < Permutation::kRounds; round += 2) {
    const std::uint32_t first = p.keys[round], second = p.keys[round + 1];
    for (int i = 0; i < count; ++i) high[i] ^= mixed(low[i] ^ first) & high_mask;
    for (int i = 0; i < count; ++i) low[i] ^= mixed(high[i] ^ second) & low_mask;
  }
}

// Element `at` < n.
VELBO_HD std::uint64_t permuted(const Permutation& p, std::uint64_t at) {
  const std::uint32_t low_mask = (1U << p.low_bits) - 1;
  do {
    std::uint32_t high[1] = {static_cast<std::uint32_t>(at >> p.low_bits)};
    std::uint32_t low[1] = {static_cast<std::uint32_t>(at) & low_mask};
    permute_halves(p, high, low);
    at = (std::uint64_t{high[0]} << p.low_bits) | low[0];
  } while (at >= p.n);
  return at;
}

// The place of `element` < n: permuted(p, place_of(p, element)) == element.
VELBO_HD std::uint64_t place_of(const Permutation& p, std::uint64_t element) {
  const std::uint32_t high_mask = (1U << p.high_bits) - 1, low_mask = (1U << p.low_bits) - 1;
  do {
    std::uint32_t high = static_cast<std::uint32_t>(element >> p.low_bits);
    std::uint32_t low = static_cast<std::uint32_t>(element) & low_mask;
    for (int round = Permutation::kRounds; round > 0; round -= 2) {
      low ^= mixed(high ^ p.keys[round - 1]) & low_mask;
      high ^= mixed(low ^ p.keys[round - 2]) & high_mask;
    }
    element = (std::uint64_t{high} << p.low_bits) | low;
  } while (element >= p.n);
  return element;
}

}  // namespace velbo::internal

// data/uniform_below.h - whole numbers below a bound, all equally likely.
#pragma once
#include <cstdint>

#include "math/philox.h"
#include "velbo/random.h"

namespace velbo::internal {

// Lemire, "Fast random integer generation in an interval" (2019): the high half of word * bound, where the low half is not
// among the 2^64 mod bound that would favour some results.  word(attempt) gives 64 random bits; bound > 0.
template <class Word>
std::uint64_t uniform_below(std::uint64_t bound, const Word& word) {
  __extension__ using Wide = unsigned __int128;
  for (std::uint64_t attempt = 0;; ++attempt) {
    const Wide product = static_cast<Wide>(word(attempt)) * bound;
    const auto low = static_cast<std::uint64_t>(product);
    if (low >= bound || low >= (0 - bound) % bound) return static_cast<std::uint64_t>(product >> 64U);
  }
}

// The number of index `index` in the stream of `key`: a pure function.
inline std::uint64_t uniform_below(std::uint64_t bound, Key key, std::uint64_t index) {
  return uniform_below(bound, [&](std::uint64_t attempt) {
    const PhiloxWords words = philox(key.value, index, attempt);
    return (std::uint64_t{words.word[1]} << 32U) | words.word[0];
  });
}

}  // namespace velbo::internal

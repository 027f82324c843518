// math/block_permutation.h - 0 .. n - 1 with blocks of consecutive numbers in random order, as a function.
//
// Where the blocks begin is random too: every number is equally likely at every place, although the last block may be short,
// and other numbers share a block under every key.
#pragma once
#include <cstdint>

#include "math/permutation.h"

namespace velbo::internal {

// Blocks of `size` numbers around a circle from `first` on, of which the last may lack some; numbers within a block stay in order.
struct BlockPermutation {
  Permutation blocks;
  std::uint64_t size = 1;
  std::uint64_t n = 1, first = 0;
  std::uint64_t lacking = 0;  // numbers of the last block
  std::uint64_t after = 0;    // first place behind that block
};

// 1 <= n <= 2^62, 1 <= size
VELBO_HD BlockPermutation make_block_permutation(std::uint64_t key, std::uint64_t n, std::uint64_t size) {
  BlockPermutation out;
  const std::uint64_t n_blocks = (n - 1) / size + 1;
  out.blocks = make_permutation(key, n_blocks);
  out.size = size;
  out.n = n;
  if (size > 1) {
    const PhiloxWords words = philox(key, std::uint64_t{1} << 32, 0);  // none of the network's
    out.first = ((std::uint64_t{words.word[1]} << 32) | words.word[0]) % n;
  }
  out.lacking = n_blocks * size - n;
  out.after = out.lacking == 0 ? n : (place_of(out.blocks, n_blocks - 1) + 1) * size - out.lacking;
  return out;
}

// The place of number `at` would be this were the last block full: a multiple of `size` for each block's first.
VELBO_HD std::uint64_t padded_place(const BlockPermutation& p, std::uint64_t at) {
  return at < p.after ? at : at + p.lacking;
}

// Number at place `at` < n, counted from `first` on.
VELBO_HD std::uint64_t from_first(const BlockPermutation& p, std::uint64_t at) {
  const std::uint64_t place = padded_place(p, at), block = place / p.size;
  return permuted(p.blocks, block) * p.size + (place - block * p.size);
}

// Number at place `at` < n.
VELBO_HD std::uint64_t permuted(const BlockPermutation& p, std::uint64_t at) {
  const std::uint64_t number = p.first + from_first(p, at);
  return number < p.n ? number : number - p.n;
}

}  // namespace velbo::internal

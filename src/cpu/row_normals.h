// cpu/row_normals.h - blocks of four normals for many counters at once: math/normal.h in loops that vectorise.
// Included by the per-instruction-set source only.
#pragma once
#include "cpu/row_terms.h"
#include "math/normal.h"

namespace velbo::internal {
namespace {

constexpr int kNormalBlocks = 64;

// out[k][i] = normal k of block[i], for k < 4.
inline void normals_of_blocks(std::uint64_t key, std::uint32_t step, std::uint32_t draw, const std::uint64_t* block,
                              float (&out)[4][kNormalBlocks]) {
  std::uint32_t words[4][kNormalBlocks];
  VELBO_ROWS_INDEPENDENT
  for (int i = 0; i < kNormalBlocks; ++i) {
    const PhiloxWords w = words_at(key, step, draw, block[i]);
    words[0][i] = w.word[0];
    words[1][i] = w.word[1];
    words[2][i] = w.word[2];
    words[3][i] = w.word[3];
  }
  for (int pair = 0; pair < 4; pair += 2) {
    float* sines = out[pair];
    float* cosines = out[pair + 1];
    VELBO_ROWS_INDEPENDENT
    for (int i = 0; i < kNormalBlocks; ++i) {
      const float radius = square_root(minus_two_log_uniform(words[pair][i]));
      float sine = 0, cosine = 0;
      sine_cosine_turn(words[pair + 1][i], sine, cosine);
      sines[i] = times(radius, sine);
      cosines[i] = times(radius, cosine);
    }
  }
}

// Draws 4 group + k of rows begin .. begin + n into eps[k * tile + r]; 0 from there up to `used`.
template <class T>
void row_normals(const PredictorRule& rule, std::int64_t group, const std::int64_t* index, std::int64_t begin,
                 std::int64_t n, std::int64_t used, std::int64_t tile, T* eps) {
  for (std::int64_t first = 0; first < n; first += kNormalBlocks) {
    std::uint64_t block[kNormalBlocks];
    const std::int64_t count = n - first < kNormalBlocks ? n - first : kNormalBlocks;
    for (std::int64_t i = 0; i < kNormalBlocks; ++i) {
      const std::int64_t row = begin + first + (i < count ? i : 0);
      block[i] = static_cast<std::uint64_t>(index != nullptr ? index[row] : row);
    }
    float normal[4][kNormalBlocks];
    normals_of_blocks(rule.key.value, rule.step, static_cast<std::uint32_t>(group), block, normal);
    for (int k = 0; k < 4; ++k)
      for (std::int64_t i = 0; i < count; ++i) eps[k * tile + first + i] = static_cast<T>(normal[k][i]);
  }
  for (int k = 0; k < 4; ++k)
    for (std::int64_t r = n; r < used; ++r) eps[k * tile + r] = 0;
}

// Expectations of a walk's rows at predictors of mean m and variance s: closed forms and quadrature, or draws.
// noise: 5 tiles of scratch, for four normals and the sd of each row.
template <class Walk, class T>
void row_expectations(const Walk& walk, const PredictorRule& rule, T* noise) {
  const auto& a = walk.arrays;
  const RowTerms<T> terms{walk.used, a.y, a.trials, a.weights, a.m, a.s, a.value, a.rho, a.c};
  if (rule.n_draws == 0) {
    expected_terms(walk.rows.likelihood, terms);
    return;
  }
  drawn_terms(walk.rows.likelihood, terms, walk.tile, rule.n_draws, noise + 4 * walk.tile, noise,
              [&](std::int64_t group, T* eps) {
                row_normals(rule, group, walk.rows.index, walk.begin, walk.n, walk.used, walk.tile, eps);
              });
}

inline void normals(std::uint64_t key, std::uint32_t step, std::uint32_t draw, std::uint64_t first_block,
                    std::int64_t n_blocks, float* out) {
  for (std::int64_t first = 0; first < n_blocks; first += kNormalBlocks) {
    std::uint64_t block[kNormalBlocks];
    for (int i = 0; i < kNormalBlocks; ++i)
      block[i] = first_block + static_cast<std::uint64_t>(first) + static_cast<std::uint64_t>(i);
    float normal[4][kNormalBlocks];
    normals_of_blocks(key, step, draw, block, normal);
    const std::int64_t count = n_blocks - first < kNormalBlocks ? n_blocks - first : kNormalBlocks;
    for (std::int64_t i = 0; i < count; ++i)
      for (int k = 0; k < 4; ++k) out[4 * (first + i) + k] = normal[k][i];
  }
}

}  // namespace
}  // namespace velbo::internal

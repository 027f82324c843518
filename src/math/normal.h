// math/normal.h - standard normals with the same bits on every processor, compiler flag and device.
//
// Box-Muller on 32-bit words.  Logarithm, sine and cosine are polynomials (degrees and coefficients of Moshier's Cephes
// logf, sinf and cosf) evaluated by fused multiply-add, multiplication and square root only: operations that IEEE 754
// rounds in one way.  No product feeds a sum outside an explicit fma, so contraction flags cannot change a bit.
// Largest absolute error against exact arithmetic on the same uniforms (the words, rounded to float): 6.7e-7.  The smallest uniform is 2^-33, so
// |normal| <= 6.77.
#pragma once
#include <cstdint>

#include "math/philox.h"
#include "velbo/math/hd.h"

namespace velbo::internal {

VELBO_HD float fused(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#else
  return __builtin_fmaf(a, b, c);
#endif
}

VELBO_HD float times(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

VELBO_HD float square_root(float a) {
#if defined(__CUDA_ARCH__)
  return __fsqrt_rn(a);
#else
  return __builtin_sqrtf(a);
#endif
}

VELBO_HD float float_of_bits(std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  float value = 0;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
#endif
}

VELBO_HD std::uint32_t bits_of_float(float value) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(value);
#else
  std::uint32_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
#endif
}

// -2 ln((word + 1/2) / 2^32).
VELBO_HD float minus_two_log_uniform(std::uint32_t word) {
  const float uniform = fused(static_cast<float>(word), 0x1p-32F, 0x1p-33F);  // in (0, 1]
  const std::uint32_t bits = bits_of_float(uniform);
  const std::int32_t exponent =
      static_cast<std::int32_t>(bits - 0x3f3504f3U) >> 23;  // mantissa in [sqrt(1/2), sqrt(2))
  const float r = fused(float_of_bits(bits - (static_cast<std::uint32_t>(exponent) << 23)), 1.0F, -1.0F);
  const float e = static_cast<float>(exponent);
  const float r2 = times(r, r);
  float p = 7.0376836292e-2F;
  p = fused(p, r, -1.1514610310e-1F);
  p = fused(p, r, 1.1676998740e-1F);
  p = fused(p, r, -1.2420140846e-1F);
  p = fused(p, r, 1.4249322787e-1F);
  p = fused(p, r, -1.6668057665e-1F);
  p = fused(p, r, 2.0000714765e-1F);
  p = fused(p, r, -2.4999993993e-1F);
  p = fused(p, r, 3.3333331174e-1F);
  float y = times(times(p, r2), r);  // ln(1 + r) = r - r^2 / 2 + r^3 p(r)
  y = fused(e, -2.12194440e-4F, y);  // ln 2 in two parts: 0.693359375 - 2.12194440e-4
  y = fused(r2, -0.5F, y);
  y = fused(1.0F, r, y);
  y = fused(e, 0.693359375F, y);
  return times(y, -2.0F);
}

// Sine and cosine of 2 pi (word + 1/2) / 2^32.  The quadrant is found in integers, so no range reduction is rounded.
VELBO_HD void sine_cosine_turn(std::uint32_t word, float& sine, float& cosine) {
  const std::uint32_t quadrant = (word + 0x20000000U) >> 30;
  const std::int32_t within = static_cast<std::int32_t>(word - (quadrant << 30));                    // [-2^29, 2^29)
  const float angle = times(fused(static_cast<float>(within), 1.0F, 0.5F), 1.4629180792671596e-9F);  // 2 pi / 2^32
  const float z = times(angle, angle);
  float ps = fused(-1.9515295891e-4F, z, 8.3321608736e-3F);
  ps = fused(ps, z, -1.6666654611e-1F);
  const float s = fused(times(ps, z), angle, angle);
  float pc = fused(2.443315711809948e-5F, z, -1.388731625493765e-3F);
  pc = fused(pc, z, 4.166664568298827e-2F);
  const float c = fused(times(pc, z), z, fused(z, -0.5F, 1.0F));
  const bool odd = (quadrant & 1U) != 0;
  sine = float_of_bits(bits_of_float(odd ? c : s) ^ ((quadrant & 2U) << 30));
  cosine = float_of_bits(bits_of_float(odd ? s : c) ^ (((quadrant + 1U) & 2U) << 30));
}

// Four standard normals from four words.
VELBO_HD void four_normals(const PhiloxWords& words, float (&out)[4]) {
  for (int pair = 0; pair < 2; ++pair) {
    const float radius = square_root(minus_two_log_uniform(words.word[2 * pair]));
    float sine = 0, cosine = 0;
    sine_cosine_turn(words.word[2 * pair + 1], sine, cosine);
    out[2 * pair] = times(radius, sine);
    out[2 * pair + 1] = times(radius, cosine);
  }
}

// The counter of block b (elements 4b .. 4b+3) of a step and a draw; see random.h.
VELBO_HD PhiloxWords words_at(std::uint64_t key, std::uint32_t step, std::uint32_t draw, std::uint64_t block) {
  return philox(key, block, (std::uint64_t{draw} << 32) | step);
}

}  // namespace velbo::internal

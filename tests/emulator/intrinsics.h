// emulator/intrinsics.h - CUDA's device functions, as far as kernels/ needs them, and the asynchronous copies of simt.cuh.
#pragma once
#include <math.h>  // device code uses C's names: expf, fmaf

#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "emulator/machine.h"

namespace velbo::simt {

template <class T>
concept Number = std::is_arithmetic_v<T>;

// What shuffles take in CUDA without a conversion.
template <class T>
concept Shuffled = (sizeof(T) == 4 || sizeof(T) == 8) && Number<T>;

template <Shuffled T>
T shuffle(unsigned mask, T value, unsigned source, const Site& site) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  const std::uint64_t* const given = warp_exchange(mask, bits, site);
  if ((mask >> source & 1U) == 0) fail(site, "reads lane " + std::to_string(source) + ", which is not in the mask");
  std::memcpy(&value, &given[source], sizeof value);
  return value;
}

template <int kBytes>
void copy_async(void* shared, const void* global, bool valid = true, Place at = Place::here()) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16, "what cp.async can copy");
  begin_copy(shared, global, kBytes, valid, {"copy_async", at});
}
inline void commit_copies() { end_copy_group(); }
template <int kPending>
void wait_copies() {
  finish_copies(kPending);
}

// Graphs are not emulated: a loop is its launches, one after another.
struct GraphCondition {};
inline void continue_while(const GraphCondition&, bool) {}

}  // namespace velbo::simt

// NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier): CUDA's names

inline const uint3& threadIdx = velbo::simt::current_thread;
inline const uint3& blockIdx = velbo::simt::current_block;
inline const dim3& blockDim = velbo::simt::current_block_size;
inline const dim3& gridDim = velbo::simt::current_grid_size;
inline constexpr int warpSize = velbo::simt::kWarpSize;

inline void __syncthreads(velbo::simt::Place at = velbo::simt::Place::here()) {
  velbo::simt::block_barrier({"__syncthreads", at});
}
inline void __syncwarp(unsigned mask = ~0U, velbo::simt::Place at = velbo::simt::Place::here()) {
  velbo::simt::warp_exchange(mask, 0, {"__syncwarp", at});
}

// Lanes are shuffled within groups of `width`, a power of two; a source outside the group is the lane itself.
template <velbo::simt::Shuffled T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              velbo::simt::Place at = velbo::simt::Place::here()) {
  const unsigned lane = velbo::simt::current_lane(), within = static_cast<unsigned>(width) - 1U;
  return velbo::simt::shuffle(mask, value, (lane & ~within) | (static_cast<unsigned>(source) & within),
                              {"__shfl_sync", at});
}
template <velbo::simt::Shuffled T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize,
                  velbo::simt::Place at = velbo::simt::Place::here()) {
  const unsigned lane = velbo::simt::current_lane(), within = static_cast<unsigned>(width) - 1U;
  const unsigned source = lane ^ static_cast<unsigned>(lanes);
  // Later groups cannot be read, earlier ones can.
  return velbo::simt::shuffle(mask, value, source <= (lane | within) ? source : lane, {"__shfl_xor_sync", at});
}
template <velbo::simt::Shuffled T>
T __shfl_down_sync(unsigned mask, T value, unsigned lanes, int width = warpSize,
                   velbo::simt::Place at = velbo::simt::Place::here()) {
  const unsigned lane = velbo::simt::current_lane(), within = static_cast<unsigned>(width) - 1U;
  const unsigned source = lane + lanes;
  return velbo::simt::shuffle(mask, value, source <= (lane | within) ? source : lane, {"__shfl_down_sync", at});
}
inline unsigned __ballot_sync(unsigned mask, int predicate, velbo::simt::Place at = velbo::simt::Place::here()) {
  const std::uint64_t* const given = velbo::simt::warp_exchange(mask, predicate != 0 ? 1 : 0, {"__ballot_sync", at});
  unsigned ballot = 0;
  for (unsigned lane = 0; lane < velbo::simt::kWarpSize; ++lane) {
    if ((mask >> lane & 1U) != 0 && given[lane] != 0) ballot |= 1U << lane;
  }
  return ballot;
}

// One thread runs at a time, so this is atomic as it stands.
template <velbo::simt::Number T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  const T before = *address;
  *address = before + value;
  return before;
}
inline void __threadfence() {}

template <class T>
T __ldg(const T* address) {
  return *address;
}

inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((std::uint64_t{a} * b) >> 32); }

// Of integers only: of floating-point numbers, CUDA's fminf() and fmaxf() say what becomes of NaN.
template <std::integral T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <std::integral T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}

// NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier)

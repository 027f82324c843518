// Small kernels, right with kFault = Fault::none and wrong in one way each otherwise: what the emulator has to notice.
#pragma once
#include "simt.cuh"

namespace velbo::simt {

enum class Fault {
  none,
  no_barrier_before_reading,
  no_barrier_before_overwriting,
  no_warp_barrier,
  no_wait,
  waits_for_too_few,
  never_written,
  reads_beyond_shared,
  reads_beyond_global,
  writes_beyond_global,
};

constexpr unsigned kTileThreads = 64;

// out[t] = sum over tiles of in[tile][63 - t], each tile through the same shared memory.
template <Fault kFault>
__global__ void sum_reversed(const float* in, int n_tiles, float* out) {
  VELBO_SHARED_MEMORY(raw);
  float* const tile = reinterpret_cast<float*>(raw);
  const unsigned t = threadIdx.x;
  const unsigned other = kTileThreads - 1 - t + (kFault == Fault::reads_beyond_shared ? 1 : 0);
  float sum = 0;
  for (int i = 0; i < n_tiles; ++i) {
    const unsigned beyond = kFault == Fault::reads_beyond_global && i + 1 == n_tiles ? 1 : 0;
    if (kFault != Fault::never_written || t != 5) tile[t] = in[static_cast<unsigned>(i) * kTileThreads + t + beyond];
    if (kFault != Fault::no_barrier_before_reading) __syncthreads();
    sum += tile[other];
    if (kFault != Fault::no_barrier_before_overwriting) __syncthreads();
  }
  out[t + (kFault == Fault::writes_beyond_global ? 1 : 0)] = sum;
}

// The same with two tiles in flight; n_tiles > 1.
template <Fault kFault>
__global__ void sum_reversed_async(const float* in, int n_tiles, float* out) {
  VELBO_SHARED_MEMORY(raw);
  float* const tiles = reinterpret_cast<float*>(raw);  // [2, threads]
  const unsigned t = threadIdx.x;
  const auto fetch = [&](int i) {
    const bool valid = i < n_tiles;
    const unsigned from = valid ? static_cast<unsigned>(i) * kTileThreads + t : 0;
    copy_async<4>(tiles + static_cast<unsigned>(i % 2) * kTileThreads + t, in + from, valid);
    commit_copies();
  };
  float sum = 0;
  fetch(0);
  for (int i = 0; i < n_tiles; ++i) {
    fetch(i + 1);
    if (kFault == Fault::waits_for_too_few) {
      wait_copies<2>();
    } else if (kFault != Fault::no_wait) {
      wait_copies<1>();
    }
    __syncthreads();
    sum += tiles[static_cast<unsigned>(i % 2) * kTileThreads + kTileThreads - 1 - t];
    if (kFault != Fault::no_barrier_before_overwriting) __syncthreads();
  }
  wait_copies<0>();
  out[t] = sum;
}

// out[t] = 31 - t, through shared memory, within one warp.
template <Fault kFault>
__global__ void reverse_warp(int* out) {
  VELBO_SHARED_MEMORY(raw);
  int* const lanes = reinterpret_cast<int*>(raw);
  lanes[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (kFault != Fault::no_warp_barrier) __syncwarp();
  out[threadIdx.x] = lanes[31 - threadIdx.x];
}

// What the sum is depends on who comes first.
__global__ inline void sum_by_atomics(const float* in, float* out) { atomicAdd(out, in[threadIdx.x]); }

// Barriers that not all threads reach.
__global__ inline void barrier_in_branches() {
  if (threadIdx.x < 32) __syncthreads();
  if (threadIdx.x >= 32) __syncthreads();
}
__global__ inline void barrier_after_exit() {
  if (threadIdx.x == 3) return;
  __syncthreads();
}

// Shuffles that go wrong.
__global__ inline void shuffle_without_itself() { __shfl_sync(0xffffU, 1.0F, 0); }
__global__ inline void shuffle_outside_mask() {
  if (threadIdx.x < 16) __shfl_sync(0xffffU, 1.0F, 20);
}
__global__ inline void shuffle_with_ended_lane() {
  if (threadIdx.x != 7) __shfl_xor_sync(~0U, 1.0F, 1);
}
__global__ inline void shuffle_in_branches() {
  if (threadIdx.x % 2 == 0) __shfl_xor_sync(~0U, 1.0F, 1);
  if (threadIdx.x % 2 != 0) __shfl_xor_sync(~0U, 1.0F, 1);
}
__global__ inline void shuffle_beside_barrier() {
  if (threadIdx.x < 8) __shfl_xor_sync(~0U, 1.0F, 1);
  __syncthreads();
}
__global__ inline void shuffle_in_short_warp() { __shfl_xor_sync(~0U, 1.0F, 1); }

// Each lane waits for the next one.
__global__ inline void masks_that_disagree() {
  if (threadIdx.x < 3) __syncwarp(threadIdx.x == 0 ? 0b011U : threadIdx.x == 1 ? 0b110U : 0b101U);
}

// Copies that the hardware would refuse or send astray.
__global__ inline void copy_to(const unsigned char* from, unsigned misalignment) {
  VELBO_SHARED_MEMORY(raw);
  copy_async<16>(raw + misalignment, from);
}
__global__ inline void copy_to_global(const unsigned char* from, unsigned char* to) { copy_async<16>(to, from); }

}  // namespace velbo::simt

// simt.cuh - what every file of kernels/ includes in place of the CUDA headers.
//
// Compiled by nvcc it is a thin layer over the CUDA runtime.  With VELBO_SIMT_EMULATOR defined, which tests only do, the
// same names are the emulator's (tests/emulator), and a kernel and its launcher compile unchanged as ordinary C++.
//
// For that to work, a file of kernels/
//   - takes its dynamic shared memory by VELBO_SHARED_MEMORY and has no static __shared__ arrays: the emulator gives
//     every block memory of exactly the size that was asked for, filled with NaN;
//   - launches by VELBO_LAUNCH; a kernel with commas in its template arguments stands in parentheses;
//   - copies asynchronously and ends a graph's loop by the functions below, and holds no assembly of its own;
//   - uses no CUB, cooperative groups, textures or anything else that tests/emulator/intrinsics.h and runtime.h lack.
#pragma once

#if defined(VELBO_SIMT_EMULATOR)
#include "emulator/intrinsics.h"
#include "emulator/launch.h"
#include "emulator/runtime.h"
#else
#include <cuda_runtime.h>

// The block's dynamic shared memory, `unsigned char name[]`, aligned to 16 bytes.
#define VELBO_SHARED_MEMORY(name) extern __shared__ __align__(16) unsigned char name[]

// kernel<<<grid, block, shared_bytes, stream>>>(arguments...)
#define VELBO_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  kernel<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)

namespace velbo::simt {

// Copies 4, 8 or 16 bytes, aligned to as many, from global to shared memory, or writes zeros there where `valid` is
// false; then nothing is read at `global`.  The bytes are there, for the calling thread, after a wait_copies() that
// covers the copy's group, and for the block after the barrier that follows.  Before compute capability 8.0, which has
// no such instruction, they are there at once.
template <int kBytes>
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool valid = true) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16, "what cp.async can copy");
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  const unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  const int read = valid ? kBytes : 0;  // the rest is filled with zeros
  if constexpr (kBytes == 16) {         // past the first-level cache, which only this size can do
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(global), "r"(read) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;\n" ::"r"(to), "l"(global), "n"(kBytes), "r"(read)
                 : "memory");
  }
#else
  if constexpr (kBytes == 16) {
    *static_cast<uint4*>(shared) = valid ? *static_cast<const uint4*>(global) : make_uint4(0, 0, 0, 0);
  } else if constexpr (kBytes == 8) {
    *static_cast<uint2*>(shared) = valid ? *static_cast<const uint2*>(global) : make_uint2(0, 0);
  } else {
    *static_cast<unsigned*>(shared) = valid ? *static_cast<const unsigned*>(global) : 0U;
  }
#endif
}

// Ends a group of copies: those of this thread since the last call.
__device__ __forceinline__ void commit_copies() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;\n" ::: "memory");
#endif
}

// Waits until at most the last kPending groups of this thread are unfinished.
template <int kPending>
__device__ __forceinline__ void wait_copies() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kPending) : "memory");
#endif
}

// What the loop of a graph's WHILE node goes by; without a handle, as everywhere else, nothing does.
struct GraphCondition {
  cudaGraphConditionalHandle handle = 0;
  bool used = false;
};
__device__ __forceinline__ void continue_while(const GraphCondition& condition, bool more) {
  if (condition.used) cudaGraphSetConditional(condition.handle, more ? 1U : 0U);
}

}  // namespace velbo::simt
#endif

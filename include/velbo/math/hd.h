// hd.h - marks the scalar formulas that both host loops and device kernels inline.
#pragma once

// VELBO_HD functions are templates or small inline functions without allocation, exceptions or global state.
#if defined(__CUDACC__)
#define VELBO_HD __host__ __device__ __forceinline__
#else
#define VELBO_HD inline __attribute__((always_inline))
#endif

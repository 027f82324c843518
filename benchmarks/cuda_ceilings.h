// What a CUDA device can do at best, measured in the run that quotes it.
#pragma once

namespace velbo::internal {

struct CudaCeilings {
  double copy_bytes = 0;  // a second: bytes read plus bytes written by a large copy in device memory
  double fma_flops = 0;   // a second: single-precision a b + c in registers, on all multiprocessors
};

// Of the device `index`; measured once.  All zeros where that fails.
const CudaCeilings& cuda_ceilings(int index);

// Overwrites more memory than the device's caches hold.
void flush_cuda_cache(int index);

}  // namespace velbo::internal

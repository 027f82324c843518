// What a CUDA device can do at best, measured in the run that quotes it.
#pragma once

namespace velbo::internal {

struct CudaCeilings {
  double copy_bytes = 0;  // a second: bytes read plus bytes written by a large copy in device memory
  double fma_flops = 0;   // a second: single-precision a b + c in registers, on all multiprocessors
};

// Of the device `index`; measured once.  All zeros where that fails.
const CudaCeilings& cuda_ceilings(int index);

// Time on the calling thread's stream of a device, where the library's operations run, by events.
class CudaTimer {
 public:
  explicit CudaTimer(int index);
  CudaTimer(const CudaTimer&) = delete;
  CudaTimer& operator=(const CudaTimer&) = delete;
  ~CudaTimer();
  void start();
  double stop();  // seconds; waits for the device

 private:
  void *begin_ = nullptr, *end_ = nullptr;
};

// Overwrites more memory than the device's caches hold.
void flush_cuda_cache(int index);

}  // namespace velbo::internal

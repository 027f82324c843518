// The same source as ordinary C++: emulated/cuda_runtime.h takes the place of CUDA's.
#include "models.cu"
#include "row_models.cu"

extern "C" __attribute__((visibility("default"))) void velbo_test_fail_next_launch(int error);
extern "C" void velbo_test_fail_next_launch(int error) { velbo::simt::next_launch = static_cast<cudaError_t>(error); }

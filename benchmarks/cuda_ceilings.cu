#include "cuda_ceilings.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>

namespace velbo::internal {
namespace {

constexpr int kThreads = 256, kChains = 8, kSteps = 4096;
constexpr std::size_t kCopied = std::size_t{1} << 30;
constexpr std::size_t kFlushed = std::size_t{1} << 28;

__global__ void multiply_add(float a, float b, float* out) {
  float chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = static_cast<float>(threadIdx.x + i);
  for (int step = 0; step < kSteps; ++step) {
#pragma unroll
    for (int i = 0; i < kChains; ++i) chain[i] = fmaf(chain[i], a, b);
  }
  float sum = 0;
  for (int i = 0; i < kChains; ++i) sum += chain[i];
  if (sum == 0.125F) out[0] = sum;  // never, but the compiler does not know
}

// Milliseconds of the best of some runs.
template <class Run>
float best_of(const Run& run) {
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  float best = 0;
  for (int repeat = 0; repeat < 10; ++repeat) {
    cudaEventRecord(begin);
    run();
    cudaEventRecord(end);
    if (cudaEventSynchronize(end) != cudaSuccess) return 0;
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, begin, end);
    if (repeat > 0) best = best > 0 ? std::min(best, milliseconds) : milliseconds;  // the first warms up
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return best;
}

CudaCeilings measure(int index) {
  CudaCeilings out;
  cudaDeviceProp properties{};
  if (cudaSetDevice(index) != cudaSuccess || cudaGetDeviceProperties(&properties, index) != cudaSuccess) return out;
  char *from = nullptr, *to = nullptr;
  if (cudaMalloc(&from, kCopied) == cudaSuccess && cudaMalloc(&to, kCopied) == cudaSuccess) {
    const float milliseconds = best_of([&] { cudaMemcpyAsync(to, from, kCopied, cudaMemcpyDeviceToDevice); });
    if (milliseconds > 0) out.copy_bytes = 2e3 * static_cast<double>(kCopied) / static_cast<double>(milliseconds);
  }
  if (to != nullptr) {
    const int blocks = properties.multiProcessorCount * 8;
    const float milliseconds =
        best_of([&] { multiply_add<<<blocks, kThreads>>>(0.5F, 0.25F, reinterpret_cast<float*>(to)); });
    if (milliseconds > 0)
      out.fma_flops =
          2e3 * kChains * kSteps * static_cast<double>(kThreads) * blocks / static_cast<double>(milliseconds);
  }
  cudaFree(from);
  cudaFree(to);
  return out;
}

}  // namespace

const CudaCeilings& cuda_ceilings(int index) {
  static const CudaCeilings ceilings = measure(index);
  return ceilings;
}

CudaTimer::CudaTimer(int index) {
  cudaSetDevice(index);
  cudaEvent_t begin = nullptr, end = nullptr;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  begin_ = begin;
  end_ = end;
}
CudaTimer::~CudaTimer() {
  cudaEventDestroy(static_cast<cudaEvent_t>(begin_));
  cudaEventDestroy(static_cast<cudaEvent_t>(end_));
}
void CudaTimer::start() { cudaEventRecord(static_cast<cudaEvent_t>(begin_), cudaStreamPerThread); }
double CudaTimer::stop() {
  float milliseconds = 0;
  cudaEventRecord(static_cast<cudaEvent_t>(end_), cudaStreamPerThread);
  cudaEventSynchronize(static_cast<cudaEvent_t>(end_));
  cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(begin_), static_cast<cudaEvent_t>(end_));
  return 1e-3 * static_cast<double>(milliseconds);
}

void flush_cuda_cache(int index) {
  static void* memory = nullptr;
  cudaSetDevice(index);
  if (memory == nullptr && cudaMalloc(&memory, kFlushed) != cudaSuccess) return;
  static int byte = 0;
  cudaMemset(memory, ++byte, kFlushed);
  cudaDeviceSynchronize();
}

}  // namespace velbo::internal

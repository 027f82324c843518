// A model's enqueue() from a CUDA graph: what velbo/device_model.h promises can be done with it.
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "models.h"

namespace {

struct Memory {
  void* data = nullptr;
  cudaError_t error;
  explicit Memory(std::int64_t bytes) : error(cudaMalloc(&data, static_cast<std::size_t>(bytes))) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { (void)cudaFree(data); }
};

// Instantiates and runs what was captured once the draws are in place.
cudaError_t run(cudaGraph_t graph, cudaStream_t stream, const void* z, void* draws, std::size_t bytes) {
  cudaGraphExec_t executable = nullptr;
  cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  if (error == cudaSuccess) error = cudaMemcpy(draws, z, bytes, cudaMemcpyHostToDevice);
  if (error == cudaSuccess) error = cudaGraphLaunch(executable, stream);
  if (error == cudaSuccess) error = cudaStreamSynchronize(stream);
  if (executable != nullptr) (void)cudaGraphExecDestroy(executable);
  return error;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int velbo_test_replay(const VelboDeviceModel* model,
                                                                        std::int64_t n_draws, const double* z,
                                                                        double* logp, double* grad);
extern "C" int velbo_test_replay(const VelboDeviceModel* model, std::int64_t n_draws, const double* z, double* logp,
                                 double* grad) {
  const std::int64_t value_bytes = n_draws * static_cast<std::int64_t>(sizeof(double));
  const std::int64_t bytes = value_bytes * model->dimension;
  const std::int64_t workspace_bytes =
      model->workspace_bytes != nullptr ? model->workspace_bytes(model->user, n_draws) : 0;
  const Memory draws(bytes), values(value_bytes), slopes(bytes), workspace(workspace_bytes);
  for (const Memory* each : {&draws, &values, &slopes, &workspace})
    if (each->error != cudaSuccess) return each->error;
  cudaError_t error = cudaMemset(draws.data, 0, static_cast<std::size_t>(bytes));
  cudaStream_t stream = nullptr;
  if (error == cudaSuccess) error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  if (error == cudaSuccess) error = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  if (error != cudaSuccess) return error;

  const int status = model->enqueue(model->user, stream, n_draws, draws.data, values.data, slopes.data, workspace.data);
  cudaGraph_t graph = nullptr;
  error = cudaStreamEndCapture(stream, &graph);
  if (error == cudaSuccess && status == 0) error = run(graph, stream, z, draws.data, static_cast<std::size_t>(bytes));
  if (graph != nullptr) (void)cudaGraphDestroy(graph);
  (void)cudaStreamDestroy(stream);
  if (status != 0) return status;
  if (error == cudaSuccess)
    error = cudaMemcpy(logp, values.data, static_cast<std::size_t>(value_bytes), cudaMemcpyDeviceToHost);
  if (error == cudaSuccess)
    error = cudaMemcpy(grad, slopes.data, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost);
  return error;
}

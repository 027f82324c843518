// backend/cuda_steps.h - gradient steps that a CUDA device makes on its own (backend/device_steps.h), by the plugin.
#pragma once
#include <memory>

#include "backend/device_steps.h"
#include "velbo/context.h"

namespace velbo::internal {

// Used and destroyed by the thread that opened it.
template <class T>
class CudaSteps {
 public:
  // Null where the steps are left to the host.  Throws Error(memory) or Error(device), as all here do.
  static std::unique_ptr<CudaSteps> open(const Context& context, const StepModel<T>& model,
                                         const StepSettings& settings);
  CudaSteps(const CudaSteps&) = delete;
  CudaSteps& operator=(const CudaSteps&) = delete;
  ~CudaSteps();

  void begin_round(const StepRound& round);
  void run(std::int64_t n, StepVariables& variables);

 private:
  explicit CudaSteps(void* steps) : steps_(steps) {}
  void* steps_;
};

}  // namespace velbo::internal

// backend/cuda_steps.cpp
#include "backend/cuda_steps.h"

#include "backend/cuda_ops.h"

namespace velbo::internal {

template <class T>
std::unique_ptr<CudaSteps<T>> CudaSteps<T>::open(const Context& context, const StepModel<T>& model,
                                                 const StepSettings& settings) {
  void* steps = nullptr;
  const int status = cuda_device_ops<T>().steps.open(context.device().index, &model, &settings, &steps);
  if (status == kStepsLeftToHost) return nullptr;
  require_cuda(status);
  return std::unique_ptr<CudaSteps>(new CudaSteps(steps));
}

template <class T>
CudaSteps<T>::~CudaSteps() {
  cuda_device_ops<T>().steps.close(steps_);
}

template <class T>
void CudaSteps<T>::begin_round(const StepRound& round) {
  require_cuda(cuda_device_ops<T>().steps.begin_round(steps_, &round));
}

template <class T>
void CudaSteps<T>::run(std::int64_t n, StepVariables& variables) {
  require_cuda(cuda_device_ops<T>().steps.run(steps_, n, &variables));
}

template class CudaSteps<float>;
template class CudaSteps<double>;

}  // namespace velbo::internal

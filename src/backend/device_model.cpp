// backend/device_model.cpp
#include "backend/device_model.h"

#include <string>

#include "backend/cuda_loader.h"
#include "velbo/error.h"

namespace velbo::internal {

void evaluate_model(const Context& context, const VelboDeviceModel& model, std::int64_t n_draws, const double* z,
                    double* logp, double* grad) {
  if (context.device().kind != DeviceKind::cuda)
    throw Error(ErrorCode::argument,
                "device model: the device is \"" + to_string(context.device()) + "\", expected a CUDA device");
  const VelboCudaPlugin& plugin = *cuda_plugin().table;  // or there were no such context
  const int status = plugin.evaluate_model(context.device().index, &model, n_draws, z, logp, grad);
  if (status == 0) return;
  const ErrorCode code = status == VELBO_CUDA_MODEL_REFUSED   ? ErrorCode::argument
                         : status == VELBO_CUDA_OUT_OF_MEMORY ? ErrorCode::memory
                                                              : ErrorCode::device;
  throw Error(code, std::string("cuda: ") + plugin.last_reason());
}

}  // namespace velbo::internal

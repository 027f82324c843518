// backend/device_model.h - evaluates a model that was compiled elsewhere (velbo/device_model.h) on a context's device.
#pragma once
#include <cstdint>

#include "velbo/context.h"
#include "velbo/device_model.h"

namespace velbo::internal {

// logp [S] and, unless it is null, grad [S, D] at draws z [S, D], S = n_draws, row-major, all in host memory; on the device
// in the model's own type.  Blocks until the results are there.  The same bits for the same z, as far as the model keeps that.
//
// Throws Error(argument) if the context's device is the CPU or the struct cannot be used, Error(memory) where the device's
// memory runs out, and Error(device) with the model's own reason if it fails, or with the device's.
void evaluate_model(const Context& context, const VelboDeviceModel& model, std::int64_t n_draws, const double* z,
                    double* logp, double* grad);

}  // namespace velbo::internal

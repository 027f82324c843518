/* A device model in C: velbo/device_model.h asks for neither C++ nor CUDA. */
#include <velbo/device_model.h>

static int enqueue(void* user, void* stream, int64_t n_draws, const void* z, void* logp, void* grad, void* workspace) {
  (void)user, (void)stream, (void)n_draws, (void)z, (void)logp, (void)grad, (void)workspace;
  return 1;
}

static const char* reason(void* user, int status) {
  (void)user;
  return status == 1 ? "this model is a test" : 0;
}

VelboDeviceModel make_model(void);
VelboDeviceModel make_model(void) {
  VelboDeviceModel model = {
      VELBO_DEVICE_MODEL_ABI, sizeof(VelboDeviceModel), VELBO_SCALAR_DOUBLE, 2, 0, 0, enqueue, reason,
  };
  return model;
}

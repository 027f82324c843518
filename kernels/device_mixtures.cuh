// device_mixtures.cuh - the table of backend/device_mixtures.h.  What Runtime is: reported.cuh.
#pragma once
#include <cstdint>
#include <memory>

#include "backend/device_mixtures.h"
#include "mixture_passes.cuh"
#include "reported.cuh"

namespace velbo::kernels {

template <class T>
struct OpenMixturePass {
  int device;
  MixturePass<T> pass;
};

template <class T, class Runtime>
constexpr internal::DeviceMixtures<T> device_mixtures{
    .open =
        [](int device, std::int64_t n_columns, const MixtureParameters* parameters, bool wants_sums, void** pass) {
          *pass = nullptr;
          return reported<Runtime>(device, [&](const Launch& launch) {
            *pass = std::make_unique<OpenMixturePass<T>>(
                        OpenMixturePass<T>{device, MixturePass<T>(launch, n_columns, *parameters, wants_sums)})
                        .release();
          });
        },
    .run =
        [](void* pass, const Rows<T>* rows, const MixtureLocals* locals) {
          auto* const open = static_cast<OpenMixturePass<T>*>(pass);
          return reported<Runtime>(open->device, [&](const Launch& launch) { open->pass.run(launch, *rows, *locals); });
        },
    .totals =
        [](void* pass, const MixtureSums* sums, double* value) {
          auto* const open = static_cast<OpenMixturePass<T>*>(pass);
          return reported<Runtime>(open->device, [&](const Launch&) {
            open->pass.add_sums(*sums);
            *value = open->pass.value();
          });
        },
    .close =
        [](void* pass) {
          auto* const open = static_cast<OpenMixturePass<T>*>(pass);
          if (open != nullptr) reported<Runtime>(open->device, [&](const Launch&) { delete open; });
        },
};

// Those of the plugin, in a file of their own so that they compile beside the others.
extern const internal::DeviceMixtures<float> mixtures_float;
extern const internal::DeviceMixtures<double> mixtures_double;

}  // namespace velbo::kernels

// device_sequences.cuh - the table of backend/device_sequences.h.  What Runtime is: reported.cuh.
#pragma once
#include "backend/device_sequences.h"
#include "reported.cuh"
#include "sequence_passes.cuh"

namespace velbo::kernels {

template <class T, class Runtime>
constexpr internal::DeviceSequences<T> device_sequences{
    .local_step =
        [](int device, const SequenceBatch<T>* batch, const SequenceParameters* parameters, const SequenceSums* sums,
           double* log_total) {
          return reported<Runtime>(
              device, [&](const Launch& launch) { *log_total = sequence_step(launch, *batch, *parameters, *sums); });
        },
};

// Those of the plugin, in a file of their own so that they compile beside the others.
extern const internal::DeviceSequences<float> sequences_float;
extern const internal::DeviceSequences<double> sequences_double;

}  // namespace velbo::kernels

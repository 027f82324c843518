// backend/device_sequences.h - the local step of hidden Markov models (backend/sequence_ops.h) as the CUDA plugin gives it.
//
// Returns 0 or what VelboCudaPlugin says of errors, and blocks until its results are there.
#pragma once
#include "backend/sequence_ops.h"

namespace velbo::internal {

template <class T>
struct DeviceSequences {
  int (*local_step)(int device, const SequenceBatch<T>* batch, const SequenceParameters* parameters,
                    const SequenceSums* sums, double* log_total);
};

}  // namespace velbo::internal

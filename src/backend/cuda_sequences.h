// backend/cuda_sequences.h - the local step of hidden Markov models on CUDA devices, by the plugin.
#pragma once
#include "backend/sequence_ops.h"

namespace velbo::internal {

// Throws Error(memory) with the bytes needed and free where device memory runs out, else Error(device).
template <class T>
const SequenceOps<T>& cuda_sequence_ops();
extern template const SequenceOps<float>& cuda_sequence_ops<float>();
extern template const SequenceOps<double>& cuda_sequence_ops<double>();

}  // namespace velbo::internal

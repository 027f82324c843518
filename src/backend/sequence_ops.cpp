// backend/sequence_ops.cpp - picks the local step of hidden Markov models of a device.
#include "backend/sequence_ops.h"

#include "backend/cuda_sequences.h"

namespace velbo::internal {

template <class T>
const SequenceOps<T>& sequence_ops(const Context& context) {
  return context.device().kind == DeviceKind::cuda ? cuda_sequence_ops<T>() : cpu_sequence_ops<T>();
}
template const SequenceOps<float>& sequence_ops(const Context&);
template const SequenceOps<double>& sequence_ops(const Context&);

}  // namespace velbo::internal

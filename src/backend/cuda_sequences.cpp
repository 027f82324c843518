// backend/cuda_sequences.cpp
#include "backend/cuda_sequences.h"

#include "backend/cuda_ops.h"
#include "backend/device_sequences.h"

namespace velbo::internal {
namespace {

template <class T>
double local_step(const Context& context, const SequenceBatch<T>& batch, const SequenceParameters& parameters,
                  const SequenceSums& sums) {
  const VelboCudaPlugin& plugin = required_cuda_plugin();
  const auto& table = *static_cast<const DeviceSequences<T>*>(sizeof(T) == sizeof(float) ? plugin.sequences_float
                                                                                         : plugin.sequences_double);
  double log_total = 0;
  require_cuda(table.local_step(context.device().index, &batch, &parameters, &sums, &log_total));
  return log_total;
}

template <class T>
constexpr SequenceOps<T> cuda_table{.local_step = local_step<T>};

}  // namespace

template <class T>
const SequenceOps<T>& cuda_sequence_ops() {
  return cuda_table<T>;
}
template const SequenceOps<float>& cuda_sequence_ops<float>();
template const SequenceOps<double>& cuda_sequence_ops<double>();

}  // namespace velbo::internal

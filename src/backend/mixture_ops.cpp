// backend/mixture_ops.cpp - picks the local step of mixtures of a device.
#include "backend/mixture_ops.h"

#include "backend/cuda_mixtures.h"

namespace velbo::internal {

template <class T>
const MixtureOps<T>& mixture_ops(const Context& context) {
  return context.device().kind == DeviceKind::cuda ? cuda_mixture_ops<T>() : cpu_mixture_ops<T>();
}
template const MixtureOps<float>& mixture_ops(const Context&);
template const MixtureOps<double>& mixture_ops(const Context&);

}  // namespace velbo::internal

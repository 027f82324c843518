// backend/cuda_mixtures.h - the local step of Gaussian mixtures on CUDA devices, by the plugin.
//
// Rows are brought to the device once, as z in T, where they fit into its memory, and else in slabs, each time that they are gone over.
// Either way a pass is one over each of the same slabs, so that the bits do not depend on which.
#pragma once
#include "backend/mixture_ops.h"

namespace velbo::internal {

// To be used with contexts of CUDA devices only.  Throws as backend/cuda_ops.h says.
template <class T>
const MixtureOps<T>& cuda_mixture_ops();

}  // namespace velbo::internal

// Never run: that the models of the examples compile for a GPU.  examples/switches_cuda.cu is a whole program.
#include <velbo/cuda/model.cuh>

#include "local_level_model.h"
#include "two_components_model.h"

template class velbo::CudaModel<float, local_level::Prior, velbo::CudaRows<3, local_level::Step>,
                                velbo::CudaRows<2, local_level::Reading>>;
template class velbo::CudaModel<double, local_level::Prior, velbo::CudaRows<3, local_level::Step>,
                                velbo::CudaRows<2, local_level::Reading>>;
template class velbo::CudaModel<float, two_components::Prior, velbo::CudaRows<5, two_components::Value>>;
template class velbo::CudaModel<double, two_components::Prior, velbo::CudaRows<5, two_components::Value>>;

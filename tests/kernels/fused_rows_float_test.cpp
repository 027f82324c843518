// Fused passes over rows in float.
#include "kernels/fused_rows_cases.h"

namespace velbo::kernels {

INSTANTIATE_TYPED_TEST_SUITE_P(Float, FusedRows, AllInstances<float>::Types, InstanceNames);

}  // namespace velbo::kernels

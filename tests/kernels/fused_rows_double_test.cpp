// Fused passes over rows in double.
#include "kernels/fused_rows_cases.h"

namespace velbo::kernels {

INSTANTIATE_TYPED_TEST_SUITE_P(Double, FusedRows, AllInstances<double>::Types, InstanceNames);

}  // namespace velbo::kernels

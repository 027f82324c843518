// backend/device_ops.h - the operations of backend/ops.h as the CUDA plugin gives them.
//
// The same arguments with the device's number in front; what backend/ops.h marks [device], and what Rows points to but for
// `centre`, is that device's memory.  Return 0 or what VelboCudaPlugin says of errors.  Blocks until the results are there.
#pragma once
#include <cstdint>

#include "backend/device_steps.h"
#include "backend/rows.h"

namespace velbo::internal {

template <class T>
struct DeviceOps {
  int (*starting_curvature)(int device, const Rows<T>* rows, T* c, T* c_times_r);
  int (*normals)(int device, std::uint64_t key, std::uint32_t step, std::uint32_t first_draw, std::int64_t n_draws,
                 std::int64_t dimension, T* out);
  int (*expected_log_likelihood)(int device, const Rows<T>* rows, const double* mean, const PredictorScale* scale,
                                 const PredictorRule* rule, RowSums<T>* sums);
  int (*weighted_gram)(int device, const Rows<T>* rows, const T* c, const T* r, bool diagonal, double* gram,
                       double* moment);
  int (*curvature_product)(int device, const Rows<T>* rows, const T* c, const double* v, double* out);
  int (*log_likelihood_gradient)(int device, const Rows<T>* rows, const double* z, std::int64_t n_draws, double* out,
                                 double* gradient);
  DeviceSteps<T> steps;
};

}  // namespace velbo::internal

// backend/device_mixtures.h - the local step of Gaussian mixtures (backend/mixture_ops.h) as the CUDA plugin gives it.
//
// Functions return 0 or what VelboCudaPlugin says of errors, and block until their results are there.
#pragma once
#include <cstdint>

#include "backend/mixture_ops.h"
#include "backend/rows.h"

namespace velbo::internal {

template <class T>
struct DeviceMixtures {
  // A pass with these parameters over rows of n_columns; without a whitening, responsibilities will be given.  `pass` is closed by close().
  int (*open)(int device, std::int64_t n_columns, const MixtureParameters* parameters, bool wants_sums, void** pass);
  // Rows: z, dense, of elements T, their weights by stored row; device memory.  Locals: host memory, from the first of these rows on.
  int (*run)(void* pass, const Rows<T>* rows, const MixtureLocals* locals);
  // Of all rows so far: the sum of weight * log normaliser, and sums, which are added to.
  int (*totals)(void* pass, const MixtureSums* sums, double* value);
  void (*close)(void* pass);
};

}  // namespace velbo::internal

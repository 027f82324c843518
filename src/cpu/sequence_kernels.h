// cpu/sequence_kernels.h - forward-backward recursions of one sequence, compiled once an instruction set.
#pragma once
#include <cstdint>

namespace velbo::internal {

// Rows by state lie `stride` apart, a whole number of vectors; what pads them is 0, of density -infinity.
template <class T>
struct ScaledChain {
  std::int64_t n_rows = 0, n_states = 0, stride = 0;
  const T* initial = nullptr;     // [stride] weights divided by the largest
  const T* transition = nullptr;  // [K, stride], from row to column
  const T* transposed = nullptr;  // [K, stride], from column to row
  const T* density = nullptr;     // [n, stride] logarithms
  T* emission = nullptr;          // [n, stride] scratch
  T* share = nullptr;             // [n, stride] out: shares of the states given all rows
  T* top = nullptr;               // [n] out: the rows' largest log densities
  T* scale = nullptr;             // [n] out: the sums that the rows' weights are divided by
  T* rest = nullptr;              // [stride] scratch, and so
  T* next = nullptr;              // [stride]
  T* steps = nullptr;             // [K, stride]
  double* products = nullptr;     // [K, stride] out: expected steps divided by their weights in `transition`
};

template <class T>
struct SequenceKernels {
  int lanes;  // elements of a vector
  bool (*expect)(
      const ScaledChain<T>&);  // false where T loses paths (ChainLimits); what it has written then is nothing
};

struct SequenceTable {
  SequenceKernels<float> of_float;
  SequenceKernels<double> of_double;
};

}  // namespace velbo::internal

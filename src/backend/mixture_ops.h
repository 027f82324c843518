// backend/mixture_ops.h - the local step of Gaussian mixtures as one operation over plain pointers, for each kind of device.
//
// log r_nk = constant_k - |U_k z_n + shift_k|^2 / 2 up to what normalises it, for z = (x - centre) * inverse_scale.  Expectations,
// priors and divergences are the host's (src/mixtures); a device brings what goes over rows.
#pragma once
#include <cstdint>
#include <memory>

#include "backend/element.h"
#include "velbo/context.h"

namespace velbo::internal {

enum class MixtureForm {
  full,      // a U for each component
  tied,      // one for all
  diagonal,  // a diagonal one for each
};

// What a device has made of rows, for many local steps over them.
class PreparedMixtureRows {
 public:
  virtual ~PreparedMixtureRows() = default;
};

// Rows as they lie: element (n, j) is x[n * stride + j].
struct MixtureRows {
  const void* x = nullptr;
  Element element = Element::float64;
  std::int64_t n_columns = 0, stride = 0;
  const double* weights = nullptr;        // by row, or nullptr: ones
  const double* centre = nullptr;         // [D]
  const double* inverse_scale = nullptr;  // [D], powers of two
  const PreparedMixtureRows* prepared =
      nullptr;  // by prepare() of the same operations, of the same rows; nullptr: nothing is
};

struct MixtureParameters {
  MixtureForm form = MixtureForm::full;
  std::int64_t n_components = 0;
  const double* constant = nullptr;   // [K]
  const double* whitening = nullptr;  // full [K, D, D], tied [D, D], lower triangular; diagonal [K, D]
  const double* shift = nullptr;      // [K, D]
};

// Sums over rows of weight times r, which an operation adds to; nullptr: not wanted.
struct MixtureSums {
  double* count = nullptr;  // [K]
  double* sum = nullptr;    // [K, D] of z
  double* squares =
      nullptr;  // of z z': full [K, D (D + 1) / 2], tied [D (D + 1) / 2] (of all components), rows of the lower
                // triangle; diagonal [K, D]
};

// Of rows begin .. end - 1, the first at the front; nullptr: not wanted.
struct MixtureLocals {
  const double* given = nullptr;       // [n, K] responsibilities to be taken instead of worked out
  double* responsibilities = nullptr;  // [n, K]
  double* log_normaliser = nullptr;    // [n] log sum_k exp(constant_k - ...)
};

template <class T>
struct MixtureOps {
  // Of rows 0 .. n_rows - 1, which must outlive it; the CPU reads them where they lie and prepares nothing.
  std::shared_ptr<const PreparedMixtureRows> (*prepare)(const Context& context, const MixtureRows& rows,
                                                        std::int64_t n_rows);
  // Returns the sum over rows begin .. end - 1 of weight * log normaliser; 0 where responsibilities are given.  Arithmetic by row is
  // T's, sums are double.  Rows are cut by their number alone: the same bits for any number of threads.
  double (*local_step)(const Context& context, const MixtureRows& rows, std::int64_t begin, std::int64_t end,
                       const MixtureParameters& parameters, const MixtureSums& sums, const MixtureLocals& locals);
};

// Of the context's device.  T = float or double.
template <class T>
const MixtureOps<T>& mixture_ops(const Context& context);

// In cpu/mixture_ops.cpp.
template <class T>
const MixtureOps<T>& cpu_mixture_ops();

}  // namespace velbo::internal

// regression/ard_sums.h - the statistics of a linear regression's rows, by Ops<T>::weighted_gram.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "conjugate/conjugate_model.h"
#include "velbo/context.h"
#include "velbo/data.h"
#include "velbo/fit.h"

namespace velbo::internal {

class ArdSums {
 public:
  virtual ~ArdSums() = default;
  // Adds N, y'y, X'y [D] and the lower triangle of X'X by rows, of these rows less their centre.
  virtual void add(UnitRange rows, std::span<double> statistics) const = 0;
};

// centre [D + 1]: of the columns and, last, of y.  Rows and y are rounded to `scalar` once their centre is off; sums are double.
// Throws Error(memory) where a device has no room.
std::unique_ptr<ArdSums> make_ard_sums(const FeatureMatrix& x, std::span<const double> y, std::vector<double> centre,
                                       Scalar scalar, const Context& context);

// Bytes of a device's memory that dense rows, or the entries of sparse ones, take if they are to stay there.
std::int64_t ard_device_bytes(const FeatureMatrix& x, Scalar scalar);

}  // namespace velbo::internal

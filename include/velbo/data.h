// velbo/data.h - matrices of predictors: in memory, in a mapped file, or sparse.
//
// A fit reads rows in place, whatever their type: nothing is converted, centred or densified as a whole.  A FeatureMatrix is
// immutable and cheap to copy (copies share the memory); any number of threads may read one.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "velbo/array.h"
#include "velbo/export.h"

namespace velbo {

namespace internal {
struct FeatureStore;
}

// N rows of D features, without an intercept's column.  All in host memory or a mapped file.
class VELBO_EXPORT FeatureMatrix {
 public:
  FeatureMatrix() noexcept = default;  // no rows, no columns
  // Copies.  Throw Error(shape) unless n_rows, n_columns >= 0 and stride >= n_columns; Error(memory).
  FeatureMatrix(MatrixView<const double> x);                                                        // NOLINT: implicit
  FeatureMatrix(MatrixView<const float> x);                                                         // NOLINT: implicit
  FeatureMatrix(const double* x, std::int64_t n_rows, std::int64_t n_columns, std::int64_t stride)  // NOLINT: implicit
      : FeatureMatrix(MatrixView<const double>{x, n_rows, n_columns, stride}) {}
  // Without a copy: the memory must outlive this object, its copies and every model and fit made of them, unchanged.
  static FeatureMatrix borrow(MatrixView<const double> x);
  static FeatureMatrix borrow(MatrixView<const float> x);
  // Takes the memory over: row-major rows of `stride` elements, of which features are first_column, first_column + 1, ...
  static FeatureMatrix adopt(std::vector<double> x, std::int64_t n_rows, std::int64_t stride,
                             std::int64_t first_column = 0);

  [[nodiscard]] std::int64_t n_rows() const noexcept;
  [[nodiscard]] std::int64_t n_columns() const noexcept;
  [[nodiscard]] bool is_sparse() const noexcept;
  // Row n as doubles into out [n_columns]; for looking at some rows, not for loops over all.
  void row(std::int64_t n, std::span<double> out) const;

  [[nodiscard]] const internal::FeatureStore& store() const noexcept { return *store_; }

 private:
  explicit FeatureMatrix(std::shared_ptr<const internal::FeatureStore> store) noexcept : store_(std::move(store)) {}
  static const std::shared_ptr<const internal::FeatureStore>& nothing();

  std::shared_ptr<const internal::FeatureStore> store_ = nothing();
};

}  // namespace velbo

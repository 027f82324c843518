// velbo/data.h - matrices of predictors: in memory, in a mapped file, or sparse.
//
// A fit reads rows in place, whatever their type: nothing is converted, centred or densified as a whole.  (Minibatches without an
// anchor of what fits into memory well are of a shuffled copy: GradientOptions::batch_size.)  A FeatureMatrix is
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

  // A NumPy .npy file, used where it lies: mapped, not read, so that it may be larger than memory.  For float32 and
  // float64, little-endian, C order, 1-D (one column) or 2-D; other types and orders are read into memory as doubles.
  // The file must stay as it is while the matrix or a model made of it lives: one that is cut then ends the process
  // (SIGBUS).
  // Throws Error(file) and Error(shape) as read_npy does; Error(file) too where what must be read does not fit.
  static FeatureMatrix map_npy(const std::string& path);
  // Compressed sparse rows: row n has the columns column[k], increasing, with values value[k], for row_start[n] <= k <
  // row_start[n + 1]; what is not there is zero.  row_start is [N + 1]: it begins with 0 and ends with the number of values.
  // Throws Error(shape) or Error(data), naming the row.
  static FeatureMatrix sparse(std::int64_t n_columns, std::vector<std::int64_t> row_start,
                              std::vector<std::int32_t> column, std::vector<double> value);

  [[nodiscard]] std::int64_t n_rows() const noexcept;
  [[nodiscard]] std::int64_t n_columns() const noexcept;
  [[nodiscard]] bool is_sparse() const noexcept;
  // Row n as doubles into out [n_columns]; for looking at some rows, not for loops over all.
  void row(std::int64_t n, std::span<double> out) const;

  [[nodiscard]] const internal::FeatureStore& store() const noexcept { return *store_; }
  // For velbo itself, like store(): not null.
  explicit FeatureMatrix(std::shared_ptr<const internal::FeatureStore> store) noexcept : store_(std::move(store)) {}

 private:
  static const std::shared_ptr<const internal::FeatureStore>& nothing();

  std::shared_ptr<const internal::FeatureStore> store_ = nothing();
};

struct LibsvmData {
  FeatureMatrix x;        // sparse
  std::vector<double> y;  // [N] the labels as they are written
};

// A text file in LIBSVM's (SVMlight's) format: a row a line, `label id:value id:value ... # comment`, ids from 1 and
// increasing; blank lines are skipped.  Never densified: 12 bytes a value.  n_columns = 0: the largest id of the file.
// A zero that is written out counts for the number of columns and is not stored.
// Throws Error(file) when the path cannot be read or holds no rows, Error(data) `FILE:LINE: ...` for what is malformed.
VELBO_EXPORT LibsvmData read_libsvm(const std::string& path, std::int64_t n_columns = 0);

struct ConvertOptions {
  std::string target =
      {};                // to LIBSVM: the column that is the label [the first]; a .npy's columns are called x1, x2, ...
  bool float32 = false;  // .npy: float32 instead of float64
};

// Converts between .csv (with a header; .tsv is read too), .npy and .libsvm (.svm) files, by the paths' extensions.  Streams: only a
// LIBSVM file that is read is held in memory, sparse.  Of LIBSVM, the label becomes the first column, "y"; a missing
// value (an empty cell) is NaN in .npy and refused in .libsvm.  `out` appears whole or not at all.
// Throws Error(argument) for an extension or a target that is not known, Error(file), Error(data) or Error(io).
VELBO_EXPORT void convert_data(const std::string& in, const std::string& out, const ConvertOptions& options = {});

}  // namespace velbo

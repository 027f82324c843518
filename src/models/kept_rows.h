// models/kept_rows.h - a model's rows as operations take them: read in place, centred, or some of them.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "backend/ops.h"
#include "models/centring.h"
#include "models/glm_data.h"
#include "velbo/array.h"
#include "velbo/context.h"
#include "velbo/family.h"

namespace velbo::internal {

// Refers to the data's predictors, which must outlive it.
template <class T>
class KeptRows {
 public:
  KeptRows(const GlmData& data, const Context& context, const Centring& centring);

  [[nodiscard]] std::int64_t size() const { return index_ ? static_cast<std::int64_t>(index_->size()) : data_.n_rows; }
  // For operations; pointers stay valid as long as this object.
  [[nodiscard]] Rows<T> rows() const;
  // Rows `batch` (stored row numbers, in the caller's memory) out of all, standing for all.
  [[nodiscard]] Rows<T> batch(const std::int64_t* batch, std::int64_t count) const;

  // `wanted` rows, one drawn at random from each of as many equal stretches, with a scale that makes them stand for all.
  [[nodiscard]] KeptRows subsample(std::int64_t wanted, Key key) const;

 private:
  struct Columns {  // of the stored rows; the last three empty where the model has none
    Array<T> y, trials, weights, offset;
    std::vector<double> centre;
  };

  const GlmData& data_;
  std::shared_ptr<const Columns> columns_;
  std::shared_ptr<const std::vector<std::int64_t>> index_;  // null: all rows
  T scale_ = 1;
};

RowLikelihood row_likelihood(Likelihood likelihood);

// The coordinates in which a family's fit keeps rows: centred for full rank; a mean-field or low-rank family is not closed
// under centring, and sparse rows would not stay sparse.
Centring fit_centring(const GlmData& data, FamilyKind family);

}  // namespace velbo::internal

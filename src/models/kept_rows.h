// models/kept_rows.h - a model's rows in device memory, centred and converted, and drawing some of them.
#pragma once
#include <cstdint>

#include "backend/ops.h"
#include "models/centring.h"
#include "models/glm_data.h"
#include "velbo/array.h"
#include "velbo/context.h"

namespace velbo::internal {

template <class T>
class KeptRows {
 public:
  KeptRows(const GlmData& data, const Context& context, const Centring& centring);

  [[nodiscard]] std::int64_t size() const { return n_rows_; }
  // For operations; pointers stay valid as long as this object.
  [[nodiscard]] Rows<T> rows(RowLikelihood likelihood) const;

  // `wanted` rows, one drawn at random from each of as many equal stretches, with a scale that makes them stand for all.
  [[nodiscard]] KeptRows subsample(std::int64_t wanted, Key key) const;

 private:
  KeptRows(const Context& context, std::int64_t n_rows, std::int64_t n_columns, T scale)
      : context_(context), n_rows_(n_rows), n_columns_(n_columns), scale_(scale) {}

  Context context_;
  std::int64_t n_rows_, n_columns_;
  T scale_;
  Array<T> x_, y_, trials_, weights_, offset_;  // the last three empty where the model has none
};

RowLikelihood row_likelihood(Likelihood likelihood);

}  // namespace velbo::internal

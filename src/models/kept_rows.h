// models/kept_rows.h - a model's rows in device memory, centred and converted, and drawing some of them.
#pragma once
#include <cstdint>

#include "backend/ops.h"
#include "models/centring.h"
#include "models/glm_data.h"
#include "velbo/array.h"

namespace velbo::internal {

template <class T>
class KeptRows {
 public:
  KeptRows(const GlmData& data, Device device, const Centring& centring);

  [[nodiscard]] std::int64_t size() const { return n_rows_; }
  // For operations; pointers stay valid as long as this object.
  [[nodiscard]] Rows<T> rows(RowLikelihood likelihood) const;

  // `wanted` rows, one drawn at random from each of as many equal stretches, with their weights multiplied by
  // size() / wanted.
  [[nodiscard]] KeptRows subsample(std::int64_t wanted, Key key) const;

 private:
  KeptRows(Device device, std::int64_t n_rows, std::int64_t n_columns);

  Device device_;
  std::int64_t n_rows_, n_columns_;
  Array<T> x_, y_, trials_, weights_, offset_;  // the last three empty where the model has none
};

RowLikelihood row_likelihood(Likelihood likelihood);

}  // namespace velbo::internal

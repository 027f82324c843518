// mixtures/mixture_data.h - rows as a mixture sees them: checked, z = (x - centre) / unit, batches from a shuffled copy.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/mixture_ops.h"
#include "velbo/data.h"
#include "velbo/random.h"
#include "velbo/scalar.h"

namespace velbo::internal {

// The units are powers of two, so that nothing is rounded by them; of spherical covariances all the same.
struct MixtureUnits {
  std::vector<double> centre, unit;  // [D]
  [[nodiscard]] std::vector<double> inverse() const;
  [[nodiscard]] double log_scale() const;  // sum of log unit
};

// Throws Error(shape) for no rows or columns or sparse rows, sizes that do not fit, Error(data) for weights that are negative or all 0.
void check_mixture_rows(const FeatureMatrix& x, std::span<const double> weights);

// Throws Error(data) `x[ROW, COLUMN] is nan, expected a finite number; missing values are not supported`.
void check_finite(const FeatureMatrix& x, int threads);

// x and weights in an order of their own, where batches are to be made of blocks of rows and they are worth copying; else as they are.
struct MixtureRowSource {
  FeatureMatrix x;
  std::vector<double> own_weights;
  std::span<const double> weights;
};
MixtureRowSource shuffled_source(const FeatureMatrix& x, std::span<const double> weights, Key key);
bool is_worth_shuffling(const FeatureMatrix& x);

}  // namespace velbo::internal

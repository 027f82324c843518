// device_model/closed_forms.h - the models of models.h as host functions in double.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "device_model/models.h"

namespace velbo::test {

struct Density {
  double value = 0;
  double size = 0;  // of what value is a sum of: what its rounding is in proportion to
  std::vector<double> gradient;
};

inline Density gaussian_density(const double* z) {
  Density out{kLogNormaliser, std::abs(kLogNormaliser), std::vector<double>(kGaussianDimension)};
  for (int i = 0; i < kGaussianDimension; ++i) {
    for (int j = 0; j < kGaussianDimension; ++j) {
      const double term = kPrecision[i][j] * (z[i] - kMean[i]) * (z[j] - kMean[j]) / 2;
      out.value -= term;
      out.size += std::abs(term);
      out.gradient[static_cast<std::size_t>(i)] -= kPrecision[i][j] * (z[j] - kMean[j]);
    }
  }
  return out;
}

inline Density funnel_density(const double* z) {
  Density out{0, 0, std::vector<double>(kFunnelDimension)};
  const auto add = [&out](double term) {
    out.value += term;
    out.size += std::abs(term);
  };
  add(-z[0] * z[0] / 18);
  out.gradient[0] = -z[0] / 9;
  for (int i = 1; i < kFunnelDimension; ++i) {
    const double half_square = 0.5 * z[i] * z[i] * std::exp(-z[0]);
    add(-z[0] / 2);
    add(-half_square);
    out.gradient[0] += half_square - 0.5;
    out.gradient[static_cast<std::size_t>(i)] = -z[i] * std::exp(-z[0]);
  }
  return out;
}

inline Density quartic_density(const double* z) {
  Density out{0, 0, std::vector<double>(kQuarticDimension)};
  for (int i = 0; i < kQuarticDimension; ++i) {
    out.value -= std::pow(z[i], 4) / 4;
    out.gradient[static_cast<std::size_t>(i)] = -std::pow(z[i], 3);
  }
  out.size = -out.value;
  return out;
}

// Of a model by its name.
inline Density density(const std::string& model, const double* z) {
  if (model.starts_with("gaussian")) return gaussian_density(z);
  return model.starts_with("funnel") ? funnel_density(z) : quartic_density(z);
}

}  // namespace velbo::test

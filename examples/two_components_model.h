// A mixture of two normals.  Which of them a row came from is summed out, so that all latents are continuous; the means are ordered,
// or each answer would have a twin with the names exchanged.  The same source is compiled by g++ for the CPU and by nvcc for a GPU.
#pragma once
#include <velbo/distributions.h>
#include <velbo/functions.h>
#include <velbo/velbo.h>

#include <cstdint>
#include <vector>

namespace two_components {

// theta: share (of the first), mean[1], mean[2], sd[1], sd[2]
struct Prior {
  template <class T>
  VELBO_HOST_DEVICE T operator()(const T* theta) const {
    return velbo::beta_lpdf(theta[0], 2, 2) + velbo::normal_lpdf(theta[1], 0, 10) +
           velbo::normal_lpdf(theta[2], 0, 10) + velbo::half_normal_lpdf(theta[3], 5) +
           velbo::half_normal_lpdf(theta[4], 5);
  }
};

// row [value]; the latents in theta's order.
struct Value {
  static constexpr bool branches_on_rows_only = true;

  template <class Row, class T>
  VELBO_HOST_DEVICE T operator()(const Row* row, const T* latent) const {
    return velbo::log_mix(latent[0], velbo::normal_lpdf(row[0], latent[1], latent[3]),
                          velbo::normal_lpdf(row[0], latent[2], latent[4]));
  }
};

inline velbo::Model model(const std::vector<double>& values) {
  const velbo::Plate rows({values.data(), static_cast<std::int64_t>(values.size()), 1, 1},
                          {velbo::latent("share"), velbo::latent("mean", 0), velbo::latent("mean", 1),
                           velbo::latent("sd", 0), velbo::latent("sd", 1)},
                          Value{}, "values");
  return {{velbo::interval("share", 0, 1), velbo::ordered("mean", 2), velbo::positive("sd", {2})},
          Prior{},
          {rows},
          "two components"};
}

}  // namespace two_components

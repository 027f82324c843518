// A level that drifts as a random walk and is read with noise on some days (the local-level model: Durbin and Koopman 2012, chapter 2).
// The same source is compiled by g++ for the CPU and by nvcc for a GPU.
#pragma once
#include <velbo/distributions.h>
#include <velbo/functions.h>
#include <velbo/velbo.h>

#include <cstdint>
#include <vector>

namespace local_level {

// theta: drift, noise, level[1] .. level[n]
struct Prior {
  template <class T>
  VELBO_HOST_DEVICE T operator()(const T* theta) const {
    return velbo::half_normal_lpdf(theta[0], 2) + velbo::half_normal_lpdf(theta[1], 2) +
           velbo::normal_lpdf(theta[2], 0, 20);
  }
};

// From one day with readings to the next: row [days between]; the level before, the level after, drift.
struct Step {
  static constexpr bool branches_on_rows_only = true;

  template <class Row, class T>
  VELBO_HOST_DEVICE T operator()(const Row* row, const T* latent) const {
    return velbo::normal_lpdf(latent[1], latent[0], latent[2] * velbo::sqrt(row[0]));
  }
};

// row [reading]; the level of its day, noise.
struct Reading {
  static constexpr bool branches_on_rows_only = true;

  template <class Row, class T>
  VELBO_HOST_DEVICE T operator()(const Row* row, const T* latent) const {
    return velbo::normal_lpdf(row[0], latent[0], latent[1]);
  }
};

struct Series {
  std::vector<double> gap;        // [n_days - 1] days to the next one with readings
  std::vector<double> reading;    // [n_readings]
  std::vector<std::int64_t> day;  // [n_readings] counted from 0
};

inline velbo::Model model(const Series& series) {
  const auto n_steps = static_cast<std::int64_t>(series.gap.size());
  std::vector<std::int64_t> before, after;
  for (std::int64_t t = 0; t < n_steps; ++t) {
    before.push_back(t);
    after.push_back(t + 1);
  }
  const velbo::Plate steps({series.gap.data(), n_steps, 1, 1},
                           {velbo::latent("level", before), velbo::latent("level", after), velbo::latent("drift")},
                           Step{}, "steps");
  const velbo::Plate readings({series.reading.data(), static_cast<std::int64_t>(series.reading.size()), 1, 1},
                              {velbo::latent("level", series.day), velbo::latent("noise")}, Reading{}, "readings");
  return {{velbo::positive("drift"), velbo::positive("noise"), velbo::real("level", {n_steps + 1})},
          Prior{},
          {steps, readings},
          "local level"};
}

}  // namespace local_level

// Who switches to a safe well (velbo ships the data of 3,020 households in Bangladesh): logistic regression as a model in code, whose
// rows velbo goes through by itself.  The same source is compiled by g++ for the CPU and by nvcc for a GPU.
#pragma once
#include <velbo/distributions.h>
#include <velbo/velbo.h>

#include <cstddef>
#include <string>
#include <vector>

namespace switches {

// theta: alpha, beta[1], beta[2]
struct Prior {
  template <class T>
  VELBO_HOST_DEVICE T operator()(const T* theta) const {
    return velbo::normal_lpdf(theta[0], 0, 5) + velbo::normal_lpdf(theta[1], 0, 2.5) +
           velbo::normal_lpdf(theta[2], 0, 2.5);
  }
};

// Of one household: its distance to the next safe well, the arsenic in its own, and whether it switched.
struct Household {
  static constexpr bool branches_on_rows_only = true;  // so several draws may be taken at once

  template <class Row, class T>
  VELBO_HOST_DEVICE T operator()(const Row* row, const T* latent) const {
    return velbo::bernoulli_logit_lpmf(row[2], latent[0] + latent[1] * row[0] + latent[2] * row[1]);
  }
};

inline velbo::Model model(const std::string& wells_csv) {
  const velbo::Table table = velbo::read_csv(wells_csv);
  const auto& distance = table.at("distance").numbers;
  const auto& arsenic = table.at("arsenic").numbers;
  const auto& switched = table.at("switch").codes;  // 0 of "no", 1 of "yes": texts in alphabetical order
  std::vector<double> rows;
  for (std::size_t i = 0; i < switched.size(); ++i) {
    rows.push_back(distance[i] / 100);  // hundreds of metres
    rows.push_back(arsenic[i]);
    rows.push_back(switched[i]);
  }
  const velbo::Plate households({rows.data(), static_cast<std::int64_t>(switched.size()), 3, 3},
                                {velbo::latent("alpha"), velbo::latent("beta", 0), velbo::latent("beta", 1)},
                                Household{}, "households");
  return {{velbo::real("alpha"), velbo::real("beta", {2})}, Prior{}, {households}, "switches"};
}

}  // namespace switches

// models/model_state.h - what a Model shares between its copies, and its log joint at many draws.
#pragma once
#include <string>

#include "velbo/model.h"

namespace velbo::internal {

struct ModelState {
  Parameters parameters;
  BatchLogDensity log_density;
  std::string name;
  bool differentiated = false;

  // log p(theta(z_s)) + log |d theta / d z_s| [S] and, unless it is null, its gradient in z [S, D], for z [S, D], all row-major.
  void log_joint(std::int64_t n_draws, const double* z, double* value, double* gradient) const;
};

}  // namespace velbo::internal

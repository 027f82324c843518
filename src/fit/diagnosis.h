// fit/diagnosis.h - how good a fitted q is: importance sampling from it, and what that says.
#pragma once
#include <functional>
#include <vector>

#include "models/expected_log_joint.h"
#include "objectives/draws.h"
#include "velbo/context.h"
#include "velbo/fit.h"

namespace velbo::internal {

struct Diagnosis {
  double k_hat = 0, k_hat_se = 0, ess = 0, log_evidence = 0;
  std::int64_t n_draws = 0;
  std::string method;
  // [n_latents] on the constrained scale; empty where k_hat does not allow them.
  std::vector<double> corrected_mean, corrected_sd;
};

// Pareto-smoothed importance sampling with iid draws from q (methods: Yao, Vehtari, Simpson and Gelman 2018, "Yes, but did
// it work?").  wanted_draws = 0: 4,000 to 100,000 (fewer beyond 1,000
// latents), by what they cost.
// constrain(draws [S, D]) gives the draws [S, n] on the constrained scale; it may change what it is given.
using Constrain = std::function<RowMajorMatrix(RowMajorMatrix& draws)>;
Diagnosis diagnose(LogJointOracle& oracle, const GaussianPoint& point, const Constrain& constrain,
                   const Context& context, std::int64_t wanted_draws, Key key);

// The verdict and the advice from the status, k_hat and error_sd.
void judge(Summary& summary);

}  // namespace velbo::internal

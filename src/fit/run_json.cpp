#include "fit/run_json.h"

#include <cmath>

namespace velbo::internal {

nlohmann::ordered_json finite_or_null(const std::vector<double>& values) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const double value : values)
    out.push_back(std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr));
  return out;
}

nlohmann::ordered_json run_json(const ConjugateRun& run) {
  nlohmann::ordered_json out = {{"engine", run.engine},
                                {"status", name(run.status)},
                                {"message", run.message},
                                {"elbo", run.elbo},
                                {"passes", run.passes},
                                {"steps", run.steps},
                                {"n_units", run.n_units},
                                {"seconds", run.seconds},
                                {"tolerance", run.tolerance},
                                {"device", run.device},
                                {"device_reason", run.device_reason},
                                {"scalar", run.scalar},
                                {"threads", run.threads},
                                {"seed", run.seed}};
  out["elbo_trace"] = finite_or_null(run.elbo_trace);
  out["elbo_of_restarts"] = finite_or_null(run.elbo_of_restarts);
  return out;
}

}  // namespace velbo::internal

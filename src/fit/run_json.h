// fit/run_json.h - how a fit of a model with conjugate globals went, as JSON.
#pragma once
#include <nlohmann/json.hpp>
#include <vector>

#include "velbo/conjugate.h"

namespace velbo::internal {

nlohmann::ordered_json run_json(const ConjugateRun& run);
// JSON has no infinity.
nlohmann::ordered_json finite_or_null(const std::vector<double>& values);

}  // namespace velbo::internal

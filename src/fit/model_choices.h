// fit/model_choices.h - engine and family of a fit of a model that is known by its log density.
#pragma once
#include <cstdint>
#include <string>

#include "velbo/fit.h"
#include "velbo/model.h"

namespace velbo::internal {

struct ModelChoices {
  EngineKind engine = EngineKind::natural_gradient;
  std::string engine_reason;
  FamilyKind family = FamilyKind::full_rank;
  std::string family_reason;
  std::int64_t rank = 0;     // of low_rank
  GradientOptions gradient;  // of the engine gradient: nothing automatic left in it, but learning_rate and decay
  std::int64_t max_steps = 0;
  std::string estimator;
  Device device;
  std::string device_reason;
};

// Throws Error(argument) or Error(device) for options that make no sense together or for such a model.
ModelChoices choose(const Model& model, const FitOptions& options);

}  // namespace velbo::internal

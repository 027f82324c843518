// fit/choices.h - what `automatic` options become for a model, and why: the reasons stand in the Summary.
#pragma once
#include <string>

#include "data/batch_order.h"
#include "models/glm_data.h"
#include "velbo/fit.h"

namespace velbo::internal {

struct Choices {
  EngineKind engine = EngineKind::newton;
  FamilyKind family = FamilyKind::full_rank;
  Scalar scalar = Scalar::float32;
  std::int64_t rank = 0;  // of low_rank
  std::int64_t max_steps = 0;
  GradientOptions gradient;  // of the engine gradient: nothing automatic left in it, but learning_rate and decay
  RowBlocks blocks;          // of its minibatches, where there are any
  Device device;
  bool streamed = false;  // the device's rows stay in host memory and go there slab by slab
  std::string estimator;
  std::string engine_reason, family_reason, scalar_reason, device_reason;

  // The engine's rows are a copy in random order (models/shuffled_rows.h).
  [[nodiscard]] bool shuffled() const { return !blocks.streamed() && blocks.block_rows > 1; }
};

// Throws Error(argument) for options that make no sense whatever the model.
void check_options(const FitOptions& options);

// Throws Error(argument) for options that make no sense; for a device that was asked for, Error(device) where it cannot be
// used and Error(memory) where the rows do not fit.
Choices choose(const GlmData& data, const FitOptions& options);

}  // namespace velbo::internal

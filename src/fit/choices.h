// fit/choices.h - what `automatic` options become for a model, and why: the reasons stand in the Summary.
#pragma once
#include <cstdint>
#include <string>

#include "data/batch_order.h"
#include "models/glm_data.h"
#include "velbo/fit.h"

namespace velbo::internal {

// A full-rank q of this many latents takes seconds to factorise a few times and 8 MB to keep: the most that `automatic` chooses one for.
constexpr std::int64_t kFullRankLatents = 1000;

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

// S of draws of all latents together where none was asked for: 8, of a full-rank family at least a quarter of the latents.
std::int64_t default_draws(FamilyKind family, std::int64_t n_latents);

// Throws Error(argument) for options that make no sense whatever the model.
void check_options(const FitOptions& options);

// Throws Error(argument) for options that make no sense; for a device that was asked for, Error(device) where it cannot be
// used and Error(memory) where the rows do not fit.
Choices choose(const GlmData& data, const FitOptions& options);

}  // namespace velbo::internal

// engines/step_runner.h - runs of the gradient engine's steps that a device makes without the host.
#pragma once
#include <cstdint>
#include <memory>

#include "backend/device_steps.h"
#include "data/batch_order.h"
#include "engines/whitening.h"
#include "models/glm_data.h"
#include "velbo/context.h"

namespace velbo::internal {

class StepRunner {
 public:
  virtual ~StepRunner() = default;
  // Around a whitening; anchor: the full gradient there, empty where there is none.  Rates of the means' coordinates and the
  // factors', before damping and schedule.
  virtual void begin_round(const Whitening& whitening, const Eigen::VectorXd& anchor, double mean_rate,
                           double factor_rate) = 0;
  // Up to n steps; fewer only where they diverge.
  virtual void run(std::int64_t n, StepVariables& variables) = 0;
};

// Null where the host has to make the steps: on the CPU, for the low-rank family, for streamed rows or orders, for more latents
// than kMostStepLatents says, for rows that do not fit into a fused pass's tile, for batches that one slab of chunks does not
// hold, and where the device's memory has no room for them.  `order` as GradientEngine has it.  Of `settings` the family is filled in.
template <class T>
std::unique_ptr<StepRunner> make_step_runner(const GlmData& data, const Context& context, FamilyKind family,
                                             const BatchOrder* order, StepSettings settings);

}  // namespace velbo::internal

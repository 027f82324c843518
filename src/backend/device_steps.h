// backend/device_steps.h - runs of gradient steps that a device makes on its own: what crosses the boundary to the CUDA plugin.
//
// The steps are those of engines/gradient.h in the coordinates of engines/whitening.h, for generalised linear models and
// mean-field or full-rank Gaussians: batches, draws, gradients, the optimizer and the average of iterates are made on the
// device, in double but for what goes over rows.  Names and shapes are those of these files; D latents, of which the last is
// a Gaussian likelihood's log scale; P coordinates.
#pragma once
#include <cstdint>

#include "backend/rows.h"
#include "velbo/family.h"
#include "velbo/gradient_options.h"
#include "velbo/prior.h"

namespace velbo::internal {

// A latent's prior as math/prior_terms.h takes it.
struct StepPrior {
  Prior prior;
  double constant = 0;    // log_prior_constant()
  bool positive = false;  // of e^latent
};

// Lines are linear functions of the latents: the latents themselves and, where rows are centred, one more, which is the
// coefficient of the column of ones.  Pointers are host memory, read before the call returns.
template <class T>
struct StepModel {
  Rows<T> rows;                 // all of them: no index, nothing streamed
  std::int64_t batch_size = 0;  // n_rows: all rows, in order
  std::uint64_t batch_key = 0;  // of a BatchOrder in memory
  std::int64_t block_rows = 1;  // of it
  std::int64_t n_latents = 0;
  std::int64_t n_lines = 0;                   // D, or D + 1
  const std::int64_t* line = nullptr;         // [columns] of each column's coefficient
  const double* centre = nullptr;             // [columns] subtracted from it; nullptr: zeros
  const StepPrior* priors = nullptr;          // [D]
  const std::uint32_t* directions = nullptr;  // [n_directions] sobol_directions() of D, where draws are Sobol points
  std::int64_t n_directions = 0;
  bool has_sigma = false;               // the likelihood is Gaussian of unknown scale
  bool weights_are_precisions = false;  // and not counts of equal rows
  double log_normaliser = 0;
};

// How a run of steps is repeated on a CUDA device.
enum class StepRepetition {
  automatic,   // the first of these that the driver can do
  while_node,  // one launch of a graph whose loop the device ends itself (CUDA 12.6)
  graph,       // a launch of a graph for each step
  launches,    // each kernel of each step
};

struct StepSettings {
  FamilyKind family = FamilyKind::mean_field;
  Estimator estimator = Estimator::weights;
  std::int64_t n_draws = 0;
  DrawKind draw_kind = DrawKind::iid;
  EntropyGradient entropy = EntropyGradient::closed_form;
  std::uint64_t noise_key = 0;
  bool adam = false;
  double momentum = 0, clip = 0, decay = 0;
  std::int64_t warm_up_steps = 0;
  bool anchored = false;
  double longest_factor_step = 0;
  std::int64_t most_rejected = 0;  // in a row, before a run ends as diverged
  bool keeps_elbo = false;         // in the ring; else StepVariables::elbo is not written
  StepRepetition repetition = StepRepetition::automatic;
};

// The coordinates of a round: of line l, its mean at w = 0, its row of C and its row of F (mean field: its one element).
struct StepRound {
  const double* mean = nullptr;         // [lines]
  const double* mean_factor = nullptr;  // [lines, D] row-major, or [lines]
  bool mean_factor_is_diagonal = false;
  const double* factor = nullptr;         // [lines, D] row-major, or [lines]
  const double* anchor = nullptr;         // [P] the full gradient at w = 0, where anchored
  double mean_rate = 0, factor_rate = 0;  // before damping and schedule
};

// What a step counts on, and changes.
struct StepCounters {
  std::int64_t step = 0;             // of the fit so far
  std::int64_t optimizer_steps = 0;  // since the optimizer's restart
  std::int64_t averaged = 0;         // iterates in the average
  std::int64_t rejected = 0, rejected_in_a_row = 0;
  double damping = 1, usual_length = 0;
};

// Where the steps are; a run starts from it and leaves it there.  Arrays [P], host memory.
struct StepVariables {
  double* w = nullptr;
  double* first = nullptr;  // moments of the optimizer: velocity of sgd with momentum, both of adam
  double* second = nullptr;
  double* average = nullptr;
  double* elbo = nullptr;  // [elbo_size] out: the noisy ELBO of step t at t % elbo_size; nullptr: not wanted
  std::int64_t elbo_size = 0;
  StepCounters at = {};
  StepRepetition repetition = StepRepetition::automatic;  // out: how the steps were repeated
  bool diverged = false;  // out: too many gradients in a row that were not finite; the run ended there
};

// What open() returns for steps that the host has to make: their passes over rows are of another kind.
constexpr int kStepsLeftToHost = -16;

template <class T>
struct DeviceSteps {
  // Allocates all that steps need; `steps` is closed by close().  Errors as DeviceOps.
  int (*open)(int device, const StepModel<T>* model, const StepSettings* settings, void** steps);
  int (*begin_round)(void* steps, const StepRound* round);
  // Up to n steps; fewer only where they diverge.  Blocks.
  int (*run)(void* steps, std::int64_t n, StepVariables* variables);
  void (*close)(void* steps);
};

// The largest D of a full-rank family whose steps a device makes on its own; of mean field twice as many.
constexpr std::int64_t kMostStepLatents = 512;

}  // namespace velbo::internal

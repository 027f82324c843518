// velbo/gradient_options.h - settings of the engine `gradient`: stochastic gradients of the ELBO, minibatches of rows.
//
// A Glm takes all of them; a Model in code has no rows but those of its plates, and refuses what needs others.  Where the two differ, "of a Model" says so.
//
// Steps are made in coordinates that are whitened at every check: a step size of 1 is a posterior standard deviation, whatever
// the units of the data, so that no step size needs tuning (src/engines/gradient.h has the rule).
#pragma once
#include <cstdint>
#include <string_view>

#include "velbo/export.h"

namespace velbo {

// How a step estimates the expected log likelihood of its rows.
enum class Estimator {
  automatic,   // quadrature; of a Model weights, the only one there is
  weights,     // S draws of the latents z ~ q for all rows together (Kingma and Welling 2014)
  local,       // S draws of each row's linear predictor (Kingma, Salimans and Welling 2015)
  quadrature,  // no draws: one-dimensional quadrature, or a closed form
};
VELBO_EXPORT std::string_view name(Estimator estimator) noexcept;
VELBO_EXPORT Estimator parse_estimator(std::string_view text);

// Noise of the draws of `weights`.
enum class DrawKind {
  iid,  // independent normals
  sobol,  // Owen-scrambled Sobol points, a fresh scramble a step: less variance from about 64 draws on; a power of two is best
};
VELBO_EXPORT std::string_view name(DrawKind kind) noexcept;
VELBO_EXPORT DrawKind parse_draw_kind(std::string_view text);

// Gradient of the entropy in `weights`.
enum class EntropyGradient {
  closed_form,           // and of the priors too
  sticking_the_landing,  // of log p - log q along the path: no variance where q is exact (Roeder, Wu and Duvenaud 2017)
};
VELBO_EXPORT std::string_view name(EntropyGradient kind) noexcept;
VELBO_EXPORT EntropyGradient parse_entropy_gradient(std::string_view text);

enum class OptimizerKind {
  automatic,  // sgd; adam beyond 1,000 latents, where whitening is by the diagonal alone, and of a Model, which q alone whitens
  sgd,   // with momentum (Polyak 1964)
  adam,  // Kingma and Ba 2015
};
VELBO_EXPORT std::string_view name(OptimizerKind kind) noexcept;
VELBO_EXPORT OptimizerKind parse_optimizer(std::string_view text);

enum class VarianceReduction {
  automatic,  // anchor where batches are smaller than the data, else none
  none,
  // A full gradient at an anchor each round, corrected by batches (Johnson and Zhang 2013): the noise vanishes as the anchor
  // nears the optimum, which plain minibatches cannot reach: they leave an error of sqrt(N / (B steps)) posterior sds.
  anchor,
};
VELBO_EXPORT std::string_view name(VarianceReduction kind) noexcept;
VELBO_EXPORT VarianceReduction parse_variance_reduction(std::string_view text);

struct GradientOptions {
  Estimator estimator = Estimator::automatic;
  // S of `weights` and `local`; 0: 8, but for `weights` of a full-rank family at least a quarter of the latents.
  std::int64_t draws = 0;
  DrawKind draw_kind = DrawKind::iid;
  EntropyGradient entropy = EntropyGradient::closed_form;
  // Rows a step; 0: all up to 8,192 rows, beyond 4,096, or 8 a latent where that is more.  Fits in smaller batches than all rows
  // and without an anchor copy the rows once, in random order, where they take 1 MiB to 1 GiB (in a mapped file: to 256 MiB).
  std::int64_t batch_size = 0;
  OptimizerKind optimizer = OptimizerKind::automatic;
  // > 0, in posterior standard deviations; 0: by the rule.  Of a Model it is halved whenever the steps have come to rest and the answer
  // is not good enough yet, unless a decay was asked for.
  double learning_rate = 0;
  double momentum = 0;             // of sgd, in [0, 1)
  std::int64_t warm_up_steps = 0;  // over which the step size rises linearly
  // Step t is the learning rate over (1 + t / 10)^decay; decay in [0, 1], 0.6 by default where steps are noisy, else 0; of a Model 0.
  double decay = -1;  // negative: by the rule
  double clip = 10;   // a gradient longer than this many times the running mean of lengths is shortened; 0: never
  bool averaging =
      true;  // answers are polynomially weighted means of noisy iterates (Shamir and Zhang 2013), else the last
  VarianceReduction variance_reduction = VarianceReduction::automatic;
  bool check_batches = false;  // before the first step: do the batches' gradients average to that of all rows?
};

}  // namespace velbo

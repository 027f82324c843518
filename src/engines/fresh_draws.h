// engines/fresh_draws.h - what fresh independent draws say of a Gaussian: its ELBO, and how far the best Gaussian is.
//
// The distance is the natural gradient's at the draws (objectives/stein_gradient.h), in posterior sds: at the best full-rank Gaussian
// it vanishes.  A second, larger set of draws is taken where the first leaves the answer open.
#pragma once
#include <cstdint>
#include <limits>

#include "models/model_density.h"
#include "objectives/stein_gradient.h"
#include "velbo/context.h"

namespace velbo::internal {

struct FreshLook {
  bool enough = false;  // false: hardly a draw had a finite log joint, and nothing else here is known
  double elbo = std::numeric_limits<double>::quiet_NaN(), elbo_se = 0;
  double distance = std::numeric_limits<double>::infinity();
  double masked_share = 0;    // of the last set's draws
  std::int64_t n_masked = 0;  // of all
  // The model ends within q: Stein's identity does not hold there, and the distance is to another optimum.
  [[nodiscard]] bool cut_off() const { return masked_share > 0.01; }
};

class FreshDraws {
 public:
  // The density must outlive this.
  FreshDraws(ModelDensity& density, const Context& context, double tolerance, Key key)
      : density_(&density), context_(context), tolerance_(tolerance), key_(key) {}

  // Looks of different numbers are at independent draws.  within_limits: the first set alone.  Both throw OutOfTime.
  [[nodiscard]] FreshLook distance(const GaussianPoint& full_rank, std::uint32_t look, bool within_limits) const;
  // The ELBO alone, by values without gradients.
  [[nodiscard]] FreshLook elbo(const GaussianPoint& point, std::uint32_t look, bool within_limits) const;

 private:
  [[nodiscard]] EvaluatedDraws draws(const GaussianPoint& point, std::int64_t count, std::uint32_t stage,
                                     bool gradients) const;

  ModelDensity* density_;
  Context context_;
  double tolerance_;
  Key key_;
};

}  // namespace velbo::internal

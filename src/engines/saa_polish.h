// engines/saa_polish.h - the maximum of the ELBO over fixed draws of the noise (sample average approximation).
//
// The draws are scrambled Sobol normals with sample mean 0 and sample covariance I (unless some are left out), which makes the answer exact where the
// posterior is Gaussian, and some hundred times as accurate as that of independent draws elsewhere (Giordano, Ingram and Broderick
// 2024 use independent ones).  The maximum is found by L-BFGS in coordinates whitened by where it starts.
#pragma once
#include <cstdint>
#include <vector>

#include "engines/engine_state.h"
#include "engines/whitening.h"
#include "models/model_density.h"
#include "objectives/draws.h"
#include "optimizers/lbfgs.h"

namespace velbo::internal {

class SaaPolish {
 public:
  // `draws` a power of two; mean_factor: a factor of the inverse of the log joint's curvature, [D, D] lower triangular, in whose
  // coordinates the mean moves (engines/whitening.h); of a full-rank start its own factor is as good.  The density must outlive this.
  SaaPolish(ModelDensity& density, const GaussianPoint& start, const Eigen::MatrixXd& mean_factor, std::int64_t draws,
            Key key, std::uint32_t scramble);
  // What save() left, for a density and a key that are the same.
  SaaPolish(ModelDensity& density, const GaussianPoint& like, Key key, const EngineState& state);
  void save(EngineState& state) const;

  // One step of L-BFGS; returns whether there are more to come: remaining() is above `enough`.  Throws OutOfTime,
  // and has then not moved (the coordinates may be whitened anew).
  bool step(double enough);
  [[nodiscard]] GaussianPoint point() const { return whitening_.at(w_); }
  [[nodiscard]] double elbo() const { return -at_.value; }
  // How far the maximum is, in q's sds, by what L-BFGS knows of the curvature.
  [[nodiscard]] double remaining() const;
  [[nodiscard]] std::int64_t draws() const { return eps_.rows(); }
  // Draws at whose start the log joint was not finite, left out.
  [[nodiscard]] std::int64_t n_masked() const { return n_masked_; }

 private:
  void leave_out(const std::vector<std::int64_t>& draws);
  void begin(const GaussianPoint& start);
  [[nodiscard]] Lbfgs::Value loss(const Eigen::VectorXd& w) const;

  ModelDensity* density_;
  RowMajorMatrix eps_;
  Whitening whitening_;
  Eigen::VectorXd w_;
  Lbfgs lbfgs_;
  Lbfgs::Value at_;
  std::uint32_t scramble_ = 0;
  std::int64_t steps_ = 0, n_masked_ = 0;
  std::vector<std::int64_t> masked_;  // which, ascending
};

}  // namespace velbo::internal

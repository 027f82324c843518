// mixtures/gaussian_mixture_model.h - a Gaussian mixture and its rows, as the engines of conjugate models see it.
#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "backend/mixture_ops.h"
#include "conjugate/conjugate_model.h"
#include "mixtures/mixture_data.h"
#include "mixtures/mixture_globals.h"
#include "velbo/context.h"

namespace velbo::internal {

// What a CUDA device needs of rows for local steps, on the device or on the way there; of the CPU nothing.  Rows must outlive it.
std::shared_ptr<const PreparedMixtureRows> prepare_rows(const FeatureMatrix& x, std::span<const double> weights,
                                                        const MixtureUnits& units, Scalar scalar,
                                                        const Context& context);

class GaussianMixtureModel final : public ConjugateModel {
 public:
  // Rows and weights must outlive it.  scalar: float32 or float64.  prepared: by prepare_rows() of the same; nullptr: nothing is.
  GaussianMixtureModel(const FeatureMatrix& x, std::span<const double> weights, const MixtureUnits& units,
                       MixtureGlobals globals, Scalar scalar, const Context& context, bool merges,
                       std::shared_ptr<const PreparedMixtureRows> prepared = nullptr);

  [[nodiscard]] std::int64_t n_units() const override { return x_.n_rows(); }
  [[nodiscard]] std::int64_t n_statistics() const override { return globals_.layout().size(); }
  void set_statistics(std::span<const double> statistics) override { globals_.set(statistics); }
  double local_step(UnitRange units, bool keep, std::span<double> statistics) override;
  [[nodiscard]] double statistics_term(std::span<const double> statistics) const override {
    return globals_.statistics_term(statistics);
  }
  [[nodiscard]] double global_elbo() const override { return globals_.minus_kl(); }
  // Two components become the one of lower number.
  bool propose(std::span<const double> statistics, std::span<double> proposal) override;
  void judge(bool accepted) override;
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

  // Sums of rows with these responsibilities [n, K].
  void add_statistics(UnitRange units, const double* responsibilities, std::span<double> statistics) const;
  // What q(z) is, [n, K]; log_normaliser [n] may be null.
  void responsibilities(UnitRange units, double* out, double* log_normaliser = nullptr) const;

  [[nodiscard]] const MixtureGlobals& globals() const { return globals_; }
  [[nodiscard]] std::int64_t merges() const { return n_merges_; }

 private:
  double run(UnitRange units, std::span<double> statistics, const MixtureLocals& locals) const;

  using Pair = std::pair<Eigen::Index, Eigen::Index>;
  FeatureMatrix x_;
  std::span<const double> weights_;
  std::vector<double> centre_, inverse_unit_;
  MixtureGlobals globals_;
  Scalar scalar_;
  Context context_;
  bool merges_;
  std::shared_ptr<const PreparedMixtureRows> prepared_;
  std::int64_t n_merges_ = 0;
  Pair proposed_{};
  std::set<Pair> rejected_;  // not tried again before one of the two has changed by a merge
};

// `merged` [n_statistics] with component b's part added to a's and taken from b.
void merge_statistics(const MixtureLayout& layout, Eigen::Index a, Eigen::Index b, std::span<double> merged);

}  // namespace velbo::internal

// engines/starts.h - the starts of a fit of a model in code, and what came of each.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engines/engine.h"
#include "models/model_density.h"

namespace velbo::internal {

// One start and `restarts` more, made one after the other.  Of their answers the one with the highest ELBO is kept, unless an earlier
// one's is within two standard errors.
class Starts {
 public:
  Starts(GaussianPoint first, std::int64_t restarts, Key key);

  [[nodiscard]] std::int64_t count() const { return count_; }
  // Starts whose answers are known; the number of the one to make next.
  [[nodiscard]] std::int64_t made() const { return static_cast<std::int64_t>(outcomes_.size()); }
  [[nodiscard]] bool are_over() const { return made() == count_; }
  // Start number i.  0 is the first; the others have its covariance and means scattered about its own by 1, 2, 1, 2 ... of its sds, the
  // first of several tries at which the log joint is finite.  Of one start there is no covariance.
  [[nodiscard]] GaussianPoint at(std::int64_t i, ModelDensity& density) const;

  void keep(const GaussianPoint& answer, double elbo, double elbo_se);
  void keep_failure(std::string why);

  [[nodiscard]] const std::optional<GaussianPoint>& best() const { return best_; }  // empty: none yet
  [[nodiscard]] double best_elbo() const { return outcomes_[best_index_].elbo; }
  [[nodiscard]] double best_elbo_se() const { return outcomes_[best_index_].elbo_se; }
  [[nodiscard]] const std::string& first_failure() const;
  // Fills in report.starts, where there were several.
  void tell(EngineReport& report) const;
  // That there are other optima, or that starts failed.
  [[nodiscard]] std::vector<std::string> findings() const;

  void save(EngineState& state) const;
  void load(const EngineState& state);

 private:
  struct Outcome {
    double elbo = std::numeric_limits<double>::quiet_NaN(), elbo_se = 0;
    Eigen::VectorXd mean, sd;  // empty: failed
    std::string failure;
  };
  [[nodiscard]] bool same_as_best(const Outcome& outcome) const;

  GaussianPoint first_;
  std::int64_t count_;
  Key key_;
  std::vector<Outcome> outcomes_;
  std::optional<GaussianPoint> best_;
  std::size_t best_index_ = 0;
};

}  // namespace velbo::internal

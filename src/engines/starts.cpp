// engines/starts.cpp
#include "engines/starts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "objectives/draws.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::uint32_t kTries = 20;  // for a start at which the log joint is finite
// A climb ends within some tenths of an sd of its optimum, farther on funnels.
constexpr double kOtherMean = 3, kOtherSd = 3;  // posterior sds (the smaller's); ratio of two sds

}  // namespace

Starts::Starts(GaussianPoint first, std::int64_t restarts, Key key)
    : first_(std::move(first)), count_(1 + restarts), key_(key) {
  if (count_ == 1) first_.factor.resize(0, 0);  // 200 MB at D = 5,000 that at() has no use for
}

GaussianPoint Starts::at(std::int64_t i, ModelDensity& density) const {
  GaussianPoint out = first_;
  if (i == 0 || count_ == 1) return out;
  const double scale = i % 2 == 1 ? 1 : 2;
  Eigen::VectorXd eps(out.dimension()), gradient(out.dimension());
  for (std::uint32_t attempt = 0; attempt < kTries; ++attempt) {
    standard_normals(fold_in(key_, static_cast<std::uint64_t>(i)), attempt, 0, 0,
                     std::span<double>(eps.data(), static_cast<std::size_t>(eps.size())));
    eps *= scale;
    out.mean = first_.mean + first_.factor.triangularView<Eigen::Lower>() * eps;
    double value = 0;
    density.evaluate(1, out.mean.data(), &value, gradient.data());
    if (std::isfinite(value) && gradient.allFinite()) break;
  }
  return out;
}

void Starts::keep(const GaussianPoint& answer, double elbo, double elbo_se) {
  outcomes_.push_back({elbo, elbo_se, answer.mean, answer.sd(), {}});
  if (best_ && !(elbo - best_elbo() > 2 * std::hypot(elbo_se, best_elbo_se()))) return;
  best_ = answer;
  best_index_ = outcomes_.size() - 1;
}

void Starts::keep_failure(std::string why) {
  outcomes_.emplace_back();
  outcomes_.back().failure = std::move(why);
}

const std::string& Starts::first_failure() const {
  static const std::string none;
  const auto found =
      std::find_if(outcomes_.begin(), outcomes_.end(), [](const Outcome& o) { return !o.failure.empty(); });
  return found == outcomes_.end() ? none : found->failure;
}

bool Starts::same_as_best(const Outcome& outcome) const {
  const Outcome& best = outcomes_[best_index_];
  if (!best_ || outcome.mean.size() == 0) return false;
  const Eigen::ArrayXd distance = (outcome.mean - best.mean).array().abs() / outcome.sd.cwiseMin(best.sd).array();
  const Eigen::ArrayXd ratio = (outcome.sd.array() / best.sd.array()).log().abs();
  return distance.maxCoeff() <= kOtherMean && ratio.maxCoeff() <= std::log(kOtherSd);
}

void Starts::tell(EngineReport& report) const {
  report.starts.clear();
  if (count_ == 1) return;
  for (const Outcome& outcome : outcomes_)
    report.starts.push_back({outcome.elbo, outcome.elbo_se, same_as_best(outcome)});
  report.best_start = static_cast<std::int64_t>(best_index_);
}

std::vector<std::string> Starts::findings() const {
  std::vector<std::string> others;
  std::int64_t failed = 0;
  for (const Outcome& outcome : outcomes_) {
    if (outcome.mean.size() == 0) {
      ++failed;
    } else if (!same_as_best(outcome)) {
      others.push_back(fmt::format("{:.2f} +- {:.2g}", outcome.elbo, outcome.elbo_se));
    }
  }
  std::vector<std::string> out;
  if (!others.empty())
    out.push_back(
        fmt::format("{} of {} starts ended at other optima, of ELBO {} (the best: {:.2f} +- {:.2g}): the posterior "
                    "may have several modes, and this fit is of one",
                    others.size(), made(), fmt::join(others, ", "), best_elbo(), best_elbo_se()));
  if (failed > 0 && best_)
    out.push_back(fmt::format("{} of {} starts led nowhere: {}", failed, made(), first_failure()));
  return out;
}

void Starts::save(EngineState& state) const {
  state.set("starts.made", made());
  state.set("starts.best_index", static_cast<std::int64_t>(best_index_));
  if (best_) state.set("starts.best", *best_);
  for (std::size_t i = 0; i < outcomes_.size(); ++i) {
    const std::string name = fmt::format("starts.{}", i);
    state.set(name + ".elbo", outcomes_[i].elbo);
    state.set(name + ".elbo_se", outcomes_[i].elbo_se);
    state.set_text(name + ".failure", outcomes_[i].failure);
    if (outcomes_[i].mean.size() == 0) continue;
    state.set(name + ".mean", Eigen::MatrixXd(outcomes_[i].mean));
    state.set(name + ".sd", Eigen::MatrixXd(outcomes_[i].sd));
  }
}

void Starts::load(const EngineState& state) {
  const std::int64_t made = state.whole("starts.made"), best = state.whole("starts.best_index");
  if (made < 0 || made > count_ || best < 0 || best > made)
    throw Error(ErrorCode::file,
                fmt::format("the checkpoint has made {} starts of {}, the best {}", made, count_, best));
  outcomes_.assign(static_cast<std::size_t>(made), {});
  best_index_ = static_cast<std::size_t>(best);
  best_.reset();
  if (state.has("starts.best.mean")) best_ = state.point("starts.best", first_);
  for (std::size_t i = 0; i < outcomes_.size(); ++i) {
    const std::string name = fmt::format("starts.{}", i);
    Outcome& outcome = outcomes_[i];
    outcome.elbo = state.number(name + ".elbo");
    outcome.elbo_se = state.number(name + ".elbo_se");
    outcome.failure = state.text(name + ".failure");
    if (!state.has(name + ".mean")) continue;
    outcome.mean = state.vector(name + ".mean");
    outcome.sd = state.vector(name + ".sd");
    if (outcome.mean.size() != first_.dimension() || outcome.sd.size() != first_.dimension())
      throw Error(ErrorCode::file, fmt::format("the checkpoint's start {} is not of this model", i));
  }
  if (best_ && (best_index_ >= outcomes_.size() || outcomes_[best_index_].mean.size() == 0))
    throw Error(ErrorCode::file, "the checkpoint's best start is none");
}

}  // namespace velbo::internal

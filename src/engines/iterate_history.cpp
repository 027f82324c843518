// engines/iterate_history.cpp
#include "engines/iterate_history.h"

#include "diagnostics/iterates.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::size_t kMostKept = 512;

}  // namespace

void IterateHistory::restart() {
  kept_.clear();
  seen_ = 0;
  stride_ = 1;
}

void IterateHistory::add(const GaussianPoint& iterate) {
  if (seen_++ % stride_ != 0) return;
  Eigen::ArrayXd numbers(2 * iterate.dimension());
  numbers << iterate.mean.array(), iterate.sd().array().log();
  kept_.push_back(std::move(numbers));
  if (kept_.size() <= kMostKept) return;
  for (std::size_t i = 0; 2 * i < kept_.size(); ++i)
    if (i > 0) kept_[i] = std::move(kept_[2 * i]);
  kept_.resize((kept_.size() + 1) / 2);
  stride_ *= 2;
}

Stationarity IterateHistory::stationarity(const Eigen::VectorXd& unit) const {
  if (kept_.empty()) return {};
  const auto n = static_cast<Eigen::Index>(kept_.size());
  const Eigen::Index d = kept_[0].size() / 2;
  Eigen::ArrayXXd series(n, 2 * d);
  for (Eigen::Index t = 0; t < n; ++t) series.row(t) = kept_[static_cast<std::size_t>(t)].transpose();
  const Window window = best_window(series);
  if (window.length == 0) return {};
  Eigen::ArrayXd error = batch_means_se(series.bottomRows(window.length));
  error.head(d) /= unit.array();
  return {window.rhat, error.allFinite() ? error.maxCoeff() : std::numeric_limits<double>::infinity()};
}

void IterateHistory::save(EngineState& state) const {
  state.set("iterates.seen", seen_);
  state.set("iterates.stride", stride_);
  if (kept_.empty()) return;
  Eigen::MatrixXd all(kept_[0].size(), static_cast<Eigen::Index>(kept_.size()));
  for (std::size_t i = 0; i < kept_.size(); ++i) all.col(static_cast<Eigen::Index>(i)) = kept_[i];
  state.set("iterates", all);
}

void IterateHistory::load(const EngineState& state, std::int64_t dimension) {
  restart();
  if (!state.has("iterates.seen")) return;  // of an engine that had no iterates to keep
  seen_ = state.whole("iterates.seen");
  stride_ = state.whole("iterates.stride");
  if (!state.has("iterates")) return;
  const Eigen::MatrixXd all = state.matrix("iterates");
  if (all.rows() != 2 * dimension || stride_ < 1)
    throw Error(ErrorCode::file, "the checkpoint's \"iterates\" are of another size than the model");
  for (Eigen::Index i = 0; i < all.cols(); ++i) kept_.emplace_back(all.col(i).array());
}

}  // namespace velbo::internal

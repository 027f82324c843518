// engines/ascent.cpp
#include "engines/ascent.h"

#include "velbo/error.h"

namespace velbo::internal {

void Ascent::begin(Whitening coordinates) {
  whitening = std::move(coordinates);
  w = Eigen::VectorXd::Zero(whitening.size());
  optimizer.restart();
  average.restart();
}

void Ascent::step(Eigen::VectorXd gradient, const Eigen::VectorXd& rate, double longest_mean_step) {
  clip.apply(gradient);
  Eigen::VectorXd change = optimizer.step(gradient, rate);
  const Eigen::Index d = whitening.reference().dimension();
  const double length = change.head(d).norm();
  if (length > longest_mean_step) change.head(d) *= longest_mean_step / length;
  auto factor_change = change.tail(change.size() - d);
  const double longest = factor_change.cwiseAbs().maxCoeff();
  if (longest > kLongestFactorStep) factor_change *= kLongestFactorStep / longest;
  w += change;
  average.add(w);
}

void Ascent::save(EngineState& state) const {
  state.set("reference", whitening.reference());
  state.set("mean_factor", whitening.mean_factor());
  state.set("w", Eigen::MatrixXd(w));
  state.set("optimizer.first", Eigen::MatrixXd(optimizer.state().first));
  state.set("optimizer.second", Eigen::MatrixXd(optimizer.state().second));
  state.set("optimizer.steps", optimizer.state().steps);
  state.set("clip", clip.usual());
  state.set("average", Eigen::MatrixXd(average.value()));
  state.set("average.count", average.count());
}

void Ascent::load(const EngineState& state, const GaussianPoint& like) {
  whitening = Whitening(state.point("reference", like), state.matrix("mean_factor"));
  w = state.vector("w");
  if (w.size() != whitening.size())
    throw Error(ErrorCode::file, "the checkpoint's \"w\" is of another size than the model");
  optimizer.set_state(
      {state.vector("optimizer.first"), state.vector("optimizer.second"), state.whole("optimizer.steps")});
  clip.set_usual(state.number("clip"));
  average.set(state.vector("average"), state.whole("average.count"));
}

}  // namespace velbo::internal

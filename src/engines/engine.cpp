// engines/engine.cpp - the parts of states that engines share.
#include "engines/engine.h"

#include <cmath>

namespace velbo::internal {

void save_report(const EngineReport& report, EngineState& state) {
  state.set("report.elbo", report.elbo);
  state.set("report.elbo_se", report.elbo_se);
  state.set("report.error_sd", report.error_sd);
  if (!std::isnan(report.iterate_rhat)) state.set("report.iterate_rhat", report.iterate_rhat);
  state.set("report.on_all_data", std::int64_t{report.on_all_data ? 1 : 0});
  state.set("report.diverged", std::int64_t{report.diverged ? 1 : 0});
  state.set("report.stalled", std::int64_t{report.stalled ? 1 : 0});
  state.set("report.steps", report.steps);
  state.set("report.evaluations", report.evaluations);
  state.set("report.rejected_steps", report.rejected_steps);
  state.set("report.rows_read", report.rows_read);
  state.set_text("report.message", report.message);
  state.set_text("report.stage", report.stage);
}

EngineReport load_report(const EngineState& state) {
  return {.elbo = state.number("report.elbo"),
          .elbo_se = state.number("report.elbo_se"),
          .error_sd = state.number("report.error_sd"),
          .iterate_rhat = state.has("report.iterate_rhat") ? state.number("report.iterate_rhat")
                                                           : std::numeric_limits<double>::quiet_NaN(),
          .on_all_data = state.whole("report.on_all_data") != 0,
          .diverged = state.whole("report.diverged") != 0,
          .stalled = state.whole("report.stalled") != 0,
          .message = state.text("report.message"),
          .stage = state.text("report.stage"),
          .steps = state.whole("report.steps"),
          .evaluations = state.whole("report.evaluations"),
          .rejected_steps = state.whole("report.rejected_steps"),
          .rows_read = state.whole("report.rows_read"),
          .starts = {}};
}

void save_expected(const std::string& name, const ExpectedLogJoint& expected, EngineState& state) {
  state.set(name + ".value", expected.value);
  state.set(name + ".slack", expected.slack);
  state.set(name + ".gradient", Eigen::MatrixXd(expected.gradient));
  state.set(name + ".curvature", expected.curvature);
}

ExpectedLogJoint load_expected(const std::string& name, const EngineState& state) {
  return {.value = state.number(name + ".value"),
          .slack = state.number(name + ".slack"),
          .gradient = state.vector(name + ".gradient"),
          .curvature = state.matrix(name + ".curvature")};
}

}  // namespace velbo::internal

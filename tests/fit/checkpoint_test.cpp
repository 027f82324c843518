// A fit that was cut off and goes on from its checkpoint has the bits of one that was not, whatever engine and family.
#include "fit/checkpoint.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/scratch.h"
#include "support/simulate.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

struct Case {
  std::string name;
  FitOptions options;
  std::int64_t rows = 400;
};

std::vector<Case> cases() {
  std::vector<Case> out;
  out.push_back({"newton_full_rank", {.engine = EngineKind::newton, .tolerance = 1e-7}, 25000});  // with stages
  out.push_back(
      {"newton_mean_field", {.engine = EngineKind::newton, .family = FamilyKind::mean_field, .tolerance = 1e-7}});
  const auto gradient = [&](const std::string& name, auto&& change) {
    Case c{name, {.engine = EngineKind::gradient, .tolerance = 1e-4, .max_steps = 100}};
    c.options.gradient.batch_size = 64;
    change(c.options);
    out.push_back(c);
  };
  gradient("anchored", [](FitOptions& o) { o.gradient.estimator = Estimator::weights; });
  gradient("plain", [](FitOptions& o) {
    o.gradient.variance_reduction = VarianceReduction::none;
    o.gradient.momentum = 0.5;
  });
  gradient("adam_mean_field", [](FitOptions& o) {
    o.family = FamilyKind::mean_field;
    o.gradient.optimizer = OptimizerKind::adam;
    o.gradient.estimator = Estimator::local;
  });
  gradient("low_rank", [](FitOptions& o) {
    o.family = FamilyKind::low_rank;
    o.rank = 2;
  });
  return out;
}

void expect_same_bits(const Fit& a, const Fit& b) {
  EXPECT_EQ(a.posterior.unconstrained_mean(), b.posterior.unconstrained_mean());
  EXPECT_EQ(a.posterior.unconstrained_covariance(), b.posterior.unconstrained_covariance());
  EXPECT_EQ(a.summary.quality.elbo, b.summary.quality.elbo);
  EXPECT_EQ(a.summary.quality.error_sd, b.summary.quality.error_sd);
  EXPECT_EQ(a.summary.fit.status, b.summary.fit.status);
  EXPECT_EQ(a.summary.fit.steps, b.summary.fit.steps);
  EXPECT_EQ(a.summary.fit.rows_read, b.summary.fit.rows_read);
  EXPECT_EQ(a.summary.fit.gradient_evaluations, b.summary.fit.gradient_evaluations);
}

class Checkpoints : public testing::TestWithParam<Case> {};

TEST_P(Checkpoints, AResumedFitHasTheBitsOfAnUninterruptedOne) {
  const test::ScratchFolder folder;
  const Glm model("y ~ x1 + x2 + x3", Likelihood::bernoulli, test::logistic_table(GetParam().rows, 3, 6));
  FitOptions options = GetParam().options;
  options.diagnostic_draws = 100;  // the diagnosis is not what is tested
  const Fit whole = velbo::fit(model, options);
  const std::int64_t steps = whole.summary.fit.steps;
  ASSERT_GE(steps, 3);
  for (const std::int64_t cut : {std::int64_t{1}, steps / 2, steps - 1}) {
    FitOptions first = options;
    first.checkpoint = folder.file("fit.checkpoint");
    first.checkpoint_seconds = 0;
    first.progress = [&](const StepReport& report) { return report.step < cut; };
    EXPECT_EQ(velbo::fit(model, first).summary.fit.status, Status::interrupted);
    FitOptions second = options;
    second.resume = first.checkpoint;
    second.checkpoint = first.checkpoint;
    second.threads = 1;
    expect_same_bits(velbo::fit(model, second), whole);
    // A fit that is over is over: nothing is added by going on.
    expect_same_bits(velbo::fit(model, second), whole);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Checkpoints, testing::ValuesIn(cases()), [](const auto& p) { return p.param.name; });

TEST(Checkpoints, BelongToOneModelAndOneSetOfOptions) {
  const test::ScratchFolder folder;
  const std::string path = folder.file("fit.checkpoint");
  const Table table = test::logistic_table(300, 2, 7);
  const Glm model("y ~ x1 + x2", Likelihood::bernoulli, table);
  FitOptions options{.engine = EngineKind::gradient, .max_steps = 5, .checkpoint = path};
  options.gradient.batch_size = 50;
  static_cast<void>(velbo::fit(model, options));
  const auto resumed = [&](const Glm& other, auto&& change) {
    FitOptions second = options;
    second.checkpoint.clear();
    second.resume = path;
    change(second);
    return test::error_of([&] { static_cast<void>(velbo::fit(other, second)); }, path);
  };
  EXPECT_EQ(resumed(model, [](FitOptions& o) { o.max_steps = 7; }), "nothing");
  EXPECT_EQ(resumed(model, [](FitOptions& o) { o.gradient.batch_size = 60; }),
            "argument| FILE: is of a fit with batch_size 50, but this one has 60");
  EXPECT_EQ(resumed(model, [](FitOptions& o) { o.seed = 3; }),
            "argument| FILE: is of a fit with seed 1, but this one has 3");
  EXPECT_NE(resumed(Glm("y ~ x1", Likelihood::bernoulli, table), [](FitOptions&) {}).find("is of a fit with"),
            std::string::npos);
  Table changed;  // in one number
  std::vector<double> x = table.at("x1").numbers;
  x[17] += 1e-9;
  changed.add_numbers("y", table.at("y").numbers);
  changed.add_numbers("x1", x);
  changed.add_numbers("x2", table.at("x2").numbers);
  EXPECT_NE(
      resumed(Glm("y ~ x1 + x2", Likelihood::bernoulli, changed), [](FitOptions&) {}).find("is of a fit with data"),
      std::string::npos);
}

TEST(Checkpoints, FilesThatAreNoneAreRefused) {
  const test::ScratchFolder folder;
  const Glm model("y ~ x1 + x2", Likelihood::bernoulli, test::logistic_table(300, 2, 7));
  const auto refused = [&](const std::string& path) {
    return test::error_of([&] { static_cast<void>(velbo::fit(model, {.resume = path})); }, path);
  };
  EXPECT_EQ(refused(folder.file("absent")).substr(0, 11), "file| FILE:");
  EXPECT_EQ(refused(folder.file("text", "not a checkpoint")).substr(0, 11), "file| FILE:");
  const Fit fit = velbo::fit(model, {.checkpoint = folder.file("good")});
  fit.save(folder.file("posterior"));
  EXPECT_EQ(refused(folder.file("posterior")), "file| FILE: is not a checkpoint of a fit");
  // One flipped bit anywhere is noticed.
  const std::string bytes = test::read_bytes(folder.file("good"));
  for (std::size_t at = 0; at < bytes.size(); at += 97) {
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 4);
    EXPECT_EQ(refused(folder.file("broken", broken)).substr(0, 5), "file|") << at;
  }
  EXPECT_EQ(refused(folder.file("short", bytes.substr(0, bytes.size() / 2))).substr(0, 5), "file|");
}

}  // namespace
}  // namespace velbo

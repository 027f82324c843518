// Fits of models in code that are interrupted, out of time, resumed, or started from earlier ones.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>

#include "support/errors.h"
#include "support/scratch.h"
#include "support/small_models.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using test::error_of;
using test::exact_model;
using test::funnel;

// Interrupted while climbing and while polishing.
TEST(ModelLimits, GoesOnFromACheckpointWithTheSameBits) {
  constexpr double kCoarse = 0.1;  // which takes a tenth of the draws
  const test::ScratchFolder folder;
  for (const FamilyKind family : {FamilyKind::full_rank, FamilyKind::mean_field}) {
    const Fit whole = velbo::fit(funnel(), {.family = family, .tolerance = kCoarse});
    for (const std::int64_t steps :
         std::vector<std::int64_t>{1, 7, 30, whole.summary.fit.steps - 12, whole.summary.fit.steps - 1}) {
      FitOptions options{.family = family, .tolerance = kCoarse};
      options.checkpoint = folder.file("fit");
      options.max_steps = steps;
      const Fit part = velbo::fit(funnel(), options);
      ASSERT_EQ(part.summary.fit.steps, steps);
      ASSERT_EQ(part.summary.fit.family, name(family));
      // A mean-field q is not known to be near its optimum before two numbers of draws agree, in the step before the last.
      if (family == FamilyKind::mean_field && steps < whole.summary.fit.steps - 1) {
        EXPECT_EQ(part.summary.fit.status, Status::max_steps) << steps;
      }
      FitOptions on{.family = family, .tolerance = kCoarse};
      on.resume = folder.file("fit");
      const Fit rest = velbo::fit(funnel(), on);
      EXPECT_EQ(rest.posterior.unconstrained_mean(), whole.posterior.unconstrained_mean()) << steps;
      EXPECT_EQ(rest.posterior.unconstrained_covariance(), whole.posterior.unconstrained_covariance()) << steps;
      EXPECT_EQ(rest.summary.quality.elbo, whole.summary.quality.elbo) << steps;
      EXPECT_EQ(rest.summary.fit.steps, whole.summary.fit.steps);
      EXPECT_EQ(rest.summary.fit.gradient_evaluations, whole.summary.fit.gradient_evaluations) << steps;
      // A fit of another model does not.
      const std::string refusal =
          error_of([&] { static_cast<void>(velbo::fit(exact_model(), on)); }, folder.file("fit"));
      EXPECT_TRUE(refusal.starts_with("argument| FILE: is of a fit with log joint ")) << refusal;
    }
  }
}

TEST(ModelLimits, StartsFromAnEarlierFit) {
  const Fit first = velbo::fit(funnel());
  FitOptions options;
  options.init = first.posterior;
  options.seed = 3;
  const Fit second = velbo::fit(funnel(), options);
  EXPECT_EQ(second.summary.fit.status, Status::converged);
  EXPECT_LT(second.summary.fit.steps, first.summary.fit.steps);
  EXPECT_NEAR(second.summary.quality.elbo, first.summary.quality.elbo, 0.03);
  options.init = velbo::fit(exact_model()).posterior;
  EXPECT_EQ(error_of([&] { static_cast<void>(velbo::fit(funnel(), options)); }),
            "argument| the fit to start from has other parameters or constraints: z[1], z[2], s, expected mu, tau, "
            "school[1], school[2], "
            "school[3], school[4], school[5], school[6], school[7], school[8]");
}

TEST(ModelLimits, ReportsAndCanBeInterrupted) {
  FitOptions options;
  std::int64_t calls = 0;
  std::vector<std::string> stages;
  options.progress = [&](const StepReport& report) {
    ++calls;
    EXPECT_EQ(report.step, calls);
    EXPECT_GE(report.progress, 0);
    EXPECT_LE(report.progress, 1);
    if (stages.empty() || stages.back() != report.stage) stages.emplace_back(report.stage);
    return true;
  };
  const Fit fit = velbo::fit(funnel(), options);
  EXPECT_EQ(calls, fit.summary.fit.steps);
  ASSERT_GE(stages.size(), 3U);
  EXPECT_EQ(stages[0], "climbing, 32 draws");
  EXPECT_EQ(stages[1], "polishing, 1024 draws");
  EXPECT_EQ(stages.back(), "checking");
  options.progress = [](const StepReport& report) { return report.step < 5; };
  const Fit cut = velbo::fit(funnel(), options);
  EXPECT_EQ(cut.summary.fit.status, Status::interrupted);
  EXPECT_EQ(cut.summary.fit.steps, 5);
  EXPECT_TRUE(std::isfinite(cut.summary.quality.elbo));
  EXPECT_EQ(cut.summary.quality.verdict, Verdict::unreliable);
}

// A quarter of a millisecond a draw: a step of polishing takes a tenth of a second and more.
struct Slow {
  template <class T>
  T operator()(const T* theta) const {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    return test::Exact{}(theta);
  }
};

// Once, at the evaluation that a countdown says, it takes longer than the whole fit may.
struct Sleepy {
  std::shared_ptr<std::atomic<std::int64_t>> countdown;
  template <class T>
  T operator()(const T* theta) const {
    if (countdown->fetch_sub(1) == 1) std::this_thread::sleep_for(std::chrono::milliseconds(120));
    return test::Exact{}(theta);
  }
};

// Out of time in climbs, comparisons, polishing and checks, some of them within steps of several evaluations; what goes on from the
// checkpoint is the fit that was never out of time.  What an unfinished step began leaves nothing behind, in counts neither.
TEST(ModelLimits, AFitThatRanOutOfTimeGoesOnWithTheSameBits) {
  const test::ScratchFolder folder;
  const FitOptions options{.tolerance = 0.1, .diagnostic_draws = 500, .restarts = 1};
  const Fit whole = velbo::fit(exact_model(), options);
  ASSERT_EQ(whole.summary.fit.status, Status::converged);
  int out_of_time = 0;
  for (std::int64_t at = 40; at < 20000; at += 1313) {
    const auto countdown = std::make_shared<std::atomic<std::int64_t>>(at);
    FitOptions part = options, rest = options;
    part.checkpoint = rest.resume = folder.file("fit");
    part.max_seconds = 0.1;
    const Fit cut = velbo::fit(Model({real("z", {2}), positive("s")}, Sleepy{countdown}, "exact"), part);
    out_of_time += cut.summary.fit.status == Status::max_seconds ? 1 : 0;
    const Fit resumed = velbo::fit(exact_model(), rest);
    EXPECT_EQ(resumed.posterior.unconstrained_mean(), whole.posterior.unconstrained_mean()) << at;
    EXPECT_EQ(resumed.posterior.unconstrained_covariance(), whole.posterior.unconstrained_covariance()) << at;
    EXPECT_EQ(resumed.summary.quality.elbo, whole.summary.quality.elbo) << at;
    EXPECT_EQ(resumed.summary.quality.k_hat, whole.summary.quality.k_hat) << at;
    EXPECT_EQ(resumed.summary.fit.steps, whole.summary.fit.steps) << at;
    EXPECT_EQ(resumed.summary.fit.gradient_evaluations, whole.summary.fit.gradient_evaluations) << at;
  }
  EXPECT_GE(out_of_time, 5);
}

TEST(ModelLimits, KeepsToItsTimeWithinSteps) {
  const Model model({real("z", {2}), positive("s")}, Slow{});
  for (const double seconds :
       {0.05, 0.8}) {  // while climbing; while polishing, each step of which takes 0.1 s and more
    FitOptions options{.max_seconds = seconds};
    const auto begin = std::chrono::steady_clock::now();
    const Fit fit = velbo::fit(model, options);
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    EXPECT_EQ(fit.summary.fit.status, Status::max_seconds);
    EXPECT_LT(took, seconds + 1);  // the whole fit takes some ten seconds
    EXPECT_NE(fit.summary.quality.verdict, Verdict::good);
    EXPECT_EQ(fit.posterior.names().size(), 3U);
  }
}

}  // namespace
}  // namespace velbo

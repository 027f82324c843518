// A fit that was cut off and goes on from its checkpoint has the bits of one that was not, whatever engine and family.
#include "fit/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "fit/make_engine.h"
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

// Whatever an engine saves it loads: a state with every number another one comes back as it went in.
TEST_P(Checkpoints, EveryNumberOfAStateComesBack) {
  using namespace internal;
  GlmOptions priors;
  priors.prior = Prior::flat();  // with which engines remember where they began
  const Glm model("y ~ x1 + x2 + x3", Likelihood::bernoulli, test::logistic_table(GetParam().rows, 3, 6), priors);
  FitOptions options = GetParam().options;
  if (options.engine == EngineKind::newton) options.tolerance = 1e-3;  // so that the last step is one without a pass
  const Choices choices = choose(model.data(), options);
  const Context context(choices.device, 1);
  const auto engine = make_engine(model.data(), context, choices, options);
  for (int step = 0; step < 30; ++step) {
    engine->advance(1);
    EngineState state;
    engine->save(state);
    for (auto& [name, entry] : state.entries()) {
      if (name == "stage" || name == "started") continue;           // of few values, on which others depend
      if (name == "sample_rows" && entry.values[0] == 0) continue;  // no sample, or one that nobody has read
      const bool flag = name == "report.on_all_data" || name == "report.diverged" || name == "report.stalled";
      for (double& value : entry.values) value = flag ? 1 - value : value + 1;
    }
    for (auto& [name, text] : state.texts()) text += "?";
    const auto other = make_engine(model.data(), context, choices, options);
    other->load(state);
    EngineState back;
    other->save(back);
    EXPECT_EQ(back.texts(), state.texts());
    for (const auto& [name, entry] : state.entries()) {
      ASSERT_TRUE(back.has(name)) << name;
      EXPECT_EQ(back.entries().at(name).shape, entry.shape) << name;
      EXPECT_EQ(back.entries().at(name).values, entry.values) << name;
    }
    EXPECT_EQ(back.entries().size(), state.entries().size());
  }
}

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

// Each option that the bits depend on, and each part of the model, alone.
TEST(Checkpoints, AnyChangeOfOptionsOrModelIsNamed) {
  using Change = std::function<void(FitOptions&)>;
  const test::ScratchFolder folder;
  const std::string path = folder.file("fit.checkpoint");
  const std::size_t n = 60;
  std::vector<double> x, y, weights, offset, trials;
  for (std::size_t i = 0; i < n; ++i) {
    x.push_back(static_cast<double>(i % 5));
    x.push_back(static_cast<double>(i % 7));
    y.push_back(i % 3 == 0 ? 1 : 0);
    weights.push_back(1 + static_cast<double>(i % 2));
    offset.push_back(0.1 * static_cast<double>(i % 4));
    trials.push_back(2);
  }
  const auto model = [&](Likelihood likelihood, double prior_sd) {
    GlmOptions options;
    options.prior = options.prior_intercept = Prior::normal(0, prior_sd);
    GlmArrays arrays{.x = {x.data(), static_cast<std::int64_t>(n), 2, 2}, .y = y};
    arrays.weights = weights;
    arrays.offset = offset;
    if (likelihood == Likelihood::binomial) arrays.trials = trials;
    return Glm(likelihood, arrays, options);
  };
  FitOptions base{.engine = EngineKind::gradient, .family = FamilyKind::low_rank, .rank = 1, .scalar = Scalar::float32};
  base.max_steps = 3;
  base.diagnostic_draws = 100;
  base.gradient.estimator = Estimator::weights;
  base.gradient.draws = 4;
  base.gradient.batch_size = 20;
  const auto expect_named = [&](const std::string& what, const Glm& other, const Change& change) {
    FitOptions second = base;
    second.resume = path;
    change(second);
    EXPECT_THAT(test::error_of([&] { static_cast<void>(velbo::fit(other, second)); }, path),
                testing::StartsWith("argument| FILE: is of a fit with " + what + " "));
  };
  const auto start = [&](const Glm& of) {
    FitOptions first = base;
    first.checkpoint = path;
    static_cast<void>(velbo::fit(of, first));
  };

  const Glm same = model(Likelihood::bernoulli, 1);
  start(same);
  const std::vector<std::pair<std::string, Change>> changes = {
      {"engine",
       [](FitOptions& o) {
         o.engine = EngineKind::newton, o.family = FamilyKind::full_rank, o.rank = 0, o.gradient = {};
       }},
      {"family", [](FitOptions& o) { o.family = FamilyKind::mean_field, o.rank = 0; }},
      {"rank", [](FitOptions& o) { o.rank = 2; }},
      {"scalar", [](FitOptions& o) { o.scalar = Scalar::float64; }},
      {"seed", [](FitOptions& o) { o.seed = 2; }},
      {"tolerance", [](FitOptions& o) { o.tolerance *= 0.5; }},
      {"init", [&](FitOptions& o) { o.init = velbo::fit(same, base).posterior; }},
      {"estimator", [](FitOptions& o) { o.gradient.estimator = Estimator::local; }},
      {"draws", [](FitOptions& o) { o.gradient.draws = 5; }},
      {"draw_kind", [](FitOptions& o) { o.gradient.draw_kind = DrawKind::sobol; }},
      {"entropy", [](FitOptions& o) { o.gradient.entropy = EntropyGradient::sticking_the_landing; }},
      {"batch_size", [](FitOptions& o) { o.gradient.batch_size = 21; }},
      {"optimizer", [](FitOptions& o) { o.gradient.optimizer = OptimizerKind::adam; }},
      {"learning_rate", [](FitOptions& o) { o.gradient.learning_rate = 0.1; }},
      {"momentum", [](FitOptions& o) { o.gradient.momentum = 0.5; }},
      {"warm_up_steps", [](FitOptions& o) { o.gradient.warm_up_steps = 5; }},
      {"decay", [](FitOptions& o) { o.gradient.decay = 0.5; }},
      {"clip", [](FitOptions& o) { o.gradient.clip = 5; }},
      {"averaging", [](FitOptions& o) { o.gradient.averaging = !o.gradient.averaging; }},
      {"variance_reduction", [](FitOptions& o) { o.gradient.variance_reduction = VarianceReduction::none; }}};
  for (const auto& [what, change] : changes) expect_named(what, same, change);

  const Change none = [](FitOptions&) {};
  expect_named("likelihood", model(Likelihood::poisson, 1), none);
  expect_named("priors", model(Likelihood::bernoulli, 2), none);
  for (double* const number : {&x[7], &y[4], &weights[9], &offset[3]}) {
    const double before = std::exchange(*number, *number == 0 ? 1 : 0);
    expect_named("data", model(Likelihood::bernoulli, 1), none);
    *number = before;
  }
  x[0] += 2, x[20] -= 2;  // both 0 before: the column's mean is the same, its sd another
  expect_named("data", model(Likelihood::bernoulli, 1), none);
  x[0] = x[20] = 0;
  for (std::size_t i = 0; i < x.size(); i += 2) x[i] = -x[i];  // the sd the same, the mean another
  expect_named("data", model(Likelihood::bernoulli, 1), none);
  for (std::size_t i = 0; i < x.size(); i += 2) x[i] = -x[i];
  std::swap(weights[0], weights[35]);  // of rows that differ in y alone
  expect_named("data", model(Likelihood::bernoulli, 1), none);
  start(model(Likelihood::binomial, 1));
  trials[11] = 3;
  expect_named("data", model(Likelihood::binomial, 1), none);
}

// The same numbers stored otherwise are cut into other blocks, of which other batches are made.
TEST(Checkpoints, OtherBlocksOfRowsAreNamed) {
  const test::ScratchFolder folder;
  const std::int64_t n = 40000, d = 8;
  std::vector<float> x(static_cast<std::size_t>(n * d));
  std::vector<double> y(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * i + i / 8) % 17);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = i % 3 == 0 ? 1 : 0;
  const std::vector<double> wide(x.begin(), x.end());
  const Glm narrow(Likelihood::bernoulli, {.x = MatrixView<const float>{x.data(), n, d, d}, .y = y});
  const Glm doubles(Likelihood::bernoulli, {.x = MatrixView<const double>{wide.data(), n, d, d}, .y = y});
  FitOptions options{.scalar = Scalar::float32};
  options.max_steps = 2;
  options.checkpoint = folder.file("fit");
  options.gradient.batch_size = 4096;
  options.gradient.variance_reduction = VarianceReduction::none;
  static_cast<void>(velbo::fit(narrow, options));
  options.resume = std::exchange(options.checkpoint, "");
  EXPECT_EQ(test::error_of([&] { static_cast<void>(velbo::fit(narrow, options)); }), "nothing");
  EXPECT_THAT(test::error_of([&] { static_cast<void>(velbo::fit(doubles, options)); }, options.resume),
              testing::StartsWith("argument| FILE: is of a fit with blocks "));
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

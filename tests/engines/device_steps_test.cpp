// Gradient steps that a device makes on its own, against the same steps made by the host: with VELBO_TEST_DEVICE=cuda on a
// device, or on the emulator where its plugin is named.
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>

#include "engines/gradient.h"
#include "ops/device.h"
#include "support/small_glm.h"

namespace velbo::internal {
namespace {

struct Case {
  const char* name = "";
  Likelihood likelihood = Likelihood::bernoulli;
  FamilyKind family = FamilyKind::mean_field;
  Estimator estimator = Estimator::weights;
  std::int64_t batch = 64;  // of 211 rows: the last of an epoch is short
  void (*change)(GradientOptions&) = nullptr;
  bool extras = true;
  double column_mean = 0;
  GlmOptions model = small_priors();
  std::int64_t columns = 3;  // else bernoulli, without extras
  std::int64_t block_rows = 1;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

constexpr std::int64_t kRows = 211;

GradientOptions options_of(const Case& c) {
  GradientOptions out;
  out.estimator = c.estimator;
  out.draws = 5;
  out.batch_size = c.batch;
  out.optimizer = OptimizerKind::sgd;
  out.variance_reduction = c.batch < kRows ? VarianceReduction::anchor : VarianceReduction::none;
  if (c.change != nullptr) c.change(out);
  return out;
}

const Key kKey = make_key(77, Purpose::test);

// From one standard deviation off, so that steps are long.
template <class T>
GradientEngine make_engine(const GlmData& data, const Context& context, const Case& c, bool by_device) {
  const GradientOptions options = options_of(c);
  auto oracle = make_oracle<T>(data, context, c.family);
  GaussianPoint point = oracle->start(c.family);
  point.mean += point.sd();
  std::optional<BatchOrder> order;
  if (options.batch_size < data.n_rows)
    order.emplace(data.n_rows, options.batch_size, fold_in(kKey, 2), RowBlocks{c.block_rows});
  auto estimator = make_estimator<T>(data, context, point,
                                     {.estimator = options.estimator,
                                      .draws = options.draws,
                                      .draw_kind = options.draw_kind,
                                      .entropy = options.entropy},
                                     fold_in(kKey, 3));
  MakeStepRunner make_runner;
  if (by_device)
    make_runner = [&](const BatchOrder* batches, StepSettings settings) {
      settings.noise_key = fold_in(kKey, 3).value;
      auto runner = make_step_runner<T>(data, context, c.family, batches, settings);
      EXPECT_NE(runner, nullptr) << "left to the host";
      return runner;
    };
  return {data,
          std::move(oracle),
          std::move(estimator),
          std::move(order),
          {.options = options, .tolerance = 0, .float_rows = sizeof(T) == sizeof(float)},
          std::move(point),
          make_runner};
}

Glm model_of(const Case& c) {
  if (c.columns != 3) {
    const auto n = static_cast<std::size_t>(kRows), d = static_cast<std::size_t>(c.columns);
    std::vector<double> x(n * d), y(n);
    standard_normals(make_key(41, Purpose::test), 0, 0, 0, std::span<double>(x));
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i * d] + x[i * d + d - 1] > 0.2 ? 1 : 0;
    for (double& value : x) value += c.column_mean;
    return Glm(Likelihood::bernoulli, {.x = MatrixView<const double>{x.data(), kRows, c.columns, c.columns}, .y = y},
               c.model);
  }
  return make_small_glm({.likelihood = c.likelihood, .extras = c.extras, .n = kRows, .column_mean = c.column_mean},
                        c.model);
}

class DeviceSteps : public CudaTest, public testing::WithParamInterface<Case> {};

void expect_same(const EngineState& device, const EngineState& host, const char* name, double tolerance) {
  const Eigen::VectorXd a = device.vector(name), b = host.vector(name);
  ASSERT_EQ(a.size(), b.size()) << name;
  for (Eigen::Index i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], tolerance * (1 + b.cwiseAbs().maxCoeff())) << name << " " << i;
}

template <class T>
void expect_steps_of_the_host(const Case& c, double tolerance) {
  const Glm model = model_of(c);
  GradientEngine host = make_engine<T>(model.data(), Context(Device{}, 1), c, false);
  GradientEngine device = make_engine<T>(model.data(), test_context(), c, true);
  // Within the first round and beyond it; of wide models a few, which take the emulator long.
  const bool wide = c.columns > 100 && emulated();
  for (const std::int64_t more : wide ? std::vector<std::int64_t>{1, 2} : std::vector<std::int64_t>{1, 6, 20}) {
    host.advance(more);
    device.advance(more);
    EngineState a, b;
    device.save(a);
    host.save(b);
    ASSERT_EQ(device.report().diverged, host.report().diverged);
    EXPECT_EQ(device.report().steps, host.report().steps);
    EXPECT_EQ(device.report().rejected_steps, host.report().rejected_steps);
    EXPECT_EQ(a.whole("steps_in_round"), b.whole("steps_in_round"));
    EXPECT_EQ(a.whole("average.count"), b.whole("average.count"));
    EXPECT_EQ(a.whole("optimizer.steps"), b.whole("optimizer.steps"));
    EXPECT_EQ(a.number("damping"), b.number("damping"));
    expect_same(a, b, "w", tolerance);
    EXPECT_NEAR(a.number("clip"), b.number("clip"), tolerance * (1 + b.number("clip")));
    if (b.whole("average.count") > 0) expect_same(a, b, "average", tolerance);
    if (b.vector("optimizer.first").size() > 0) expect_same(a, b, "optimizer.first", tolerance);
    if (b.vector("optimizer.second").size() > 0) expect_same(a, b, "optimizer.second", tolerance);
    EXPECT_NEAR(device.report().elbo, host.report().elbo, tolerance * (1 + std::abs(host.report().elbo)));
  }
  EXPECT_GT(host.report().steps, wide ? 2 : 20);
}

// The same mathematics in another order of addition, 27 steps long, some of them long: errors of 1e-16 grow a little.
TEST_P(DeviceSteps, AreThoseOfTheHostInDouble) { expect_steps_of_the_host<double>(GetParam(), 1e-9); }
TEST_P(DeviceSteps, AreThoseOfTheHostInFloat) {
  if (GetParam().columns > 60 && emulated())
    GTEST_SKIP() << "takes the emulator long, and is the same but for the passes";
  expect_steps_of_the_host<float>(GetParam(), 3e-3);
}

std::vector<Case> cases() {
  constexpr auto bernoulli = Likelihood::bernoulli, binomial = Likelihood::binomial, poisson = Likelihood::poisson,
                 gaussian = Likelihood::gaussian;
  constexpr auto mean_field = FamilyKind::mean_field, full_rank = FamilyKind::full_rank;
  constexpr auto weights = Estimator::weights, local = Estimator::local, quadrature = Estimator::quadrature;
  const auto plain = [](GradientOptions& o) { o.variance_reduction = VarianceReduction::none; };
  const auto adam = [](GradientOptions& o) {
    o.optimizer = OptimizerKind::adam;
    o.variance_reduction = VarianceReduction::none;
  };
  const auto momentum = [](GradientOptions& o) { o.momentum = 0.7; };
  const auto stick = [](GradientOptions& o) { o.entropy = EntropyGradient::sticking_the_landing; };
  const auto stick_plain =
      [](GradientOptions& o) {  // an anchor's gradient would hide the entropy's, which is constant in w
        o.entropy = EntropyGradient::sticking_the_landing;
        o.variance_reduction = VarianceReduction::none;
      };
  const auto sobol = [](GradientOptions& o) {
    o.draw_kind = DrawKind::sobol;
    o.draws = 16;
  };
  const auto one_draw = [](GradientOptions& o) { o.draws = 1; };
  const auto many_draws = [](GradientOptions& o) {
    o.draws = 19;
    o.clip = 0.5;
    o.warm_up_steps = 5;
    o.decay = 0.7;
  };
  GlmOptions heavy;
  heavy.prior = Prior::laplace(0.1, 0.5);
  heavy.prior_intercept = Prior::cauchy(0, 1);
  heavy.prior_sigma = Prior::half_student_t(3, 0.8);
  GlmOptions precisions = small_priors();
  precisions.weights_kind = WeightsKind::precision;
  return {
      {.name = "weights_mean_field", .likelihood = bernoulli, .family = mean_field, .estimator = weights},
      {.name = "weights_full_rank", .likelihood = bernoulli, .family = full_rank, .estimator = weights},
      {.name = "weights_centred", .likelihood = poisson, .family = full_rank, .estimator = weights, .column_mean = 3},
      {"weights_stick_mean_field", binomial, mean_field, weights, 64, stick},
      {"weights_stick_full_rank", gaussian, full_rank, weights, 64, stick, true, 2},
      {"weights_stick_plain", bernoulli, mean_field, weights, 64, stick_plain},
      {"weights_sobol", bernoulli, full_rank, weights, kRows, sobol},
      {"weights_one_draw_adam", bernoulli, mean_field, weights, 50, adam},
      {"weights_one_draw", poisson, mean_field, weights, kRows, one_draw},
      {"weights_many_draws", bernoulli, full_rank, weights, 64, many_draws},
      {"weights_gaussian_mean_field", gaussian, mean_field, weights, 64, momentum},
      {"weights_gaussian_all_rows", gaussian, full_rank, weights, kRows, momentum},
      {"weights_gaussian_precisions", gaussian, mean_field, weights, 64, nullptr, true, 0, precisions},
      {"weights_heavy_priors", gaussian, full_rank, weights, 64, stick, false, 0, heavy},
      {"local_mean_field", bernoulli, mean_field, local, 64, nullptr},
      {"local_gaussian", gaussian, mean_field, local, 64, plain},
      {"local_full_rank", poisson, full_rank, local, 64, adam, true, 1},
      {"quadrature_mean_field", bernoulli, mean_field, quadrature, kRows, nullptr},
      {"quadrature_full_rank", bernoulli, full_rank, quadrature, 64, nullptr, true, 2},
      {"quadrature_gaussian", gaussian, full_rank, quadrature, 64, momentum, true, 2},
      {"quadrature_heavy_priors", gaussian, mean_field, quadrature, 64, plain, false, 0, heavy},
      {"quadrature_all_rows", poisson, full_rank, quadrature, kRows, nullptr},
      {.name = "quadrature_in_blocks", .likelihood = poisson, .estimator = quadrature, .block_rows = 8},
      {.name = "local_in_blocks", .likelihood = gaussian, .estimator = local, .batch = 30, .block_rows = 50},
      {.name = "weights_one_column", .family = full_rank, .columns = 1},
      {.name = "quadrature_one_column", .family = full_rank, .estimator = quadrature, .columns = 1},
      // More columns than a warp has lanes, and than a block has threads.
      {.name = "weights_stick_40", .family = full_rank, .change = stick, .column_mean = 1, .columns = 40},
      {.name = "weights_270", .family = full_rank, .column_mean = 1, .columns = 270},
      {.name = "weights_adam_mean_field_270", .family = mean_field, .change = adam, .columns = 270},
      {.name = "quadrature_70", .family = full_rank, .estimator = quadrature, .column_mean = 1, .columns = 70},
  };
}
INSTANTIATE_TEST_SUITE_P(Cases, DeviceSteps, testing::ValuesIn(cases()),
                         [](const auto& c) { return std::string(c.param.name); });

// However a run is cut, and however a device repeats steps, they are the same bits.
TEST_F(DeviceSteps, DoNotDependOnHowTheyAreRun) {
  for (const FamilyKind family : {FamilyKind::mean_field, FamilyKind::full_rank}) {
    const Glm model = model_of({.likelihood = Likelihood::bernoulli});
    const GlmData& data = model.data();
    const Context context = test_context();
    const GaussianPoint point = small_point(data.recipe.n_latents(), family);
    const Whitening whitening(point, point.factor);
    const auto size = static_cast<std::size_t>(whitening.size());
    const BatchOrder order(data.n_rows, 64, kKey);
    const Eigen::VectorXd anchor = Eigen::VectorXd::Constant(whitening.size(), 0.1);
    const auto run = [&](StepRepetition how, std::initializer_list<std::int64_t> runs) {
      const auto runner = make_step_runner<float>(data, context, family, &order,
                                                  {.estimator = Estimator::weights,
                                                   .n_draws = 8,
                                                   .noise_key = 5,
                                                   .adam = true,
                                                   .clip = 10,
                                                   .anchored = true,
                                                   .longest_factor_step = 0.7,
                                                   .most_rejected = 20,
                                                   .keeps_elbo = true,
                                                   .repetition = how});
      EXPECT_NE(runner, nullptr);
      runner->begin_round(whitening, anchor, 0.3, 0.2);
      std::vector<double> w(size), first(size), second(size), average(size), elbo(16);
      StepVariables v{.w = w.data(),
                      .first = first.data(),
                      .second = second.data(),
                      .average = average.data(),
                      .elbo = elbo.data(),
                      .elbo_size = 16};
      for (const std::int64_t n : runs) runner->run(n, v);
      EXPECT_EQ(v.at.step, 13);
      for (const std::vector<double>* more : {&first, &second, &average, &elbo})
        w.insert(w.end(), more->begin(), more->end());
      w.push_back(v.at.usual_length);
      return w;
    };
    const std::vector<double> once = run(StepRepetition::automatic, {13});
    EXPECT_EQ(run(StepRepetition::automatic, {1, 2, 10}), once);
    for (const StepRepetition how : {StepRepetition::while_node, StepRepetition::graph, StepRepetition::launches}) {
      EXPECT_EQ(run(how, {13}), once) << static_cast<int>(how);
      EXPECT_EQ(run(how, {4, 9}), once) << static_cast<int>(how);
    }
  }
}

// The ring holds the noisy ELBO at each step's own point, which is what the host's estimator gives there.
TEST_F(DeviceSteps, KeepTheElboOfEachStep) {
  for (const Case& c : cases()) {
    if (c.columns > 100) continue;
    const Glm model = model_of(c);
    const GlmData& data = model.data();
    const GradientOptions options = options_of(c);
    const GaussianPoint point = small_point(data.recipe.n_latents(), c.family);
    const Whitening whitening(point, point.factor);
    BatchOrder order(data.n_rows, std::min(options.batch_size, data.n_rows - 1), kKey);
    const auto runner = make_step_runner<double>(data, test_context(), c.family, &order,
                                                 {.estimator = c.estimator,
                                                  .n_draws = options.draws,
                                                  .draw_kind = options.draw_kind,
                                                  .entropy = options.entropy,
                                                  .noise_key = kKey.value,
                                                  .longest_factor_step = 0.7,
                                                  .most_rejected = 20,
                                                  .keeps_elbo = true});
    ASSERT_NE(runner, nullptr) << c.name;
    runner->begin_round(whitening, {}, 1e-3, 1e-3);
    Eigen::VectorXd w = Eigen::VectorXd::Zero(whitening.size()), average = w;
    std::vector<double> elbo(3);
    StepVariables v{.w = w.data(), .average = average.data(), .elbo = elbo.data(), .elbo_size = 3};
    const auto estimator = make_estimator<double>(data, Context(Device{}, 1), point,
                                                  {.estimator = options.estimator,
                                                   .draws = options.draws,
                                                   .draw_kind = options.draw_kind,
                                                   .entropy = options.entropy},
                                                  kKey);
    for (std::int64_t t = 0; t < 5; ++t) {
      const double expected = estimator->estimate(whitening.at(w), order.batch(t), static_cast<std::uint32_t>(t)).value;
      runner->run(1, v);
      EXPECT_NEAR(elbo[static_cast<std::size_t>(t % 3)], expected, 1e-9 * (1 + std::abs(expected)))
          << c.name << " " << t;
    }
  }
}

// What one engine saves in the middle of a round another goes on with: on a device with the same bits, on the host nearly so.
TEST_F(DeviceSteps, GoOnFromACheckpoint) {
  const Case c{.likelihood = Likelihood::gaussian,
               .family = FamilyKind::full_rank,
               .change = [](GradientOptions& o) { o.momentum = 0.5; },
               .column_mean = 2};
  const Glm model = model_of(c);
  GradientEngine whole = make_engine<double>(model.data(), test_context(), c, true);
  GradientEngine resumed = make_engine<double>(model.data(), test_context(), c, true);
  GradientEngine on_host = make_engine<double>(model.data(), Context(Device{}, 1), c, false);
  EngineState saved, end, end_of_resumed, end_on_host;
  whole.advance(9);
  whole.save(saved);
  whole.advance(15);
  resumed.load(saved);
  resumed.advance(15);
  on_host.load(saved);
  on_host.advance(15);
  whole.save(end);
  resumed.save(end_of_resumed);
  on_host.save(end_on_host);
  for (const char* name : {"w", "average", "optimizer.first"}) {
    EXPECT_EQ(end_of_resumed.vector(name), end.vector(name)) << name;
    expect_same(end, end_on_host, name, 1e-9);
  }
}

// Gradients that are not finite are refused, and twenty in a row end the run there: on the host and on the device at the
// same step, within a round of 22.
TEST_F(DeviceSteps, EndARunThatDiverges) {
  const Case c{"", Likelihood::poisson, FamilyKind::mean_field, Estimator::weights, 10, [](GradientOptions& o) {
                 o.learning_rate = 1e300;
                 o.clip = 0;
               }};
  const Glm model = model_of(c);
  GradientEngine host = make_engine<double>(model.data(), Context(Device{}, 1), c, false);
  GradientEngine device = make_engine<double>(model.data(), test_context(), c, true);
  host.advance(1000);
  device.advance(1000);
  ASSERT_TRUE(host.report().diverged);
  EXPECT_TRUE(device.report().diverged);
  EXPECT_EQ(host.report().message, "gradients are not finite, however short the steps");
  EXPECT_EQ(device.report().message, host.report().message);
  EXPECT_EQ(device.report().steps, host.report().steps);
  EXPECT_EQ(device.report().rejected_steps, host.report().rejected_steps);
}

// What a device leaves to the host.
TEST_F(DeviceSteps, LeaveToTheHost) {
  const Glm model = model_of({.likelihood = Likelihood::bernoulli});
  const StepSettings settings{.estimator = Estimator::quadrature};
  EXPECT_EQ(make_step_runner<float>(model.data(), test_context(), FamilyKind::low_rank, nullptr, settings), nullptr);
  EXPECT_EQ(make_step_runner<float>(model.data(), Context(Device{}, 1), FamilyKind::mean_field, nullptr, settings),
            nullptr);
  const Glm wide = model_of({.columns = 1100});
  for (const FamilyKind family : {FamilyKind::mean_field, FamilyKind::full_rank})
    EXPECT_EQ(make_step_runner<float>(wide.data(), test_context(), family, nullptr, settings), nullptr);
  const BatchOrder streaming(kRows, 10, kKey, RowBlocks{10, 50});
  EXPECT_EQ(make_step_runner<float>(model.data(), test_context(), FamilyKind::mean_field, &streaming, settings),
            nullptr);
}

}  // namespace
}  // namespace velbo::internal

// Fits whose rows are streamed to a CUDA device, against the same fits on the CPU, and when fits are: with VELBO_TEST_DEVICE=cuda on
// a device, or on the emulator where its plugin is named, which can be told how much memory it has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ostream>

#include "backend/row_stream.h"
#include "fit/choices.h"
#include "fit/make_engine.h"
#include "ops/device.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "support/small_glm.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using internal::Choices;
using internal::GaussianPoint;
using internal::make_small_glm;
using testing::HasSubstr;

constexpr std::int64_t kRows = 211;

// Five slabs of kRows rows of 3 doubles, each of seven pieces.
constexpr internal::StreamSizes kSmall{.slab_bytes = 50 * 32, .piece_bytes = 8 * 32};

class Streaming : public internal::CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    internal::stream_sizes() = kSmall;
  }
  void TearDown() override {
    internal::stream_sizes() = {};
    unsetenv("VELBO_EMULATED_FREE");
  }
};

struct Outcome {
  GaussianPoint point;
  double elbo = 0;
};

// The engine's steps as fit() makes them, on the CPU or streamed.
Outcome run(const Glm& model, FitOptions options, bool streamed) {
  options.device = Device{};
  Choices choices = choose(model.data(), options);
  if (streamed) choices.device = internal::test_device();
  choices.streamed = streamed;
  const Context context(choices.device, 2, streamed);
  const auto engine = make_engine(model.data(), context, choices, options);
  const internal::EngineReport& report = engine->report();
  const auto converged = [&] { return report.on_all_data && report.error_sd <= options.tolerance; };
  while (!converged() && !report.diverged && report.steps < choices.max_steps) engine->advance(1);
  const double elbo = engine->evaluate();
  return {engine->point(), elbo};
}

void expect_near(const Outcome& found, const Outcome& expected) {
  EXPECT_NEAR(found.elbo, expected.elbo, 1e-6 * (1 + std::abs(expected.elbo)));
  const Eigen::VectorXd sd = expected.point.sd();
  for (Eigen::Index i = 0; i < sd.size(); ++i) {
    EXPECT_NEAR(found.point.mean[i], expected.point.mean[i], 1e-5 * sd[i]) << i;
    EXPECT_NEAR(found.point.sd()[i], sd[i], 1e-5 * sd[i]) << i;
  }
}

struct Case {
  const char* name;
  Likelihood likelihood;
  FitOptions options;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

FitOptions newton(FamilyKind family) { return {.engine = EngineKind::newton, .family = family}; }
FitOptions gradient(Estimator estimator, FamilyKind family, std::int64_t batch) {
  FitOptions out{.engine = EngineKind::gradient, .family = family, .max_steps = 40};
  out.gradient.estimator = estimator;
  out.gradient.batch_size = batch;
  if (family == FamilyKind::low_rank) out.rank = 2;
  return out;
}

// Batches of 16 are one slab, of 70 two.
const Case kCases[] = {
    {"bernoulli_newton_full_rank", Likelihood::bernoulli, newton(FamilyKind::full_rank)},
    {"poisson_newton_full_rank", Likelihood::poisson, newton(FamilyKind::full_rank)},
    {"gaussian_newton_full_rank", Likelihood::gaussian, newton(FamilyKind::full_rank)},
    {"binomial_newton_mean_field", Likelihood::binomial, newton(FamilyKind::mean_field)},
    {"bernoulli_weights_full_rank", Likelihood::bernoulli, gradient(Estimator::weights, FamilyKind::full_rank, 0)},
    {"poisson_local_mean_field_batch", Likelihood::poisson, gradient(Estimator::local, FamilyKind::mean_field, 16)},
    {"binomial_quadrature_low_rank_batch", Likelihood::binomial,
     gradient(Estimator::quadrature, FamilyKind::low_rank, 70)},
};

class StreamedFits : public Streaming, public testing::WithParamInterface<Case> {};

TEST_P(StreamedFits, AreThoseOfTheCpu) {
  const Glm model = make_small_glm({.likelihood = GetParam().likelihood, .extras = true, .n = kRows});
  FitOptions options = GetParam().options;
  options.scalar = Scalar::float64;
  expect_near(run(model, options, true), run(model, options, false));
}

TEST_P(StreamedFits, AreTheSameBitsTwiceAndInFloatToo) {
  const Glm model = make_small_glm({.likelihood = GetParam().likelihood, .extras = true, .n = kRows});
  const Outcome once = run(model, GetParam().options, true), again = run(model, GetParam().options, true);
  EXPECT_EQ(once.elbo, again.elbo);
  EXPECT_TRUE(once.point.mean == again.point.mean);
  EXPECT_TRUE(once.point.factor == again.point.factor);
}

INSTANTIATE_TEST_SUITE_P(Fits, StreamedFits, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_F(Streaming, RowsOfAMappedFile) {
  const test::ScratchFolder folder;
  std::vector<double> x(kRows * 3), y;
  standard_normals(make_key(5, Purpose::test), 0, 0, 0, std::span<double>(x));
  for (std::size_t i = 0; i < kRows; ++i) y.push_back(x[3 * i] - 0.5 * x[3 * i + 2] > 0.1 ? 1 : 0);
  for (std::size_t i = 0; i < 20; ++i) y[10 * i] = 1 - y[10 * i];
  write_npy(folder.file("x.npy"), x, kRows, 3);
  const Glm model(Likelihood::bernoulli, {.x = FeatureMatrix::map_npy(folder.file("x.npy")), .y = y});
  FitOptions options = newton(FamilyKind::full_rank);
  options.scalar = Scalar::float64;
  expect_near(run(model, options, true), run(model, options, false));
}

// The warm starts of large fits: rows by an index.
TEST_F(Streaming, Subsamples) {
  const Glm model = make_small_glm({.likelihood = Likelihood::bernoulli, .extras = true, .n = kRows});
  const GaussianPoint point = internal::small_point(model.n_latents(), FamilyKind::full_rank);
  const auto at_point = [&](const Context& context) {
    const auto oracle = internal::make_oracle<double>(model.data(), context, FamilyKind::full_rank);
    return oracle->subsample(130, Key{9})->evaluate(point, true);
  };
  const internal::ExpectedLogJoint found = at_point(Context(internal::test_device(), 2, true)),
                                   expected = at_point(Context());
  EXPECT_NEAR(found.value, expected.value, 1e-9 * std::abs(expected.value));
  EXPECT_TRUE(found.gradient.isApprox(expected.gradient, 1e-9));
  EXPECT_TRUE(found.curvature.isApprox(expected.curvature, 1e-9));
}

// One slab: the device adds up as it does over resident rows.
TEST_F(Streaming, OneSlabHasTheBitsOfResidentRows) {
  internal::stream_sizes() = {};
  const Glm model = make_small_glm({.likelihood = Likelihood::poisson, .extras = true, .n = kRows});
  FitOptions options = newton(FamilyKind::full_rank);
  const Outcome streamed = run(model, options, true);
  options.device = internal::test_device();
  const Fit resident = fit(model, options);
  EXPECT_EQ(streamed.elbo, resident.summary.quality.elbo);
}

TEST_F(Streaming, SparseRowsAreRefused) {
  const Glm model(Likelihood::bernoulli, {.x = FeatureMatrix::sparse(2, {0, 1, 2, 3, 4}, {0, 1, 0, 1}, {1, 2, 3, 1}),
                                          .y = std::vector<double>{0, 1, 1, 0}});
  EXPECT_EQ(test::error_of([&] { run(model, newton(FamilyKind::mean_field), true); }),
            "argument| cuda:0: sparse predictors cannot be streamed");
}

TEST_F(Streaming, ModelsShareCopiesWithCopiesAndStreamsWithStreams) {
  const Glm model = make_small_glm({.n = kRows});
  const auto get = [&](bool streamed) {
    return model.data().on_devices->get<float>(model.data().x.store(), Context(internal::test_device(), 1, streamed),
                                               {});
  };
  const auto copy = get(false), stream = get(true);
  EXPECT_NE(copy, stream);
  EXPECT_EQ(copy, get(false));
  EXPECT_EQ(stream, get(true));
}

// What follows tells the emulator how much memory it has.
class EmulatedMemory : public Streaming {
 protected:
  void SetUp() override {
    Streaming::SetUp();
    if (!internal::emulated()) GTEST_SKIP() << "not the emulator";
  }
};

TEST_F(EmulatedMemory, AskingForTheDeviceWithoutRoomFailsBeforeTheFitStarts) {
  const test::ScratchFolder folder;
  const std::vector<double> x(4000, 1.0), y(1000, 1.0);
  write_npy(folder.file("x.npy"), x, 1000, 4);
  const Glm mapped(Likelihood::bernoulli, {.x = FeatureMatrix::map_npy(folder.file("x.npy")), .y = y});
  const Glm model = make_small_glm({.likelihood = Likelihood::binomial, .extras = true, .n = kRows});
  bool started = false;
  FitOptions options{.family = FamilyKind::full_rank, .device = internal::test_device(), .scalar = Scalar::float64};
  options.progress = [&](const StepReport&) { return started = true; };
  const auto error = [&](const Glm& of, const char* free) {
    setenv("VELBO_EMULATED_FREE", free, 1);
    return test::error_of([&] { fit(of, options); });
  };
  // 4 numbers a row of predictors (3, padded), 4 of the outcome and its company, 4 of operations.
  EXPECT_EQ(
      error(model, "20255"),
      "memory| cuda:0: the 211 rows need 20256 bytes of device memory, of which 20255 are free (of 4294967296); device "
      "auto streams rows that do not fit, or takes the cpu");
  EXPECT_EQ(error(mapped, "71999"),
            "memory| cuda:0: the 1000 rows need 72000 bytes of device memory, of which 71999 are free (of 4294967296); "
            "device "
            "auto streams rows that do not fit, or takes the cpu");
  EXPECT_FALSE(started);
  EXPECT_EQ(error(model, "20256"), "nothing");
  EXPECT_TRUE(started);
}

// Large enough that a device is expected to pay: 24 MB in float.
TEST_F(EmulatedMemory, AutoStreamsWhatDoesNotFit) {
  constexpr std::int64_t n = 60000, d = 100;
  std::vector<float> x(n * d);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 1013) - 506;
  std::vector<double> y;
  for (std::int64_t i = 0; i < n; ++i) y.push_back(i % 3 == 0 ? 1 : 0);
  const Glm model(Likelihood::bernoulli, {.x = FeatureMatrix::borrow({x.data(), n, d, d}), .y = y});
  internal::stream_sizes() = {.slab_bytes = 1 << 20, .piece_bytes = 1 << 18};
  const auto chosen = [&](const char* free, int threads) {
    setenv("VELBO_EMULATED_FREE", free, 1);
    return choose(model.data(), {.family = FamilyKind::full_rank, .threads = threads, .scalar = Scalar::float32});
  };
  const Choices fits = chosen("1000000000", 1);
  EXPECT_EQ(to_string(fits.device), "cuda:0");
  EXPECT_FALSE(fits.streamed);
  EXPECT_THAT(fits.device_reason, testing::Not(HasSubstr("streamed")));

  const Choices streamed = chosen("10000000", 1);
  EXPECT_EQ(to_string(streamed.device), "cuda:0");
  EXPECT_TRUE(streamed.streamed);
  EXPECT_THAT(streamed.device_reason,
              HasSubstr("s on the cpu, with its rows streamed: the rows need 0.0252 GB of the memory of "
                        "cuda:0, which has 0.01 GB free"));

  const Choices no_room = chosen("1000000", 1);
  EXPECT_EQ(to_string(no_room.device), "cpu");
  EXPECT_FALSE(no_room.streamed);
  EXPECT_EQ(no_room.device_reason,
            "the rows need 0.0252 GB of the memory of cuda:0, which has 0.001 GB free, and 0.00282 GB where they are "
            "streamed");
}

// 96 MB in float: a device that has them is expected to pay, one that gets them anew in every pass is not.
TEST_F(EmulatedMemory, AutoStaysOnTheCpuWhereTheBusIsTooSlow) {
  constexpr std::int64_t n = 800000, d = 30;
  std::vector<float> x(n * d);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 1013) - 506;
  std::vector<double> y;
  for (std::int64_t i = 0; i < n; ++i) y.push_back(i % 3 == 0 ? 1 : 0);
  const Glm model(Likelihood::bernoulli, {.x = FeatureMatrix::borrow({x.data(), n, d, d}), .y = y});
  const auto chosen = [&](const char* free) {
    setenv("VELBO_EMULATED_FREE", free, 1);
    return choose(model.data(), {.family = FamilyKind::full_rank, .threads = 1, .scalar = Scalar::float32});
  };
  EXPECT_EQ(to_string(chosen("1000000000").device), "cuda:0");
  const Choices slow = chosen("50000000");
  EXPECT_EQ(to_string(slow.device), "cpu");
  EXPECT_FALSE(slow.streamed);
  EXPECT_THAT(slow.device_reason,
              HasSubstr("s on cuda:0, with its rows streamed: the rows need 0.118 GB of the memory of "
                        "cuda:0, which has 0.05 GB free"));
}

}  // namespace
}  // namespace velbo

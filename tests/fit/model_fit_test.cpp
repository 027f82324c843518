// Fits of models in code: what they answer, what they say when a model is wrong, and that they stop, resume and repeat.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <numbers>
#include <thread>

#include "support/errors.h"
#include "support/gaussian_target.h"
#include "support/scratch.h"
#include "velbo/distributions.h"
#include "velbo/functions.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using test::error_of;

// z1 ~ normal(1, 2), z2 | z1 ~ normal(z1 / 2, 1), s ~ lognormal(-1, 0.5): Gaussian in z.
struct Exact {
  template <class T>
  T operator()(const T* theta) const {
    return normal_lpdf(theta[0], 1, 2) + normal_lpdf(theta[1], theta[0] / 2, 1) + lognormal_lpdf(theta[2], -1, 0.5);
  }
};
Model exact_model() { return {{real("z", {2}), positive("s")}, Exact{}, "exact"}; }

// Eight schools, not centred.
struct Funnel {
  std::array<double, 8> y{28, 8, -3, 7, -1, 1, 18, 12}, sigma{15, 10, 16, 11, 9, 11, 10, 18};
  template <class T>
  T operator()(const T* theta) const {
    const T &mu = theta[0], &tau = theta[1];
    T sum = normal_lpdf(mu, 0, 5) + half_cauchy_lpdf(tau, 5);
    for (std::size_t j = 0; j < 8; ++j)
      sum += std_normal_lpdf(theta[2 + j]) + normal_lpdf(y[j], mu + tau * theta[2 + j], sigma[j]);
    return sum;
  }
};
Model funnel() { return {{real("mu"), positive("tau"), real("school", {8})}, Funnel{}, "eight schools"}; }

TEST(ModelFit, IsExactWhereThePosteriorIsGaussian) {
  const Fit fit = velbo::fit(exact_model());
  const Summary& summary = fit.summary;
  EXPECT_EQ(summary.fit.status, Status::converged);
  EXPECT_EQ(summary.quality.verdict, Verdict::good);
  EXPECT_LT(summary.quality.error_sd, 1e-3);
  EXPECT_NEAR(summary.quality.elbo, 0, 1e-5);  // the density is normalised
  EXPECT_LT(summary.quality.elbo_se, 1e-4);
  EXPECT_NEAR(summary.quality.log_evidence, 0, 1e-3);
  EXPECT_EQ(summary.fit.engine, "natural_gradient");
  EXPECT_EQ(summary.model.formula, "exact");
  EXPECT_EQ(summary.model.n_latents, 3);
  EXPECT_GT(summary.fit.gradient_evaluations, 1000);
  ASSERT_EQ(summary.parameters.size(), 3U);
  EXPECT_EQ(summary.parameters[0].name, "z[1]");
  EXPECT_NEAR(summary.parameters[0].mean, 1, 1e-3);
  EXPECT_NEAR(summary.parameters[0].sd, 2, 2e-3);
  EXPECT_NEAR(summary.parameters[1].mean, 0.5, 1e-3);
  EXPECT_NEAR(summary.parameters[1].sd, std::numbers::sqrt2, 2e-3);
  EXPECT_EQ(summary.parameters[2].name, "s");
  EXPECT_NEAR(summary.parameters[2].mean, std::exp(-1 + 0.125), 1e-3);
  EXPECT_NEAR(summary.parameters[2].q50, std::exp(-1), 1e-3);
  EXPECT_NEAR(summary.parameters[2].corrected_mean, std::exp(-0.875), 0.01);
}

// Half the log 2 of the half-Cauchy prior included; the optimum of posteriordb is -32.2325 without it.
TEST(ModelFit, SaysThatAGaussianIsNotQuiteThePosterior) {
  const Fit fit = velbo::fit(funnel());
  EXPECT_EQ(fit.summary.fit.status, Status::converged);
  EXPECT_NEAR(fit.summary.quality.elbo, -32.2325 + std::log(2), 0.03);
  EXPECT_GT(fit.summary.quality.elbo_se, 1e-3);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::usable);
  EXPECT_GT(fit.summary.quality.log_evidence, fit.summary.quality.elbo + 0.1);
  // The report and the JSON are of the same summary.
  const std::string report = fit.summary.full_report();
  EXPECT_NE(report.find("model       eight schools"), std::string::npos) << report;
  EXPECT_NE(report.find(" gradients, in "), std::string::npos) << report;
  const Summary read = Summary::from_json(fit.summary.to_json());
  EXPECT_EQ(read.full_report(), report);
}

// Of condition number 1e6, axes log-uniform, from z = 0: 0.15 sd and 13 % within 150 steps, and exact in the end.
struct IllConditioned {
  std::int64_t d;
  [[nodiscard]] double sd(std::int64_t i) const {
    return std::pow(10.0, -3 + 3 * static_cast<double>(i) / static_cast<double>(d - 1));
  }
  [[nodiscard]] double mean(std::int64_t i) const { return 5 * sd(i) * static_cast<double>(i * 7 % 5 - 2); }
  void operator()(std::int64_t n_draws, const double* z, double* value, double* gradient) const {
    for (std::int64_t s = 0; s < n_draws; ++s) {
      value[s] = -0.5 * static_cast<double>(d) * std::log(2 * std::numbers::pi);
      for (std::int64_t i = 0; i < d; ++i) {
        const double x = (z[s * d + i] - mean(i)) / sd(i);
        value[s] -= 0.5 * x * x + std::log(sd(i));
        if (gradient != nullptr) gradient[s * d + i] = -x / sd(i);
      }
    }
  }
};

TEST(ModelFit, ReachesAnIllConditionedGaussian) {
  const IllConditioned target{50};
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    FitOptions options;
    options.seed = seed;
    const Fit fit = velbo::fit(Model::with_gradient({real("x", {target.d})}, target), options);
    EXPECT_EQ(fit.summary.fit.status, Status::converged);
    EXPECT_LT(fit.summary.fit.steps, 150);
    EXPECT_NEAR(fit.summary.quality.elbo, 0, 0.01);
    for (std::int64_t i = 0; i < target.d; ++i) {
      const ParameterSummary& p = fit.summary.parameters[static_cast<std::size_t>(i)];
      EXPECT_NEAR(p.mean, target.mean(i), 0.01 * target.sd(i)) << i;
      EXPECT_NEAR(p.sd, target.sd(i), 0.01 * target.sd(i)) << i;
    }
  }
}

// Covariance diag(own)^2 + b b', which low_rank:1 holds and mean field does not.
TEST(ModelFit, FitsSmallerFamiliesToo) {
  Eigen::VectorXd own(4), b(4), mean(4);
  own << 0.5, 1, 0.3, 2;
  b << 1, -0.5, 0.8, 0.3;
  mean << 1, 2, 3, 4;
  Eigen::MatrixXd covariance = b * b.transpose();
  covariance.diagonal() += own.cwiseAbs2();
  const internal::GaussianTarget target{mean, covariance.inverse()};
  const Model model = Model::with_gradient({real("x", {4})}, target.log_density());
  FitOptions options{.family = FamilyKind::low_rank, .rank = 1};
  const Fit low_rank = velbo::fit(model, options);
  EXPECT_EQ(low_rank.summary.fit.engine, "saa");
  EXPECT_EQ(low_rank.summary.fit.family, "low_rank:1");
  EXPECT_EQ(low_rank.summary.fit.status, Status::converged) << low_rank.summary.fit.message;
  EXPECT_NEAR(low_rank.summary.quality.elbo, 0, 1e-3);
  EXPECT_EQ(low_rank.summary.quality.verdict, Verdict::good);
  const std::vector<double> found = low_rank.posterior.unconstrained_covariance();
  for (Eigen::Index i = 0; i < 4; ++i)
    for (Eigen::Index j = 0; j < 4; ++j)
      EXPECT_NEAR(found[static_cast<std::size_t>(4 * i + j)], covariance(i, j), 0.01) << i << j;
  options = {.engine = EngineKind::saa};
  const Fit mean_field = velbo::fit(model, options);
  EXPECT_EQ(mean_field.summary.fit.family, "mean_field");
  EXPECT_EQ(mean_field.summary.fit.status, Status::converged);
  // By the law of mean field KL = (sum log P_ii - log |P|) / 2.
  const double kl = 0.5 * (target.precision.diagonal().array().log().sum() - std::log(target.precision.determinant()));
  EXPECT_NEAR(mean_field.summary.quality.elbo, -kl, 4 * mean_field.summary.quality.elbo_se + 1e-6);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(mean_field.summary.parameters[i].sd,
                1 / std::sqrt(target.precision(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(i))), 1e-3);
  EXPECT_NE(mean_field.summary.quality.advice.find("mean-field"), std::string::npos)
      << mean_field.summary.quality.advice;
}

// Interrupted while climbing and while polishing.
TEST(ModelFit, GoesOnFromACheckpointWithTheSameBits) {
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

TEST(ModelFit, StartsFromAnEarlierFit) {
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

TEST(ModelFit, ReportsAndCanBeInterrupted) {
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

// A millisecond a draw: a step of polishing takes a second.
struct Slow {
  template <class T>
  T operator()(const T* theta) const {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    return Exact{}(theta);
  }
};

TEST(ModelFit, KeepsToItsTimeWithinSteps) {
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

std::string message_of(const Model& model) {
  const Fit fit = velbo::fit(model);
  EXPECT_EQ(fit.summary.fit.status, Status::diverged);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::unreliable);
  return fit.summary.fit.message;
}

struct LogOfReal {  // the log of what may be negative, and is 0 at the start
  template <class T>
  T operator()(const T* theta) const {
    return normal_lpdf(theta[0], 0, 1) + log(theta[1]) - theta[1];
  }
};
struct RootAtZero {  // finite, with an infinite slope
  template <class T>
  T operator()(const T* theta) const {
    return normal_lpdf(theta[0], 0, 1) - sqrt(abs(theta[1])) - square(theta[1]);
  }
};
struct Nowhere {
  template <class T>
  T operator()(const T* theta) const {
    return log(-1.0 - square(theta[0]) - square(theta[1]));
  }
};
struct Improper {  // nothing holds b
  template <class T>
  T operator()(const T* theta) const {
    return normal_lpdf(theta[0], 0, 1) + 0.0 * theta[1];
  }
};

TEST(ModelFit, NamesWhatIsWrongWithAModel) {
  const Parameters two{real("a"), real("b")};
  EXPECT_EQ(message_of({two, LogOfReal{}}),
            "the log joint is -inf at the start (a = 0, b = 0); with b = 1 it is finite");
  EXPECT_EQ(message_of({two, RootAtZero{}}),
            "the gradient of the log joint is not finite at the start (a = 0, b = 0); with b = 1 it is finite");
  EXPECT_EQ(
      message_of({two, Nowhere{}}),
      "the log joint is not a number at the start (a = 0, b = 0), nor is it finite when any one latent is moved by 1");
  const std::string improper = message_of({two, Improper{}});
  EXPECT_TRUE(improper.starts_with("the sd of b has grown to ")) << improper;
  EXPECT_TRUE(improper.ends_with(" and still grows: nothing in the model holds it (an improper posterior)"))
      << improper;
}

// The same names are not the same parameters.
struct Round {
  template <class T>
  T operator()(const T* x) const {
    return -0.5 * (square(x[0]) + square(x[1]) + square(x[2]));
  }
};

TEST(ModelFit, DoesNotStartFromOtherConstraints) {
  FitOptions options;
  options.init = velbo::fit(Model({simplex("p", 3)}, Round{})).posterior;
  EXPECT_EQ(error_of([&] { static_cast<void>(velbo::fit(Model({real("p", {3})}, Round{}), options)); }),
            "argument| the fit to start from has other parameters or constraints: p[1], p[2], p[3], expected p[1], "
            "p[2], p[3]");
}

// A normal cut off at its mean, written without the constraint: whatever a Gaussian does, half of it is outside.
struct CutOff {
  template <class T>
  T operator()(const T* x) const {
    return x[0] < -0.01 ? T(-INFINITY) : normal_lpdf(x[0], 0, 1) + normal_lpdf(x[1], 0, 1);
  }
};

TEST(ModelFit, IsNotConvergedWhereTheModelEndsWithinQ) {
  const Fit fit = velbo::fit(Model({real("x", {2})}, CutOff{}));
  EXPECT_EQ(fit.summary.fit.status, Status::max_steps);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::unreliable);
  EXPECT_TRUE(
      fit.summary.fit.message.ends_with("% of q's draws the log density is not finite: the model ends where a Gaussian "
                                        "does not; give the parameter a constraint"))
      << fit.summary.fit.message;
  EXPECT_LE(fit.summary.quality.elbo, fit.summary.quality.log_evidence + 0.05);
}

// A direction with density proportional to e^(20 m'x), m = (0.6, 0.8, 0): von Mises and Fisher's.
struct Direction {
  template <class T>
  T operator()(const T* x) const {
    return 20 * (0.6 * x[0] + 0.8 * x[1]);
  }
};

TEST(ModelFit, FindsADirection) {
  const Fit fit = velbo::fit(Model({unit_vector("x", 3)}, Direction{}));
  EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  // E[x] = m (coth 20 - 1/20); a Gaussian of z is near to it.
  const double length = 1 / std::tanh(20.0) - 1 / 20.0;
  EXPECT_NEAR(fit.summary.parameters[0].mean, 0.6 * length, 0.02);
  EXPECT_NEAR(fit.summary.parameters[1].mean, 0.8 * length, 0.02);
  EXPECT_NEAR(fit.summary.parameters[2].mean, 0, 0.02);
}

// Finite in a corner of what q reaches at first.
struct Corner {
  template <class T>
  T operator()(const T* theta) const {
    T sum = 0;
    for (int i = 0; i < 3; ++i) sum += normal_lpdf(theta[i], 0.001, 0.002);
    return abs(theta[0]) < 0.02 && abs(theta[1]) < 0.02 && abs(theta[2]) < 0.02 ? sum : T(std::nan(""));
  }
};

TEST(ModelFit, FindsAModelThatHardlyADrawReachesAtFirst) {
  const Fit fit = velbo::fit(Model({real("x", {3})}, Corner{}));
  EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  EXPECT_GT(fit.summary.fit.rejected_steps, 2);
  EXPECT_NEAR(fit.summary.parameters[1].mean, 0.001, 1e-4);
  EXPECT_NEAR(fit.summary.parameters[1].sd, 0.002, 1e-4);
  ASSERT_EQ(fit.summary.warnings.size(), 1U);
  EXPECT_NE(fit.summary.warnings[0].find("draws had a log density or gradient that is not finite and were left out"),
            std::string::npos);
}

TEST(ModelFit, ChecksGradientsThatSomebodyWrote) {
  const BatchLogDensity wrong = [](std::int64_t n, const double* theta, double* value, double* gradient) {
    for (std::int64_t s = 0; s < n; ++s) {
      value[s] = -0.5 * theta[s] * theta[s];
      if (gradient != nullptr) gradient[s] = theta[s];  // the sign
    }
  };
  EXPECT_EQ(error_of([&] { static_cast<void>(velbo::fit(Model::with_gradient({real("a")}, wrong, "signs"))); }),
            "argument| the gradient of \"signs\" is not that of its log density: d log joint / d a is 0.1 by the model "
            "and -0.1 "
            "by central differences, at a = 0.1");
}

TEST(ModelFit, RefusesOptionsThatMakeNoSense) {
  const auto refused = [](auto&& change) {
    FitOptions options;
    change(options);
    return error_of([&] { static_cast<void>(velbo::fit(exact_model(), options)); });
  };
  EXPECT_EQ(
      refused([](FitOptions& o) { o.engine = EngineKind::newton; }),
      "argument| engine is \"newton\", expected \"natural_gradient\", \"saa\", \"gradient\" or \"auto\" for \"exact\", "
      "which is known by its log density alone");
  EXPECT_EQ(refused([](FitOptions& o) { o.engine = EngineKind::natural_gradient, o.family = FamilyKind::mean_field; }),
            "argument| family is \"mean_field\", expected \"full_rank\" or \"auto\" for the engine natural_gradient; "
            "saa fits the "
            "others");
  EXPECT_EQ(refused([](FitOptions& o) { o.rank = 2; }),
            "argument| a rank was given, but family full_rank has none; low_rank has");
  EXPECT_EQ(refused([](FitOptions& o) { o.family = FamilyKind::low_rank, o.rank = 4; }),
            "argument| rank is 4, expected at most the 3 latents");
  EXPECT_EQ(refused([](FitOptions& o) { o.scalar = Scalar::float32; }),
            "argument| scalar is \"float\", expected \"double\" or \"auto\": log densities are evaluated in double");
  EXPECT_EQ(
      refused([](FitOptions& o) { o.gradient.batch_size = 10; }),
      "argument| a batch size was given, but a model that is known by its log density has no rows to take some of");
  EXPECT_EQ(refused([](FitOptions& o) {
              o.device = Device{DeviceKind::cuda, 1};
            }),
            "device| device is cuda:1, expected cpu: models that are known by their log density run on the host");
  EXPECT_EQ(refused([](FitOptions& o) { o.tolerance = -1; }),
            "argument| tolerance is -1, expected a positive number of posterior standard deviations");
}

}  // namespace
}  // namespace velbo

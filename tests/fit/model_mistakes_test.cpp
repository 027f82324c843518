// Fits of models in code: what they say where a model or an option is wrong.
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/simulate.h"
#include "support/small_models.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using test::error_of;
using test::exact_model;

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

TEST(ModelMistakes, NamesWhatIsWrongWithAModel) {
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

TEST(ModelMistakes, DoesNotStartFromOtherConstraints) {
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

TEST(ModelMistakes, IsNotConvergedWhereTheModelEndsWithinQ) {
  const Fit fit = velbo::fit(Model({real("x", {2})}, CutOff{}));
  EXPECT_EQ(fit.summary.fit.status, Status::max_steps);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::unreliable);
  EXPECT_TRUE(
      fit.summary.fit.message.ends_with("% of q's draws the log density is not finite: the model ends where a Gaussian "
                                        "does not; give the parameter a constraint"))
      << fit.summary.fit.message;
  EXPECT_LE(fit.summary.quality.elbo, fit.summary.quality.log_evidence + 0.05);
}

TEST(ModelMistakes, ChecksGradientsThatSomebodyWrote) {
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

// Right near z = 0, where every model's is looked at, and wrong where this fit starts: beyond 4 a branch has the sign wrong.
TEST(ModelMistakes, ChecksGradientsWhereTheFitStarts) {
  const BatchLogDensity wrong = [](std::int64_t n, const double* theta, double* value, double* gradient) {
    for (std::int64_t s = 0; s < n; ++s) {
      value[s] = -0.5 * (theta[s] - 5) * (theta[s] - 5);
      if (gradient != nullptr) gradient[s] = (theta[s] > 4 ? -1 : 1) * (5 - theta[s]);
    }
  };
  const Model model = Model::with_gradient({real("a")}, wrong, "branch"),
              shifted(
                  {real("a")}, [](const auto*z) { return normal_lpdf(z[0], 4.5, 0.1); }, "shifted");
  FitOptions options{.init = velbo::fit(shifted).posterior};
  const std::string refusal = error_of([&] { static_cast<void>(velbo::fit(model, options)); });
  EXPECT_TRUE(refusal.starts_with(
      "argument| the gradient of \"branch\" is not that of its log density: d log joint / d a is -0.5"))
      << refusal;
  options.check_gradient = false;
  options.max_steps = 3;
  EXPECT_NE(velbo::fit(model, options).summary.fit.status, Status::converged);
}

TEST(ModelMistakes, RefusesOptionsThatMakeNoSense) {
  const auto refused = [](auto&& change) {
    FitOptions options;
    change(options);
    return error_of([&] { static_cast<void>(velbo::fit(exact_model(), options)); });
  };
  EXPECT_EQ(refused([](FitOptions& o) { o.engine = EngineKind::newton; }),
            "argument| engine is \"newton\", expected \"natural_gradient\", \"saa\", \"pathfinder\", \"gradient\" or "
            "\"auto\" "
            "for \"exact\", which is known by its log density alone");
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
  EXPECT_EQ(refused([](FitOptions& o) { o.gradient.batch_size = 10; }),
            "argument| a batch size was given, but a model without plates has no rows to take some of");
  EXPECT_EQ(refused([](FitOptions& o) {
              o.device = Device{DeviceKind::cuda, 1};
            }),
            "device| device is cuda:1, expected cpu: \"exact\" has no side for devices (Model::on_device)");
  EXPECT_EQ(refused([](FitOptions& o) { o.tolerance = -1; }),
            "argument| tolerance is -1, expected a positive number of posterior standard deviations");
}

// What is there for models in code is not there for a formula's.
TEST(ModelMistakes, AreNotMadeWithFormulas) {
  const Glm glm("y ~ x1", Likelihood::bernoulli, test::logistic_table(50, 1, 1));
  for (const EngineKind engine : {EngineKind::natural_gradient, EngineKind::saa, EngineKind::pathfinder})
    EXPECT_EQ(error_of([&] { static_cast<void>(velbo::fit(glm, {.engine = engine})); }),
              "argument| engine " + std::string(name(engine)) +
                  " is for models that are known by their log density; likelihood bernoulli has newton, whose "
                  "expectations are "
                  "exact");
  EXPECT_EQ(error_of([&] { static_cast<void>(velbo::fit(glm, {.restarts = 1})); }),
            "argument| restarts and pathfinder are for models that are known by their log density");
}

}  // namespace
}  // namespace velbo

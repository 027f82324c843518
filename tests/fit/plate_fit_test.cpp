// Fits of models with plates: the answers of built-in models, and limits that hold while rows are gone through.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <vector>

#include "support/errors.h"
#include "velbo/distributions.h"
#include "velbo/fit.h"
#include "velbo/random.h"

namespace velbo {
namespace {

struct Outcome {
  static constexpr bool branches_on_rows_only = true;
  template <class T>
  T operator()(const double* row, const T* latent) const {
    return bernoulli_logit_lpmf(row[2], latent[0] + latent[1] * row[0] + latent[2] * row[1]);
  }
};

struct CoefficientPrior {
  template <class T>
  T operator()(const T* theta) const {
    return normal_lpdf(theta[0], 0, 3) + normal_lpdf(theta[1], 0, 3) + normal_lpdf(theta[2], 0, 3);
  }
};

struct Data {
  std::int64_t n;
  std::vector<double> rows, x, y;  // x, x, y; 1, x, x; y
};

Data make_data(std::int64_t n) {
  Data out{n, std::vector<double>(static_cast<std::size_t>(3 * n)), {}, {}};
  standard_normals(make_key(91, Purpose::test), 0, 0, 0, std::span<double>(out.rows));
  for (std::size_t i = 0; i < out.rows.size(); i += 3) {
    double* const row = out.rows.data() + i;
    row[2] = 0.4 + row[0] - 0.5 * row[1] + 1.7 * row[2] > 0 ? 1 : 0;
    out.x.insert(out.x.end(), {row[0], row[1]});
    out.y.push_back(row[2]);
  }
  return out;
}

Model make_model(const Data& data) {
  return {
      {real("alpha"), real("beta", {2})},
      CoefficientPrior{},
      {Plate({data.rows.data(), data.n, 3, 3}, {latent("alpha"), latent("beta", 0), latent("beta", 1)}, Outcome{})}};
}

TEST(PlateFit, AgreesWithTheBuiltInModel) {
  const Data data = make_data(700);
  const Fit plate = fit(make_model(data));
  GlmOptions options;
  options.prior = options.prior_intercept = Prior::normal(0, 3);
  const Glm glm(Likelihood::bernoulli, {.x = MatrixView<const double>{data.x.data(), data.n, 2, 2}, .y = data.y},
                options);
  const Fit built_in = fit(glm);
  ASSERT_TRUE(plate.summary.converged()) << plate.summary.fit.message;
  ASSERT_TRUE(built_in.summary.converged());
  EXPECT_NEAR(plate.summary.quality.elbo, built_in.summary.quality.elbo, 0.02);
  for (std::size_t i = 0; i < 3; ++i) {
    const ParameterSummary &a = plate.summary.parameters[i], &b = built_in.summary.parameters[i];
    EXPECT_NEAR(a.mean, b.mean, 0.03 * b.sd) << i;
    EXPECT_NEAR(a.sd, b.sd, 0.03 * b.sd) << i;
  }
}

// Batches of a twentieth; the checks look at all rows, and decide.
TEST(PlateFit, MinibatchesArriveAtTheSameAnswer) {
  const Data data = make_data(700);
  const Model model = make_model(data);
  const Fit exact = fit(model);
  FitOptions options{.engine = EngineKind::gradient, .tolerance = 0.1};
  options.gradient.batch_size = 35;
  const Fit batches = fit(model, options);
  ASSERT_TRUE(batches.summary.converged()) << batches.summary.fit.message;
  EXPECT_EQ(batches.summary.model.n_rows, 700);
  EXPECT_GT(batches.summary.fit.rows_read, 0);
  for (std::size_t i = 0; i < 3; ++i) {
    const ParameterSummary &a = batches.summary.parameters[i], &b = exact.summary.parameters[i];
    EXPECT_NEAR(a.mean, b.mean, 0.2 * b.sd) << i;  // what the fit says, and as much again
    EXPECT_NEAR(a.sd, b.sd, 0.2 * b.sd) << i;
  }
  options.threads = 1;
  EXPECT_EQ(fit(model, options).posterior.unconstrained_mean(), batches.posterior.unconstrained_mean());
  options.gradient.batch_size = 701;
  EXPECT_EQ(test::error_of([&] { (void)fit(model, options); }),
            "argument| batch_size is 701, expected at most the 700 rows");
}

struct SlowRow {
  template <class T>
  T operator()(const double*, const T* x) const {
    T sum = -x[0] * x[0];
    for (int i = 0; i < 300; ++i) sum += 1e-9 * sin(x[0] + i);
    return sum;
  }
};

// The gradients of one step would take minutes; the fit ends between rows.
TEST(PlateFit, EndsInTimeWhileRowsAreGoneThrough) {
  const std::int64_t n = 400000;
  const std::vector<double> rows(static_cast<std::size_t>(n));
  const Model model({real("x")}, [](const auto* x) { return -x[0] * x[0]; },
                    {Plate({rows.data(), n, 1, 1}, {latent("x")}, SlowRow{})});
  const auto begin = std::chrono::steady_clock::now();
  const Fit stopped = fit(model, {.max_seconds = 0.2});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_EQ(stopped.summary.fit.status, Status::max_seconds);
  EXPECT_LT(seconds, 20);  // generous: a slow machine under a sanitizer
}

}  // namespace
}  // namespace velbo

// Posteriors of models in code: moments on the constrained scale, draws, and the file.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "posterior/posterior_state.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using test::error_of;

Parameters all_kinds() {
  return {real("a"),       positive("b"),     upper("c", 3),      interval("p", -1, 2),
          simplex("w", 3), ordered("cut", 2), covariance("S", 2), correlation_cholesky("L", 2)};
}

// Correlated, some sds wide.
Posterior some_posterior() {
  const Parameters parameters = all_kinds();
  const auto d = static_cast<std::size_t>(parameters.n_unconstrained());
  std::vector<double> mean(d), scale(d * d, 0);
  for (std::size_t i = 0; i < d; ++i) {
    mean[i] = 0.3 * std::sin(static_cast<double>(i));
    scale[i * d + i] = i == 3 ? 3 : 0.4;  // of p: far into both ends
    for (std::size_t j = 0; j < i; ++j) scale[i * d + j] = 0.05 * std::cos(static_cast<double>(i + 2 * j));
  }
  internal::GlmRecipe recipe;
  recipe.names = parameters.names();
  return Posterior(std::make_shared<const PosteriorState>(
      PosteriorState{recipe, GaussianFamily(FamilyKind::full_rank, static_cast<std::int64_t>(d)), mean, scale,
                     internal::ModelRecipe{"kinds", parameters}}));
}

// Against 400,000 draws: 4.5 standard errors of a mean, of which 19 are tested (a false alarm in 8,000 runs; the seed is fixed),
// and for sds and quantiles what that is worth.
TEST(ModelPosterior, HasTheMomentsOfItsDraws) {
  const Posterior posterior = some_posterior();
  constexpr std::size_t n = 400000;
  const std::size_t width = posterior.names().size();
  const std::vector<double> draws = posterior.sample(n, 5), mean = posterior.mean(), sd = posterior.sd(),
                            low = posterior.quantile(0.05), middle = posterior.quantile(0.5);
  ASSERT_EQ(draws.size(), n * width);
  ASSERT_EQ(mean.size(), width);
  for (std::size_t i = 0; i < width; ++i) {
    std::vector<double> column(n);
    for (std::size_t s = 0; s < n; ++s) column[s] = draws[s * width + i];
    const double average = std::accumulate(column.begin(), column.end(), 0.0) / n;
    double squares = 0;
    for (const double v : column) squares += (v - average) * (v - average);
    const double spread = std::sqrt(squares / n);
    const std::string& name = posterior.names()[i];
    EXPECT_NEAR(mean[i], average, 4.5 * spread / std::sqrt(n) + 1e-12) << name;
    EXPECT_NEAR(sd[i], spread, 0.02 * spread + 1e-12) << name;
    std::sort(column.begin(), column.end());
    EXPECT_NEAR(low[i], column[n / 20], 0.02 * spread + 1e-12) << name;
    EXPECT_NEAR(middle[i], column[n / 2], 0.02 * spread + 1e-12) << name;
  }
  EXPECT_NEAR(mean[4] + mean[5] + mean[6], 1, 1e-4);  // the simplex; its first element by quadrature
}

TEST(ModelPosterior, KnowsItsParameters) {
  const Posterior posterior = some_posterior();
  ASSERT_NE(posterior.parameters(), nullptr);
  const Parameters kinds = all_kinds();
  EXPECT_EQ(posterior.parameters()->parameters(), kinds.parameters());
  EXPECT_EQ(posterior.n_latents(), kinds.n_unconstrained());
  EXPECT_EQ(posterior.names()[7], "cut[1]");
  Table table;
  table.add_numbers("x", {1, 2});
  EXPECT_EQ(error_of([&] { static_cast<void>(posterior.predict(table)); }),
            "argument| this is a fit of the model \"kinds\", which was written in code: only formulas' models predict; "
            "sample "
            "its parameters instead");
}

TEST(ModelPosterior, IsReadAsItWasWritten) {
  const test::ScratchFolder folder;
  const Posterior posterior = some_posterior();
  posterior.save(folder.file("fit.velbo"), "{}");
  const Posterior read = Posterior::load(folder.file("fit.velbo"));
  EXPECT_EQ(read.names(), posterior.names());
  EXPECT_EQ(read.parameters()->parameters(), posterior.parameters()->parameters());
  EXPECT_EQ(read.unconstrained_mean(), posterior.unconstrained_mean());
  EXPECT_EQ(read.sample(10, 3), posterior.sample(10, 3));
  EXPECT_EQ(read.mean(), posterior.mean());
  EXPECT_EQ(read.quantile(0.9), posterior.quantile(0.9));
  EXPECT_EQ(Posterior::load_summary_json(folder.file("fit.velbo")), "{}");
}

}  // namespace
}  // namespace velbo

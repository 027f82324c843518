// Models made from matrices that lie elsewhere, are sparse, or come with labels.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "data/feature_store.h"
#include "models/glm_data.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "support/simulate.h"
#include "velbo/glm.h"

namespace velbo {
namespace {

using test::error_of;
using Numbers = std::vector<double>;

// 40 rows of 3 columns, a third of them zero.
Numbers dense_x() {
  Numbers x = test::normals(120, 1);
  for (std::size_t i = 0; i < x.size(); i += 3) x[i] = 0;
  for (std::size_t i = 1; i < x.size(); i += 7) x[i] = 0;
  return x;
}

FeatureMatrix sparse_of(const Numbers& x, std::int64_t d) {
  std::vector<std::int64_t> start = {0};
  std::vector<std::int32_t> column;
  Numbers value;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] != 0) {
      column.push_back(static_cast<std::int32_t>(static_cast<std::int64_t>(i) % d));
      value.push_back(x[i]);
    }
    if ((static_cast<std::int64_t>(i) + 1) % d == 0) start.push_back(static_cast<std::int64_t>(value.size()));
  }
  return FeatureMatrix::sparse(d, start, column, value);
}

TEST(GlmOfMatrices, AreTheSameModel) {
  const test::ScratchFolder folder;
  const Numbers x = dense_x();
  Numbers y(40), weights(40), offset(40);
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = static_cast<double>(i % 4);
    weights[i] = static_cast<double>(i % 3);
    offset[i] = 0.1 * static_cast<double>(i % 5);
  }
  write_npy(folder.file("x.npy"), x, 40, 3);
  const FeatureMatrix mapped = FeatureMatrix::map_npy(folder.file("x.npy"));
  for (const Likelihood likelihood : {Likelihood::gaussian, Likelihood::poisson}) {
    const auto make = [&](const FeatureMatrix& matrix, bool intercept) {
      GlmOptions options;
      options.no_intercept = !intercept;
      return Glm(likelihood, {.x = matrix, .y = y, .weights = weights, .offset = offset}, options);
    };
    for (const bool intercept : {true, false}) {
      const Glm plain = make(FeatureMatrix(MatrixView<const double>{x.data(), 40, 3, 3}), intercept);
      const Glm of_file = make(mapped, intercept), of_sparse = make(sparse_of(x, 3), intercept);
      EXPECT_EQ(of_file.data().x.store().x, mapped.store().x) << "copied";
      const Numbers z = {0.3, -0.2, 0.1, 0.5, 0.4};
      const auto n = static_cast<std::size_t>(plain.n_latents());
      EXPECT_EQ(of_file.log_joint(std::span(z).first(n)), plain.log_joint(std::span(z).first(n)));
      EXPECT_NEAR(of_sparse.log_joint(std::span(z).first(n)), plain.log_joint(std::span(z).first(n)), 1e-11);
      for (std::size_t i = 0; i < n; ++i) {
        EXPECT_EQ(of_file.priors()[i].prior.text(), plain.priors()[i].prior.text());
        EXPECT_NEAR(of_sparse.priors()[i].prior.scale, plain.priors()[i].prior.scale,
                    1e-12 * plain.priors()[i].prior.scale);
      }
    }
  }
}

TEST(GlmOfMatrices, ValuesThatAreNotFiniteAreNamed) {
  Numbers x = dense_x();
  const Numbers y(40, 0.5);
  x[3 * 17 + 2] = std::nan("");
  const auto refusal = [&](const FeatureMatrix& matrix) {
    return error_of([&] { (void)Glm(Likelihood::poisson, {.x = matrix, .y = Numbers(40, 1)}); });
  };
  EXPECT_EQ(refusal(FeatureMatrix(MatrixView<const double>{x.data(), 40, 3, 3})),
            "data| x[17, 2] is nan, expected a finite number");
}

TEST(GlmOfMatrices, AFileThatWasCutWhileItWasReadIsRefused) {
  const test::ScratchFolder folder;
  const std::string path = folder.file("x.npy");
  write_npy(path, dense_x(), 40, 3);
  const FeatureMatrix mapped = FeatureMatrix::map_npy(path);
  std::filesystem::resize_file(path, 700);  // its last page reads as zeros
  EXPECT_EQ(error_of([&] { (void)Glm(Likelihood::poisson, {.x = mapped, .y = Numbers(40, 1)}); }, path),
            "file| FILE: changed while it was used: it has 700 bytes now and had 1088");
}

TEST(Labels, TheLargerOfTwoCountsAsOne) {
  const Numbers x = dense_x();
  const FeatureMatrix matrix(MatrixView<const double>{x.data(), 40, 3, 3});
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{-1, 1}, {1, 2}, {0, 1}, {0.5, 7}}) {
    Numbers y(40), expected(40);
    for (std::size_t i = 0; i < y.size(); ++i) {
      expected[i] = i % 3 == 1 ? 1 : 0;
      y[i] = i % 3 == 1 ? high : low;
    }
    for (const Likelihood likelihood : {Likelihood::automatic, Likelihood::bernoulli}) {
      const Glm model(likelihood, {.x = matrix, .y = y, .y_holds_labels = true});
      EXPECT_EQ(model.likelihood(), Likelihood::bernoulli);
      EXPECT_EQ(model.likelihood_was_guessed(), likelihood == Likelihood::automatic);
      EXPECT_EQ(model.data().y, expected);
      if (low == 0 && high == 1) {
        EXPECT_FALSE(model.labels());
      } else {
        ASSERT_TRUE(model.labels());
        EXPECT_EQ(*model.labels(), (std::array<double, 2>{low, high}));
      }
    }
    // Another likelihood takes the numbers as they are.
    const Glm gaussian(Likelihood::gaussian, {.x = matrix, .y = y, .y_holds_labels = true});
    EXPECT_EQ(gaussian.data().y, y);
    EXPECT_FALSE(gaussian.labels());
  }
}

TEST(Labels, OnlyTwoAndOnlyWhereTheyAreLabels) {
  const Numbers x = dense_x();
  const FeatureMatrix matrix(MatrixView<const double>{x.data(), 40, 3, 3});
  Numbers y(40);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = i % 2 == 0 ? -1 : 1;
  const auto refusal = [&](Likelihood likelihood, bool labels) {
    return error_of([&] { (void)Glm(likelihood, {.x = matrix, .y = y, .y_holds_labels = labels}); });
  };
  EXPECT_EQ(refusal(Likelihood::bernoulli, false),
            "data| row 0: outcome y is -1, expected 0 or 1 (likelihood bernoulli)");
  y[39] = 2;
  EXPECT_EQ(refusal(Likelihood::bernoulli, true),
            "data| row 0: outcome y is -1, expected 0 or 1 (likelihood bernoulli)");
  EXPECT_EQ(refusal(Likelihood::automatic, true),
            "argument| the likelihood cannot be guessed: outcome y holds whole numbers from -1 to 2; name one: "
            "--likelihood gaussian, bernoulli, binomial or poisson");
  y.assign(40, 1);
  EXPECT_EQ(refusal(Likelihood::bernoulli, true), "nothing") << "one label cannot be told apart: it is what it says";
  y.assign(40, -1);
  EXPECT_EQ(refusal(Likelihood::bernoulli, true),
            "data| row 0: outcome y is -1, expected 0 or 1 (likelihood bernoulli)");
}

}  // namespace
}  // namespace velbo

// The levels of an outcome: where they come from, in which order they are, and what is refused.
#include "models/outcome_levels.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/glm_data.h"
#include "support/errors.h"

namespace velbo {
namespace {

using test::error_of;
using Names = std::vector<std::string>;
using Numbers = std::vector<double>;

Table small_table() {
  Table table;
  table.add_numbers("x", {1, 2, 3, 4, 5, 7});
  table.add_text("size", {"mid", "low", "high", "mid", "low", "high"});
  table.add_numbers("grade", {3, 1, 5, 3, 1, 5});
  table.add_numbers("level", {1, 0, 2, 1, 0, 2});
  table.add_numbers("w", {1, 1, 0, 1, 1, 0});
  table.add_numbers("half", {0, 1, 2, 0.5, 1, 2});
  table.add_numbers("same", {4, 4, 4, 4, 4, 4});
  table.add_text("one", {"a", "a", "a", "a", "a", "a"});
  table.add_text("f", {"p", "q", "p", "q", "q", "p"});
  table.add_numbers("o", {0, 0, 0, 0, 0, 1});
  return table;
}

GlmOptions in_order(Names levels) {
  GlmOptions options;
  options.levels = std::move(levels);
  return options;
}

struct Coded {
  Names levels;
  Numbers y;
  bool operator==(const Coded&) const = default;
};
Coded coded(const std::string& outcome, const GlmOptions& options = {}, Likelihood likelihood = Likelihood::ordinal) {
  const Glm glm(outcome + " ~ x", likelihood, small_table(), options);
  return {glm.levels(), glm.data().y};
}

TEST(OutcomeLevels, OrderOfTheDataOrTheOneGiven) {
  for (const Likelihood likelihood : {Likelihood::ordinal, Likelihood::categorical}) {
    EXPECT_EQ(coded("size", {}, likelihood), (Coded{{"high", "low", "mid"}, {2, 1, 0, 2, 1, 0}}));
    EXPECT_EQ(coded("size", in_order({"low", "mid", "high"}), likelihood),
              (Coded{{"low", "mid", "high"}, {1, 0, 2, 1, 0, 2}}));
    EXPECT_EQ(coded("factor(grade)", {}, likelihood), (Coded{{"1", "3", "5"}, {1, 0, 2, 1, 0, 2}}));
    EXPECT_EQ(coded("factor(grade)", in_order({"5", "3", "1"}), likelihood),
              (Coded{{"5", "3", "1"}, {1, 2, 0, 1, 2, 0}}));
    EXPECT_EQ(coded("grade", in_order({"1", "3", "5"}), likelihood), coded("factor(grade)", {}, likelihood));
    EXPECT_EQ(coded("level", {}, likelihood), (Coded{{"0", "1", "2"}, {1, 0, 2, 1, 0, 2}}));
    EXPECT_EQ(coded("factor(half)", {}, likelihood).levels, (Names{"0", "0.5", "1", "2"}));
  }
}

TEST(OutcomeLevels, OfArrays) {
  const Numbers x = {1, 2, 3, 4, 5}, counts = {2, 0, 1, 1, 0}, labels = {7, -1, 0.5, -1, 7};
  const auto glm = [&](const Numbers& y, bool holds_labels, Names order = {}) {
    return Glm(
        Likelihood::categorical,
        {.x = FeatureMatrix(MatrixView<const double>{x.data(), 5, 1, 1}), .y = y, .y_holds_labels = holds_labels},
        in_order(std::move(order)));
  };
  EXPECT_EQ(glm(counts, false).levels(), (Names{"0", "1", "2"}));
  EXPECT_EQ(glm(counts, false).data().y, counts);
  EXPECT_EQ(glm(labels, true).levels(), (Names{"-1", "0.5", "7"}));
  EXPECT_EQ(glm(labels, true).data().y, (Numbers{2, 0, 1, 0, 2}));
  EXPECT_FALSE(glm(labels, true).labels());
  EXPECT_EQ(glm(labels, false, {"7", "-1", "0.5"}).data().y, (Numbers{0, 1, 2, 1, 0}));
  EXPECT_EQ(glm(labels, true).names(), (Names{"Intercept[0.5]", "x1[0.5]", "Intercept[7]", "x1[7]"}));
  EXPECT_EQ(error_of([&] { (void)glm(labels, false); }),
            "data| row 1: outcome y is -1, expected 0, 1, 2, ...; factor(y) takes any numbers");
  const Numbers missing = {1, 0, std::nan(""), 0, 1};
  EXPECT_EQ(error_of([&] { (void)glm(missing, false); }), "data| row 2: outcome y is nan, expected a finite number");
  Numbers many_x(1200), many(1200);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<double>(i);
  const FeatureMatrix matrix(MatrixView<const double>{many_x.data(), 1200, 1, 1});
  EXPECT_EQ(error_of([&] { (void)Glm(Likelihood::ordinal, {.x = matrix, .y = many}); }),
            "data| outcome y has more than 1000 levels");
}

TEST(OutcomeLevels, MistakesAreNamed) {
  const auto refusal = [](const std::string& outcome, Names levels = {}, const std::string& weights = "") {
    GlmOptions options = in_order(std::move(levels));
    options.weights = weights;
    return error_of([&] { (void)coded(outcome, options); });
  };
  EXPECT_EQ(refusal("size", {"low", "Mid", "high"}),
            "argument| level \"Mid\" was given, but no row's outcome size is that; did you mean mid?; its levels are "
            "high, low, mid");
  EXPECT_EQ(refusal("size", {"low", "high"}),
            "data| row 1: outcome size is \"mid\", which is not among the levels that were given: low, high");
  EXPECT_EQ(refusal("size", {"low", "mid", "high", "low"}), "argument| level \"low\" of outcome size was given twice");
  EXPECT_EQ(refusal("level", {"0", "1", "2", "3"}),
            "argument| level \"3\" was given, but no row's outcome level is that; its levels are 0, 1, 2");
  EXPECT_EQ(refusal("grade"),
            "data| no row's outcome grade is 0, but one's is 1: expected each of 0, 1, ..., 5 at least once; "
            "factor(grade) takes the numbers that there are");
  EXPECT_EQ(refusal("half"), "data| row 4: outcome half is 0.5, expected 0, 1, 2, ...; factor(half) takes any numbers");
  EXPECT_EQ(refusal("level", {}, "w"), "data| no row whose outcome level is \"2\" has a positive weight");
  EXPECT_EQ(refusal("factor(same)"),
            "data| the table: the outcome \"factor(same)\" is \"4\" in every row used; two levels are needed");
  EXPECT_EQ(refusal("one"), "data| the table: the outcome \"one\" is \"a\" in every row used; two levels are needed");
  EXPECT_EQ(refusal("same", {"4"}), "data| outcome same is 4 in every row: two levels are needed");
}

TEST(OutcomeLevels, WhatTheLikelihoodsTake) {
  const Table table = small_table();
  const auto refusal = [&](const std::string& formula, Likelihood likelihood, const GlmOptions& options = {}) {
    return error_of([&] { (void)Glm(formula, likelihood, table, options); });
  };
  const std::string three =
      "data| the table: the outcome \"size\" has 3 levels (high, low, mid); a text outcome has two, or more with the "
      "likelihoods categorical and ordinal";
  EXPECT_EQ(refusal("size ~ x", Likelihood::automatic), three);
  EXPECT_EQ(refusal("size ~ x", Likelihood::bernoulli), three);
  GlmOptions offset;
  offset.offset = "o";
  EXPECT_EQ(refusal("size ~ x", Likelihood::categorical, offset),
            "argument| an offset was given, but likelihood categorical takes none: its rows have a predictor for each "
            "level but the first");
  EXPECT_EQ(refusal("size ~ x", Likelihood::ordinal, offset), "nothing");
  EXPECT_EQ(refusal("level ~ x", Likelihood::poisson, in_order({"0", "1", "2"})),
            "argument| levels were given, but likelihood poisson has none; categorical and ordinal have");
  const std::string intercept =
      "argument| likelihood ordinal has no intercept that could be left out: its cutpoints are the intercepts; write "
      "the "
      "formula without -1 or 0";
  EXPECT_EQ(refusal("size ~ x - 1", Likelihood::ordinal), intercept);
  GlmOptions without;
  without.no_intercept = true;
  EXPECT_EQ(refusal("size ~ x", Likelihood::ordinal, without), intercept);
  GlmOptions precision;
  precision.weights = "w";
  precision.weights_kind = WeightsKind::precision;
  EXPECT_EQ(refusal("size ~ x", Likelihood::ordinal, precision),
            "argument| precision weights are for likelihood gaussian, not ordinal");
  GlmOptions positive;
  positive.prior_intercept = Prior::exponential(1);
  EXPECT_NE(refusal("size ~ x", Likelihood::ordinal, positive).find("is for positive parameters only"),
            std::string::npos);
  // Factors are coded as beside an intercept; without one, categorical's have all their levels.
  EXPECT_EQ(Glm("size ~ f", Likelihood::ordinal, table).names(), (Names{"fq", "cutpoint[1]", "cutpoint[2]"}));
  EXPECT_EQ(Glm("size ~ f - 1", Likelihood::categorical, table).names(),
            (Names{"fp[low]", "fq[low]", "fp[mid]", "fq[mid]"}));
  EXPECT_EQ(Glm("size ~ 1", Likelihood::ordinal, table).names(), (Names{"cutpoint[1]", "cutpoint[2]"}));
}

}  // namespace
}  // namespace velbo

// Designs where R has no say: missing and infinite values, predictions for new rows, JSON.
#include "formula/design.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "support/errors.h"
#include "velbo/table.h"

namespace velbo::internal {
namespace {

using test::error_of;
using Names = std::vector<std::string>;
using Numbers = std::vector<double>;
using Rows = std::vector<std::int64_t>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Table wells() {
  Table table;
  table.add_text("switch", {"yes", "no", "yes", "no", "", "yes"});
  table.add_numbers("distance", {10, 20, kNan, 40, 50, 60});
  table.add_numbers("arsenic", {1, 2, 3, 0, 5, 6});
  table.add_text("who", {"b", "a", "rare", "a", "c", "c"});
  table.add_numbers("weight", {1, 1, 1, 1, 1, kNan});
  table.set_source("wells.csv", {2, 3, 4, 17, 18, 19});
  return table;
}

TEST(Design, RowsWithMissingValuesAreDropped) {
  const Table table = wells();
  const auto rows_of = [&](const std::string& formula, const Names& needed = {}) {
    return Design::make(formula, table, false, needed).evaluate<double>(table, MissingRows::drop).row;
  };
  EXPECT_EQ(rows_of("switch ~ arsenic"), (Rows{0, 1, 2, 3, 5}));
  EXPECT_EQ(rows_of("switch ~ distance"), (Rows{0, 1, 3, 5}));
  EXPECT_EQ(rows_of("switch ~ arsenic", {"weight"}), (Rows{0, 1, 2, 3}));
  EXPECT_EQ(rows_of("arsenic ~ 1"), (Rows{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(rows_of("switch ~ . - distance - weight"), (Rows{0, 1, 2, 3, 5}));  // only what is left is needed
}

TEST(Design, LevelsAndScalesComeFromTheRowsUsed) {
  const Table table = wells();
  const Design design = Design::make("switch ~ who + scale(distance)", table, false);
  EXPECT_EQ(design.names(), (Names{"Intercept", "whob", "whoc", "scale(distance)"}));  // "rare" misses its distance
  const auto rows = design.evaluate<double>(table, MissingRows::drop);
  const double centre = 32.5;
  const double sd = std::sqrt((22.5 * 22.5 + 12.5 * 12.5 + 7.5 * 7.5 + 27.5 * 27.5) / 3);
  EXPECT_NEAR(rows.x[3], (10 - centre) / sd, 1e-15);
}

TEST(Design, DotLeavesOutTheNeededColumns) {
  EXPECT_EQ(Design::make("switch ~ .", wells(), false, {"weight"}).names(),
            (Names{"Intercept", "distance", "arsenic", "whob"}));
}

TEST(Design, OutcomeOfTwoTexts) {
  const Table table = wells();
  const Design design = Design::make("switch ~ arsenic", table, false);
  EXPECT_EQ(design.response().name, "switch");
  EXPECT_EQ(design.response().levels, (Names{"no", "yes"}));
  EXPECT_EQ(design.evaluate_response(table, {0, 1, 2, 3, 5}), (Numbers{1, 0, 1, 0, 1}));
  EXPECT_EQ(error_of([&] { (void)design.evaluate_response(table, {4}); }),
            "data| wells.csv:18: the outcome \"switch\" is missing");
}

TEST(Design, OutcomeOfNumbers) {
  const Table table = wells();
  const Design design = Design::make("log(distance) ~ arsenic", table, false);
  EXPECT_EQ(design.response().name, "log(distance)");
  EXPECT_TRUE(design.response().levels.empty());
  EXPECT_EQ(design.evaluate_response(table, {0, 5}), (Numbers{std::log(10), std::log(60)}));
  EXPECT_EQ(error_of([&] {
              (void)Design::make("log(arsenic) ~ 1", table, false).evaluate_response(table, {0, 3});
            }),
            "data| wells.csv:17: log(arsenic) is -inf");
}

TEST(Design, ValuesThatAreNotFinite) {
  Table table = wells();
  table.add_numbers("huge", {1, 2, 3, 1e39, 4, kInf});
  const auto evaluate = [&](const std::string& formula, auto scalar) {
    return error_of(
        [&] { (void)Design::make(formula, table, false).evaluate<decltype(scalar)>(table, MissingRows::drop); });
  };
  EXPECT_EQ(evaluate("switch ~ log(arsenic)", 0.0), "data| wells.csv:17: log(arsenic) is -inf");
  EXPECT_EQ(evaluate("switch ~ sqrt(arsenic - 5)", 0.0), "data| wells.csv:2: sqrt(arsenic - 5) is nan");
  EXPECT_EQ(evaluate("switch ~ I(1/arsenic):distance", 0.0), "data| wells.csv:17: I(1/arsenic) is inf");
  EXPECT_EQ(evaluate("switch ~ factor(1/arsenic)", 0.0), "data| wells.csv:17: factor(1/arsenic) is inf");
  EXPECT_EQ(evaluate("switch ~ scale(log(arsenic))", 0.0),
            "data| wells.csv:17: what is scaled in scale(log(arsenic)) is -inf");
  EXPECT_EQ(evaluate("switch ~ huge", 0.0), "data| wells.csv:19: column \"huge\" is inf");
  EXPECT_EQ(evaluate("switch ~ I(1/huge)", 0.0), "nothing");  // 1/inf is 0
  EXPECT_EQ(evaluate("switch ~ I(arsenic + 1e39)", 0.0F),
            "data| wells.csv:2: I(arsenic + 1e+39) is 1e+39, too large for float");
  EXPECT_EQ(evaluate("switch ~ I(arsenic + 1e39)", 0.0), "nothing");
  EXPECT_EQ(evaluate("switch ~ I(huge^8):I(huge^8)", 0.0), "data| wells.csv:17: I(huge^8) is inf");
  EXPECT_EQ(error_of([&] {
              (void)number_column(table, "huge", {0, 5});
            }),
            "data| wells.csv:19: column \"huge\" is inf");
  EXPECT_EQ(error_of([&] { (void)number_column(table, "weight", {5}); }),
            "data| wells.csv:19: column \"weight\" is missing");
  // A row that is left out anyway may hold anything.
  EXPECT_EQ(
      error_of([&] {
        (void)Design::make("switch ~ I(1/(arsenic - 5))", table, false).evaluate<double>(table, MissingRows::drop);
      }),
      "nothing");
}

TEST(Design, ScaleOfAConstant) {
  Table table = wells();
  table.add_numbers("same", {0.1, 0.1, 0.1, 0.1, 0.1, 0.1});
  EXPECT_EQ(error_of([&] { (void)Design::make("switch ~ scale(same)", table, false); }),
            "data| wells.csv: scale(same) cannot be computed: its standard deviation is 0 in the 5 rows used");
  EXPECT_EQ(Design::make("switch ~ same", table, false).names().size(), 2U);  // constant columns are allowed
}

class DesignForNewRows : public ::testing::Test {
 protected:
  Table table_ = wells();
  Table fresh_;
};

TEST_F(DesignForNewRows, SameColumnsWhateverIsInTheNewTable) {
  const Design design = Design::make("switch ~ who + scale(arsenic) + factor(arsenic)", table_, false);
  fresh_.add_text("who", {"c", "a", ""});
  fresh_.add_numbers("arsenic", {6, kNan, 1});
  const auto rows = design.evaluate<double>(fresh_, MissingRows::keep);
  const std::size_t n = design.names().size();
  ASSERT_EQ(rows.row, (Rows{0, 1, 2}));
  EXPECT_EQ(rows.complete, (std::vector<char>{1, 0, 0}));
  const auto before = design.evaluate<double>(table_, MissingRows::drop);
  for (std::size_t j = 0; j < n; ++j) {
    EXPECT_EQ(rows.x[j], before.x[4 * n + j]) << design.names()[j];  // row 5 of the fit: c, 6
    EXPECT_TRUE(std::isnan(rows.x[n + j]));
    EXPECT_TRUE(std::isnan(rows.x[2 * n + j]));
  }
}

TEST_F(DesignForNewRows, FurtherColumnsMayMakeARowIncomplete) {
  const Design design = Design::make("switch ~ arsenic", table_, false);
  fresh_.add_numbers("arsenic", {1, 2});
  fresh_.add_numbers("exposure", {kNan, 3});
  EXPECT_EQ(design.evaluate<float>(fresh_, MissingRows::keep, {"exposure"}).complete, (std::vector<char>{0, 1}));
  EXPECT_EQ(error_of([&] { (void)design.evaluate<float>(fresh_, MissingRows::keep, {"none"}); }),
            "formula| the table: no column \"none\"; columns are arsenic, exposure");
}

TEST_F(DesignForNewRows, UnseenLevels) {
  const Design texts = Design::make("switch ~ who", table_, false);
  fresh_.add_numbers("arsenic", {1, 7});
  fresh_.add_text("who", {"a", "maybe"});
  fresh_.set_source("new.csv", {2, 3});
  EXPECT_EQ(error_of([&] { (void)texts.evaluate<double>(fresh_, MissingRows::keep); }),
            "data| new.csv:3: level \"maybe\" of column \"who\" is not in the fit; its levels are a, b, c, rare");
  const Design numbers = Design::make("switch ~ factor(arsenic)", table_, false);
  EXPECT_EQ(error_of([&] { (void)numbers.evaluate<double>(fresh_, MissingRows::keep); }),
            "data| new.csv:3: level \"7\" of factor(arsenic) is not in the fit; its levels are 0, 1, 2, 3, 6");
  Table words;
  words.add_text("arsenic", {"", "low"});
  EXPECT_EQ(error_of([&] { (void)numbers.evaluate<double>(words, MissingRows::keep); }),
            "data| row 2: level \"low\" of factor(arsenic) is not in the fit; its levels are 0, 1, 2, 3, 6");
}

TEST_F(DesignForNewRows, TextFactorWhoseNewCellsLookLikeNumbers) {
  Table ids;
  ids.add_numbers("y", {1, 2, 3});
  ids.add_text("id", {"x", "10", "7"});
  const Design design = Design::make("y ~ id - 1", ids, false);
  fresh_.add_numbers("id", {7, 10});
  EXPECT_EQ(design.evaluate<double>(fresh_, MissingRows::keep).x, (Numbers{0, 1, 0, 1, 0, 0}));
}

TEST_F(DesignForNewRows, MissingColumnsAndBadValues) {
  const Design design = Design::make("switch ~ log(arsenic + 1)", table_, false);
  fresh_.add_numbers("arsenik", {1});
  EXPECT_EQ(error_of([&] { (void)design.evaluate<double>(fresh_, MissingRows::keep); }),
            "formula| the table: no column \"arsenic\"; did you mean \"arsenik\"? Columns are arsenik");
  fresh_.add_numbers("arsenic", {-1});
  EXPECT_EQ(error_of([&] { (void)design.evaluate<double>(fresh_, MissingRows::keep); }),
            "data| row 1: log(arsenic + 1) is -inf");
}

TEST(Design, FloatIsTheRoundedDouble) {
  const Table table = wells();
  const Design design = Design::make("switch ~ who * I(arsenic/3)", table, false);
  const auto wide = design.evaluate<double>(table, MissingRows::drop);
  const auto narrow = design.evaluate<float>(table, MissingRows::drop);
  ASSERT_EQ(wide.x.size(), narrow.x.size());
  for (std::size_t i = 0; i < wide.x.size(); ++i) EXPECT_EQ(narrow.x[i], static_cast<float>(wide.x[i]));
}

// More rows than a block, with gaps, so that blocks and rows do not keep step.
TEST(Design, ManyBlocks) {
  Numbers x;
  Names group;
  constexpr int kRows = 3001;
  for (int i = 0; i < kRows; ++i) {
    x.push_back(i % 11 == 5 ? kNan : i);
    group.push_back(i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c");
  }
  Table table;
  table.add_numbers("x", x);
  table.add_text("g", group);
  table.add_numbers("y", Numbers(kRows, 1.0));
  const Design design = Design::make("y ~ g:x", table, false);
  for (const MissingRows missing : {MissingRows::drop, MissingRows::keep}) {
    const auto rows = design.evaluate<double>(table, missing);
    ASSERT_EQ(rows.x.size(), rows.row.size() * 4);
    for (std::size_t i = 0; i < rows.row.size(); ++i) {
      const auto row = static_cast<std::size_t>(rows.row[i]);
      ASSERT_EQ(rows.complete[i] != 0, !std::isnan(x[row]));
      for (std::size_t g = 0; g < 3; ++g) {
        const double value = rows.x[4 * i + 1 + g];
        if (rows.complete[i] == 0)
          ASSERT_TRUE(std::isnan(value));
        else
          ASSERT_EQ(value, row % 3 == g ? x[row] : 0.0);
      }
    }
  }
}

TEST(DesignJson, ExactNumbers) {
  Table table;
  table.add_numbers("y", {1, 2, 3});
  table.add_numbers("x", {0.1, 1e-300, 5e-324});
  const Design design = Design::make("y ~ scale(x) + factor(x)", table, false);
  const Design again = Design::from_json(nlohmann::json::parse(design.to_json().dump()));
  const auto before = design.evaluate<double>(table, MissingRows::drop).x;
  EXPECT_EQ(before, again.evaluate<double>(table, MissingRows::drop).x);
}

// Every value of the JSON in turn is left out or replaced by values of every type: an Error or a design, never a crash.
TEST(DesignJson, MalformedJsonIsAnErrorOfTheFile) {
  const Table table = wells();
  const nlohmann::json good =
      Design::make("switch ~ who * scale(distance) + factor(arsenic) + .", table, false).to_json();
  const nlohmann::json flat = good.flatten();
  int n_refused = 0;
  for (const auto& [pointer, value] : flat.items()) {
    for (const char* text :
         {"null", "true", "0", "-1", "1e308", "\"\"", "\"x\"", "[]", "{}", "[[1]]", "\"y ~ ((((\""}) {
      nlohmann::json broken = good;
      broken[nlohmann::json::json_pointer(pointer)] = nlohmann::json::parse(text);
      const std::string result =
          error_of([&] { (void)Design::from_json(broken).evaluate<double>(table, MissingRows::drop); });
      if (result.starts_with("file| the fit's design cannot be read: ")) ++n_refused;
      EXPECT_TRUE(result == "nothing" || result.starts_with("file| ") || result.starts_with("formula| ") ||
                  result.starts_with("data| "))
          << pointer << " = " << text << ": " << result;
    }
  }
  EXPECT_GT(n_refused, static_cast<int>(flat.size()) * 7);
  for (const auto& [key, value] : good.items()) {
    nlohmann::json broken = good;
    broken.erase(key);
    EXPECT_TRUE(
        error_of([&] { (void)Design::from_json(broken); }).starts_with("file| the fit's design cannot be read: "))
        << key;
  }
  for (const char* text : {"null", "1", "[]", "{}", "\"x\""}) {
    EXPECT_TRUE(error_of([&] { (void)Design::from_json(nlohmann::json::parse(text)); }).starts_with("file| ")) << text;
  }
}

}  // namespace
}  // namespace velbo::internal

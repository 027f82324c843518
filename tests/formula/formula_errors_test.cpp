// What formulas are refused, and with which words.
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "formula/design.h"
#include "support/errors.h"
#include "velbo/table.h"

namespace velbo::internal {
namespace {

using test::error_of;

Table wells() {
  Table table;
  table.add_text("switch", {"yes", "no", "yes", "no"});
  table.add_numbers("distance", {10, 20, 30, 40});
  table.add_numbers("arsenic", {1, 2, 0.5, 4});
  table.add_text("association", {"no", "yes", "yes", "no"});
  table.add_text("grade", {"a", "b", "c", "a"});
  table.add_text("same", {"x", "x", "x", "x"});
  table.set_source("wells.csv", {2, 3, 5, 6});
  return table;
}

std::string refusal(const std::string& formula, const Table& table = wells()) {
  return error_of([&] { (void)Design::make(formula, table, false); });
}

// The message with the formula on the second line and the caret under byte `position` on the third.
std::string bad(const std::string& what, const std::string& formula, std::size_t position) {
  return "formula| bad formula: " + what + "\n  " + formula + "\n  " + std::string(position, ' ') + "^";
}

TEST(FormulaErrors, MissingTerms) {
  EXPECT_EQ(refusal("switch ~ distance +"),
            "formula| bad formula: expected a term after \"+\"\n"
            "  switch ~ distance +\n"
            "                     ^");
  const auto after = [](const std::string& formula, const std::string& token, std::size_t position) {
    EXPECT_EQ(refusal(formula), bad("expected a term after \"" + token + "\"", formula, position));
  };
  after("switch ~", "~", 8);
  after("switch ~ distance:", ":", 18);
  after("switch ~ distance * ", "*", 19);
  after("switch ~ (", "(", 10);
  after("switch ~ -", "-", 10);
  EXPECT_EQ(refusal("switch ~ distance + + * arsenic"),
            bad("expected a term after \"+\", found \"*\"", "switch ~ distance + + * arsenic", 22));
  EXPECT_EQ(refusal("switch ~ ^2"), bad("expected a term after \"~\", found \"^\"", "switch ~ ^2", 9));
}

TEST(FormulaErrors, OutcomeAndTilde) {
  EXPECT_EQ(refusal(""), "formula| bad formula: it is empty; write it as outcome ~ terms");
  EXPECT_EQ(refusal("~ x"), bad("expected an outcome before \"~\"", "~ x", 0));
  EXPECT_EQ(refusal("switch"), bad("expected \"~\" and terms; write it as outcome ~ terms", "switch", 6));
  EXPECT_EQ(refusal("switch ~ distance ~ arsenic"), bad("a second \"~\"", "switch ~ distance ~ arsenic", 18));
  EXPECT_EQ(refusal("1 ~ distance"), bad("the outcome names no column", "1 ~ distance", 0));
  EXPECT_EQ(refusal("switch ~ switch + distance"),
            bad("the outcome switch is among the terms", "switch ~ switch + distance", 9));
  EXPECT_EQ(refusal("switch ~ 0"), bad("no terms and no intercept are left", "switch ~ 0", 9));
  EXPECT_EQ(refusal("switch ~ distance - distance - 1"),
            bad("no terms and no intercept are left", "switch ~ distance - distance - 1", 9));
}

TEST(FormulaErrors, Punctuation) {
  EXPECT_EQ(refusal("switch ~ (distance"), bad("a \"(\" that is never closed", "switch ~ (distance", 9));
  EXPECT_EQ(refusal("switch ~ log(distance"), bad("a \"(\" that is never closed", "switch ~ log(distance", 12));
  EXPECT_EQ(refusal("switch ~ distance)"), bad("a \")\" without its \"(\"", "switch ~ distance)", 17));
  EXPECT_EQ(refusal("switch ~ ()"), bad("nothing between the parentheses", "switch ~ ()", 10));
  EXPECT_EQ(refusal("switch ~ log()"), bad("log() needs something between its parentheses", "switch ~ log()", 13));
  EXPECT_EQ(refusal("switch ~ log(distance, 2)"),
            bad("log() takes one argument here", "switch ~ log(distance, 2)", 21));
  EXPECT_EQ(refusal("switch ~ distance, arsenic"), bad("unexpected \",\"", "switch ~ distance, arsenic", 17));
  EXPECT_EQ(
      refusal("switch ~ distance arsenic"),
      bad("unexpected \"arsenic\"; an operator such as \"+\" is missing before it", "switch ~ distance arsenic", 18));
  EXPECT_EQ(refusal("switch ~ 2x"),
            bad("unexpected \"x\"; an operator such as \"+\" is missing before it", "switch ~ 2x", 10));
  EXPECT_EQ(refusal("switch ~ distance & arsenic"), bad("unexpected \"&\"", "switch ~ distance & arsenic", 18));
  EXPECT_EQ(refusal("switch ~ `distance"), bad("a back-quote that is never closed", "switch ~ `distance", 9));
  EXPECT_EQ(refusal("switch ~ ``"), bad("a name without letters", "switch ~ ``", 9));
  EXPECT_EQ(refusal("switch ~ \"distance\""),
            bad("column names that need quotes go in back-quotes, `like this`", "switch ~ \"distance\"", 9));
  EXPECT_EQ(refusal("switch ~ (1 | grade)"),
            bad("group terms such as (1 | g) are not available", "switch ~ (1 | grade)", 12));
}

TEST(FormulaErrors, NumbersAreNotTerms) {
  const std::string in_sum = "a number is not a term; arithmetic goes in I(), as in I(2 * x)";
  const std::string elsewhere = "a number is not a term here; arithmetic goes in I(), as in I(2 * x)";
  EXPECT_EQ(refusal("switch ~ distance + 2"), bad(in_sum, "switch ~ distance + 2", 20));
  EXPECT_EQ(refusal("switch ~ 2 * distance"), bad(elsewhere, "switch ~ 2 * distance", 9));
  EXPECT_EQ(refusal("switch ~ distance / 100"), bad(elsewhere, "switch ~ distance / 100", 20));
  EXPECT_EQ(refusal("switch ~ distance^0.5"),
            bad("the power of a term is a whole number from 1; arithmetic goes in I(), as in I(x^2)",
                "switch ~ distance^0.5", 18));
}

TEST(FormulaErrors, UnknownColumns) {
  EXPECT_EQ(refusal("switch ~ distance + arsnic"),
            bad("no column \"arsnic\" in wells.csv; did you mean \"arsenic\"?", "switch ~ distance + arsnic", 20));
  EXPECT_EQ(refusal("switch ~ log(zzz + 1)"),
            bad("no column \"zzz\" in wells.csv; columns are switch, distance, arsenic, association, grade, same",
                "switch ~ log(zzz + 1)", 13));
  EXPECT_EQ(refusal("swich ~ distance"),
            bad("no column \"swich\" in wells.csv; did you mean \"switch\"?", "swich ~ distance", 0));
  EXPECT_EQ(
      error_of([] { (void)Design::make("switch ~ distance", wells(), false, {"weihgt"}); }),
      "formula| wells.csv: no column \"weihgt\"; columns are switch, distance, arsenic, association, grade, same");
}

TEST(FormulaErrors, Functions) {
  EXPECT_EQ(refusal("switch ~ sqr(distance)"),
            bad("no function \"sqr\"; did you mean \"sqrt\"? Functions are I, factor, scale, log, log2, log10, log1p, "
                "exp, sqrt, abs, sin, cos, expm1",
                "switch ~ sqr(distance)", 9));
  EXPECT_EQ(refusal("switch ~ offset(distance)"),
            bad("offset() is given as the option --offset", "switch ~ offset(distance)", 9));
  EXPECT_EQ(refusal("cbind(switch, distance) ~ arsenic"),
            bad("cbind() takes one argument here", "cbind(switch, distance) ~ arsenic", 12));
  EXPECT_EQ(
      refusal("switch ~ I(distance:arsenic)"),
      bad("\":\" is not arithmetic; interactions go outside I() and functions", "switch ~ I(distance:arsenic)", 20));
  EXPECT_EQ(refusal("switch ~ log(factor(distance))"),
            bad("factor() cannot be part of an expression", "switch ~ log(factor(distance))", 13));
  EXPECT_EQ(refusal("switch ~ log(.)"), bad("\".\" cannot be part of an expression", "switch ~ log(.)", 13));
}

TEST(FormulaErrors, CaretUnderLongAndForeignFormulas) {
  EXPECT_EQ(refusal("switch ~ Zürich +"),
            "formula| bad formula: expected a term after \"+\"\n  switch ~ Zürich +\n  " + std::string(17, ' ') + "^");
  std::string formula = "switch ~ ";
  for (int i = 0; i < 100; ++i) formula += "distance + ";
  const std::string text = refusal(formula + "nonsuch + " + formula.substr(9) + "arsenic");
  const std::size_t line = text.find('\n');
  const std::size_t caret_line = text.rfind('\n');
  const std::string shown = text.substr(line + 1, caret_line - line - 1);
  EXPECT_LT(shown.size(), 120U);
  EXPECT_EQ(shown.find("nonsuch"), text.size() - caret_line - 2) << text;
  EXPECT_EQ(refusal("switch ~\tdistance +\n"), bad("expected a term after \"+\"", "switch ~ distance + ", 19));
  EXPECT_EQ(refusal("switch ~ \xFF"), "formula| bad formula: it is not UTF-8 text");
}

TEST(FormulaErrors, DeepNestingIsRefused) {
  const auto is_deep = [](const std::string& formula) {
    return refusal(formula).starts_with("formula| bad formula: nested too deeply\n");
  };
  const std::string many(100'000, '(');
  EXPECT_TRUE(is_deep("switch ~ " + many));
  EXPECT_TRUE(is_deep("switch ~ " + many + "distance" + std::string(100'000, ')')));
  EXPECT_TRUE(is_deep("switch ~ I(" + std::string(100'000, '-') + "distance)"));
  std::string powers = "switch ~ I(distance";
  std::string calls = "switch ~ ";
  for (int i = 0; i < 100'000; ++i) {
    powers += "^distance";
    calls += "log(";
  }
  EXPECT_TRUE(is_deep(powers + ")"));
  EXPECT_TRUE(is_deep(calls));
}

TEST(FormulaErrors, LongSumsAreNotNesting) {
  std::string formula = "switch ~ distance";
  std::string arithmetic = "switch ~ I(distance";
  for (int i = 0; i < 20'000; ++i) {
    formula += " + distance";
    arithmetic += " + 1";
  }
  EXPECT_EQ(refusal(formula), "nothing");
  EXPECT_EQ(refusal(arithmetic + ")"), "nothing");
}

TEST(FormulaErrors, NoBlowUp) {
  Table table;
  std::string sum;
  for (int i = 0; i < 30; ++i) {
    const std::string name = "x" + std::to_string(i);
    table.add_numbers(name, {1.0, 2.0, static_cast<double>(i)});
    sum += (i > 0 ? " + " : "") + name;
  }
  table.add_numbers("y", {1, 2, 3});
  const std::string power = "y ~ (" + sum + ")^20";
  EXPECT_TRUE(refusal(power, table).starts_with("formula| bad formula: this makes more than 20000 terms\n"))
      << refusal(power, table);
  EXPECT_TRUE(refusal("y ~ (" + sum + ")^4 * (" + sum + ")^4", table)
                  .starts_with("formula| bad formula: this makes more than 20000 terms\n"));
  EXPECT_EQ(refusal("y ~ (x0 + x1)^1000000000", table), "nothing");
  std::vector<std::string> names;
  for (int i = 0; i < 30'000; ++i) names.push_back("n" + std::to_string(i));
  Table people;
  people.add_text("name", names);
  people.add_numbers("y", std::vector<double>(names.size(), 1.0));
  EXPECT_EQ(refusal("y ~ name", people), "formula| the formula makes more than 20000 columns at the term name");
}

TEST(FormulaErrors, TextWhereNumbersAreNeeded) {
  Table table = wells();
  Column mixed;
  mixed.name = "level";
  mixed.kind = ColumnKind::mixed;
  mixed.numbers = {1, 2, std::numeric_limits<double>::quiet_NaN(), 3};
  mixed.codes = {0, 1, 3, 2};
  mixed.levels = {"1", "2", "3", "abc"};
  mixed.first_bad_row = 2;
  table.add(mixed);
  EXPECT_EQ(refusal("switch ~ level", table), "data| wells.csv:5: column \"level\" is \"abc\", not a number");
  EXPECT_EQ(refusal("switch ~ log(level)", table), "data| wells.csv:5: column \"level\" is \"abc\", not a number");
  EXPECT_EQ(refusal("level ~ distance", table), "data| wells.csv:5: column \"level\" is \"abc\", not a number");
  EXPECT_EQ(refusal("switch ~ log(association)", table),
            "data| wells.csv:2: column \"association\" is \"no\", not a number");
  EXPECT_EQ(refusal("switch ~ factor(level)", table), "nothing");
  EXPECT_EQ(error_of([&] { (void)number_column(table, "level", {0}); }),
            "data| wells.csv:5: column \"level\" is \"abc\", not a number");
}

TEST(FormulaErrors, LevelsOfFactorsAndOutcomes) {
  EXPECT_EQ(refusal("switch ~ same"),
            "data| wells.csv: column \"same\" has one level, \"x\", in the rows used; a factor needs two");
  EXPECT_EQ(refusal("switch ~ factor(same)"),
            "data| wells.csv: factor(same) has one level, \"x\", in the rows used; a factor needs two");
  EXPECT_EQ(refusal("grade ~ distance"),
            "data| wells.csv: the outcome \"grade\" has 3 levels (a, b, c); a text outcome has two, or more with the "
            "likelihoods categorical and ordinal");
  EXPECT_EQ(error_of([] { (void)Design::make("grade ~ distance", wells(), false, {}, true); }), "nothing");
  EXPECT_EQ(refusal("same ~ distance"),
            "data| wells.csv: the outcome \"same\" is \"x\" in every row used; two levels are needed");
}

TEST(FormulaErrors, TwoCoefficientsOfOneName) {
  Table table = wells();
  table.add_numbers("gradeb", {1, 2, 3, 4});
  EXPECT_EQ(refusal("switch ~ grade + gradeb", table),
            "formula| two coefficients would be called \"gradeb\"; rename a column");
}

TEST(FormulaErrors, NoRowsLeft) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Table table;
  EXPECT_EQ(refusal("y ~ x", table), bad("no column \"y\" in the table; columns are ", "y ~ x", 0));
  table.add_numbers("y", {});
  EXPECT_EQ(refusal("y ~ 1", table), "data| the table: no rows");
  Table gaps;
  gaps.add_numbers("y", {1, nan});
  gaps.add_numbers("x", {nan, 1});
  gaps.add_numbers("z", {nan, nan});
  EXPECT_EQ(refusal("y ~ x", gaps), "data| the table: every row has a missing value in one of y, x");
  EXPECT_EQ(refusal("y ~ z", gaps), "data| the table: column \"z\" has no values");
}

}  // namespace
}  // namespace velbo::internal

// Design matrices against R's model.matrix(): tests/data/formula/model_matrices.json, by make_model_matrices.R.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "formula/design.h"
#include "velbo/table.h"

namespace velbo::internal {
namespace {

const std::string kFolder = std::string(VELBO_TEST_DATA_DIR) + "/formula/";

// Sums in scale() may be rounded otherwise than R's, and so may log and exp of another C library: a few units in the
// last place.  Everything else is exact.
constexpr double kRounding = 1e-14;

nlohmann::json read_cases() {
  std::ifstream file(kFolder + "model_matrices.json");
  return nlohmann::json::parse(file);
}

TEST(DesignAgainstR, NamesRowsAndValuesAreThoseOfModelMatrix) {
  const Table table = read_csv(kFolder + "table.csv");
  const nlohmann::json cases = read_cases();
  ASSERT_GE(cases.size(), 80U);
  for (const auto& expected : cases) {
    const auto formula = expected.at("formula").get<std::string>();
    SCOPED_TRACE(formula);
    const Design design = Design::make(formula, table, false);
    const auto names = expected.at("names").get<std::vector<std::string>>();
    EXPECT_EQ(design.names(), names);
    const EvaluatedRows<double> rows = design.evaluate<double>(table, MissingRows::drop);
    EXPECT_EQ(rows.row, expected.at("rows").get<std::vector<std::int64_t>>());
    const auto x = expected.at("x").get<std::vector<std::vector<double>>>();
    ASSERT_EQ(rows.x.size(), x.size() * names.size());
    const bool is_exact = formula.find('(') == std::string::npos;
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t j = 0; j < names.size(); ++j) {
        const double value = rows.x[i * names.size() + j];
        EXPECT_NEAR(value, x[i][j], is_exact ? 0.0 : kRounding * (1 + std::fabs(x[i][j])))
            << names[j] << " in row " << i;
      }
    }
    const std::vector<double> y = design.evaluate_response(table, rows.row);
    const auto expected_y = expected.at("y").get<std::vector<double>>();
    ASSERT_EQ(y.size(), expected_y.size());
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected_y[i], kRounding * (1 + std::fabs(y[i])));
  }
}

TEST(DesignAgainstR, NoInterceptOptionIsMinusOne) {
  const Table table = read_csv(kFolder + "table.csv");
  for (const std::string terms : {"a*b", "x1 + a:x1", "."}) {
    const Design by_option = Design::make("y ~ " + terms, table, true);
    const Design by_formula = Design::make("y ~ " + terms + " - 1", table, false);
    EXPECT_EQ(by_option.names(), by_formula.names());
    EXPECT_FALSE(by_option.has_intercept());
    EXPECT_EQ(by_option.evaluate<float>(table, MissingRows::drop).x,
              by_formula.evaluate<float>(table, MissingRows::drop).x);
  }
}

// Saved and read again, every design of the list is the same to the bit.
TEST(DesignAgainstR, JsonRoundTripIsExact) {
  const Table table = read_csv(kFolder + "table.csv");
  for (const auto& expected : read_cases()) {
    const auto formula = expected.at("formula").get<std::string>();
    SCOPED_TRACE(formula);
    const Design design = Design::make(formula, table, false, {"x3"});
    const std::string text = design.to_json().dump();
    const Design again = Design::from_json(nlohmann::json::parse(text));
    EXPECT_EQ(again.to_json().dump(), text);
    EXPECT_EQ(again.names(), design.names());
    EXPECT_EQ(again.formula(), formula);
    EXPECT_EQ(again.response().name, design.response().name);
    const auto before = design.evaluate<double>(table, MissingRows::drop);
    const auto after = again.evaluate<double>(table, MissingRows::drop);
    EXPECT_EQ(before.x, after.x);
    EXPECT_EQ(before.row, after.row);
  }
}

}  // namespace
}  // namespace velbo::internal

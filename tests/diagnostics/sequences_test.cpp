// Split R-hat, effective draws and standard error of sequences: by hand, against ArviZ, and a law of large numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "support/errors.h"
#include "support/json_case.h"
#include "velbo/diagnostics.h"
#include "velbo/random.h"

namespace velbo {
namespace {

using test::error_of;

// Two sequences of 4, halves (0, 2), (1, 3), (4, 6), (5, 7): each of variance 2, means 1, 2, 5, 6 of variance 17 / 3, so
// R-hat^2 = (2 / 2 + 17 / 3) / 2 = 10 / 3.
TEST(SequenceDiagnostics, RHatByHand) {
  const std::vector<double> x{0, 2, 1, 3, 4, 6, 5, 7};
  EXPECT_NEAR(sequence_diagnostics(x, 2).r_hat, std::sqrt(10.0 / 3), 1e-14);
  // One sequence that climbs is told from one that does not: halves of means 1 and 5.
  const std::vector<double> climbing{0, 2, 4, 6};
  EXPECT_NEAR(sequence_diagnostics(climbing, 1).r_hat, std::sqrt((1 + 8) / 2.0), 1e-14);
}

TEST(SequenceDiagnostics, HaveArviZsNumbers) {
  const nlohmann::json json = test::read_json(std::string(VELBO_TEST_DATA_DIR) + "/loo/arviz.json");
  ASSERT_EQ(json.at("sequences").size(), 5U);
  for (const auto& expected : json.at("sequences")) {
    const SequenceDiagnostics found =
        sequence_diagnostics(expected.at("values").get<std::vector<double>>(), expected.at("n_sequences"));
    const std::string name = expected.at("name");
    EXPECT_NEAR(found.r_hat, expected.at("r_hat"), 1e-10) << name;
    EXPECT_NEAR(found.ess / expected.at("ess").get<double>(), 1, 1e-9) << name;
    EXPECT_NEAR(found.mcse / expected.at("mcse").get<double>(), 1, 1e-9) << name;
  }
}

// x_t = a x_{t-1} + noise has M T (1 - a) / (1 + a) effective draws.  The estimate's relative error at these sizes is 5 %.
TEST(SequenceDiagnostics, FindTheEffectiveDrawsOfAnAutoregression) {
  constexpr std::size_t kSequences = 4, kLength = 10000;
  for (const double a : {0.8, -0.5}) {
    std::vector<double> x(kSequences * kLength);
    standard_normals(make_key(8, Purpose::test), 0, 0, 0, x);
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = i % kLength == 0 ? x[i] / std::sqrt(1 - a * a) : a * x[i - 1] + x[i];
    const SequenceDiagnostics found = sequence_diagnostics(x, kSequences);
    const double expected = static_cast<double>(x.size()) * (1 - a) / (1 + a);
    EXPECT_NEAR(found.ess / expected, 1, 0.2) << a;
    EXPECT_NEAR(found.mcse, 1 / ((1 - a) * std::sqrt(static_cast<double>(x.size()))), 0.15 * found.mcse) << a;
    EXPECT_NEAR(found.r_hat, 1, 0.01);
  }
}

TEST(SequenceDiagnostics, HaveAnAnswerForConstants) {
  const std::vector<double> same(8, 3.0), apart{1, 1, 1, 1, 2, 2, 2, 2};
  EXPECT_TRUE(std::isnan(sequence_diagnostics(same, 2).r_hat));
  EXPECT_TRUE(std::isnan(sequence_diagnostics(same, 2).mcse));
  EXPECT_EQ(sequence_diagnostics(apart, 2).r_hat, INFINITY);
}

TEST(SequenceDiagnostics, RefuseWhatAreNoSequences) {
  const std::vector<double> seven(7, 1.0), bad{1, 2, NAN, 4};
  const auto refusal = [](const std::vector<double>& x, std::int64_t n) {
    return error_of([&] { static_cast<void>(sequence_diagnostics(x, n)); });
  };
  EXPECT_EQ(refusal(seven, 2), "shape| 7 numbers are not 2 sequences of at least 4 numbers each");
  EXPECT_EQ(refusal(seven, 0), "shape| 7 numbers are not 0 sequences of at least 4 numbers each");
  EXPECT_EQ(refusal(bad, 1), "data| number 2 of the sequences is nan, expected a finite one");
}

}  // namespace
}  // namespace velbo

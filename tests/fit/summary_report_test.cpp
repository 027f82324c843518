// The summary for people.
#include <gtest/gtest.h>

#include <algorithm>

#include <cmath>
#include <limits>
#include <sstream>

#include "fit/make_summary.h"
#include "fit/report_text.h"

namespace velbo {
namespace {

using internal::row_of_numbers;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(SummaryReport, ShowsTheTableAlignedAtTheDecimalPoint) {
  const std::string report = test::make_summary().full_report();
  EXPECT_TRUE(contains(report,
                       "parameter     mean      sd      5 %     50 %     95 %  prior\n"
                       "Intercept   0.002   0.079   -0.128    0.002    0.132   normal(0, 10)\n"
                       "distance   -9.0000  0.0010  -9.1000  -9.0000  -8.9000  normal(0, 0.06497) *\n"))
      << report;
  for (const char* part :
       {"switch ~ distance + arsenic", "bernoulli, logit link (guessed", "3,020 (12 dropped", "converged", "-1963.25",
        "0.11 +- 0.05 from 1,000 draws", "0.004 posterior sd", "good: ", "a warning", "* default prior"})
    EXPECT_TRUE(contains(report, part)) << part << "\n" << report;
}

// Of a parameter without one the cell says so, and the column is there only where there is something in it.
TEST(SummaryReport, ShowsTheLinearResponse) {
  Summary s = test::make_summary();
  EXPECT_FALSE(contains(s.full_report(), "response"));
  s.quality.linear_response_k_hat = 0.25;
  for (ParameterSummary& p : s.parameters) p.linear_response_sd = 2 * p.sd;
  const std::string report = s.full_report();
  EXPECT_TRUE(contains(report,
                       "parameter     mean      sd      5 %     50 %     95 %  sd (response)  prior\n"
                       "Intercept   0.002   0.079   -0.128    0.002    0.132          0.16    normal(0, 10)\n"
                       "distance   -9.0000  0.0010  -9.1000  -9.0000  -8.9000         0.0021  normal(0, 0.06497) *\n"))
      << report;
  EXPECT_TRUE(contains(report, "; 0.25 of the linear response's Gaussian")) << report;
}

TEST(SummaryReport, IsAtMost100ColumnsWide) {
  Summary s = test::make_summary();
  s.parameters[0].name = std::string(150, 'x');
  s.parameters[1].name = "\xc3\xbc" + std::string(150, 'y');
  s.quality.advice = std::string(40, 'a') + " " + std::string(40, 'b') + " " + std::string(40, 'c');
  s.warnings = {std::string(60, 'a') + " " + std::string(60, 'b')};
  std::istringstream lines(s.full_report());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(internal::display_width(line), 100U) << line;
}

TEST(SummaryReport, SaysSoWhenSomethingIsWrong) {
  Summary s = test::make_summary();
  s.fit.status = Status::max_steps;
  s.quality.verdict = Verdict::unreliable;
  s.quality.advice = "raise --max-steps";
  s.quality.error_sd = std::numeric_limits<double>::infinity();
  s.quality.k_hat = std::nan("");
  const std::string report = s.full_report();
  EXPECT_TRUE(contains(report, "NOT converged") && contains(report, "UNRELIABLE") &&
              contains(report, "raise --max-steps") && contains(report, "distance to the optimum is not known") &&
              !contains(report, "nan"))
      << report;
  EXPECT_TRUE(contains(s.brief_report(), "max_steps, unreliable"));
  EXPECT_FALSE(contains(s.brief_report(), "\n"));
}

TEST(SummaryReport, CutsVeryLongTables) {
  Summary s = test::make_summary();
  s.parameters.assign(1000, s.parameters[0]);
  const std::string report = s.full_report();
  EXPECT_LT(std::count(report.begin(), report.end(), '\n'), 100);
  EXPECT_TRUE(contains(report, "940 more"));
}

TEST(ReportText, DigitsFollowTheSd) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(row_of_numbers({1.23456, 0.0123}, 0.0123), (Texts{"1.235", "0.012"}));
  EXPECT_EQ(row_of_numbers({12345.678, 321}, 321), (Texts{"12346", "321"}));
  EXPECT_EQ(row_of_numbers({-0.0001, 0.5}, 0.5), (Texts{"0.00", "0.50"}));
  EXPECT_EQ(row_of_numbers({1e12, 1e11}, 1e11), (Texts{"1.0000e+12", "1.0000e+11"}));
  EXPECT_EQ(row_of_numbers({1, 1e-12}, 1e-12), (Texts{"1.0000e+00", "1.0000e-12"}));
  EXPECT_EQ(row_of_numbers({std::nan(""), 1}, std::nan("")), (Texts{"nan", "1.0"}));
  EXPECT_EQ(row_of_numbers({2, 0}, 0), (Texts{"2.0", "0.0"}));
}

TEST(ReportText, NumbersForPeople) {
  EXPECT_EQ(internal::with_thousands(0), "0");
  EXPECT_EQ(internal::with_thousands(999), "999");
  EXPECT_EQ(internal::with_thousands(1000), "1,000");
  EXPECT_EQ(internal::with_thousands(-1234567), "-1,234,567");
  EXPECT_EQ(internal::duration(0.0124), "12 ms");
  EXPECT_EQ(internal::duration(3.44), "3.4 s");
  EXPECT_EQ(internal::duration(312), "5 min 12 s");
  EXPECT_EQ(internal::duration(7260), "2 h 1 min");
  EXPECT_EQ(internal::cut("abcdefgh", 6), "abc...");
  EXPECT_EQ(internal::cut("\xc3\xa4\xc3\xb6\xc3\xbc", 3), "\xc3\xa4\xc3\xb6\xc3\xbc");
}

}  // namespace
}  // namespace velbo

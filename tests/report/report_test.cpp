// Reports: text that cannot break out, numbers that are not finite, ticks, and files that load nothing.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "report/charts.h"
#include "report/html_report.h"
#include "support/errors.h"
#include "support/scratch.h"

namespace velbo::internal {
namespace {

const double kNaN = std::nan(""), kInf = INFINITY;

// Whether every element that opens closes again, in order; of the few elements that need no end.
testing::AssertionResult balanced(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at)) {
    const std::size_t end = text.find('>', at);
    if (end == std::string::npos) return testing::AssertionFailure() << "< without >";
    std::string tag = text.substr(at + 1, end - at - 1);
    at = end;
    if (tag[0] == '!' || tag.back() == '/' || tag.starts_with("meta")) continue;
    const std::string name = tag.substr(0, tag.find(' '));
    if (name[0] != '/') {
      open.push_back(name);
    } else {
      if (open.empty() || open.back() != name.substr(1))
        return testing::AssertionFailure() << name << " closes nothing";
      open.pop_back();
    }
  }
  if (!open.empty()) return testing::AssertionFailure() << open.back() << " is left open";
  return testing::AssertionSuccess();
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Report, TicksAreRoundNumbersInside) {
  EXPECT_EQ(nice_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(nice_ticks(-0.3, 0.3, 3).size(), 3U);
  EXPECT_TRUE(nice_ticks(1, 1, 5).empty());
  EXPECT_TRUE(nice_ticks(0, kInf, 5).empty());
  for (const double low : {-1e6, -3.0, 0.017}) {
    const std::vector<double> ticks = nice_ticks(low, low + 0.9, 6);
    EXPECT_GE(ticks.size(), 3U);
    EXPECT_LE(ticks.size(), 12U);
    for (const double t : ticks) EXPECT_TRUE(t >= low - 1e-6 && t <= low + 0.9 + 1e-6);
  }
}

TEST(Report, NumbersAreShort) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(12.5), "12.5");
  EXPECT_EQ(short_number(1234567), "1.23e+06");
  EXPECT_EQ(short_number(-0.00001234), "-1.23e-05");
}

TEST(Report, ChartsLeaveOutWhatIsNotFinite) {
  const std::string line = line_chart({{"a", {1, 2, 3, 4, 5}, {1, kNaN, 3, 4, kInf}}}, "x", "y");
  EXPECT_TRUE(balanced(line));
  EXPECT_EQ(line.find("nan"), std::string::npos);
  EXPECT_EQ(line.find("inf"), std::string::npos);
  const std::string scatter = scatter_chart({{1, 2, 0}, {kNaN, 1, 1}, {3, 4, 9}},
                                            {{1, 2, 1, 0.5, 1, 0, "one"}, {kNaN, 0, 1, 0, 1, 1, "two"}}, "x", "y");
  EXPECT_TRUE(balanced(scatter));
  EXPECT_EQ(count(scatter, "<circle"), 2U);
  EXPECT_EQ(count(scatter, "class=\"mark\""), 1U);
  EXPECT_EQ(scatter.find("nan"), std::string::npos);
  // Group 9 has the colour of group 1.
  EXPECT_EQ(count(scatter, "var(--c1)"), 1U);
  for (const std::string& empty : {line_chart({}, "x", "y"), scatter_chart({}, {}, "x", "y"), bar_chart({}, "v"),
                                   share_chart({}, {}, {}, "r", "c"), band_chart({})})
    EXPECT_TRUE(balanced(empty)) << empty;
}

TEST(Report, StepsHaveWholeTicks) {
  const auto ticks = [](const std::vector<double>& x) { return line_chart({{"a", x, {10, 20, 30}}}, "x", "y"); };
  EXPECT_EQ(ticks({1, 2, 3}).find(">1.5<"), std::string::npos);
  EXPECT_NE(ticks({1, 2, 2.9}).find(">1.4<"), std::string::npos);
}

TEST(Report, TicksHaveTheDigitsThatTellThemApart) {
  const auto chart = [](double low, double high) { return line_chart({{"a", {0.5, 1.5}, {low, high}}}, "x", "y"); };
  EXPECT_NE(chart(-3565000, -3561000).find(">-3563000<"), std::string::npos);
  EXPECT_NE(chart(0.001, 0.003).find(">0.0020<"), std::string::npos);
  EXPECT_NE(chart(-1, 1).find(">0.0<"), std::string::npos);
  EXPECT_EQ(chart(-1, 1).find(">-0"), chart(-1, 1).find(">-0.5<"));
  EXPECT_NE(chart(1e9, 3e9).find("e+09<"), std::string::npos);
}

// The longest bar is of the largest value, others in proportion.
TEST(Report, BarsAreInProportion) {
  const std::string chart = bar_chart({{"a", 2}, {"b", 1}, {"c", kNaN}}, "probability");
  EXPECT_NE(chart.find("width=\"210.0\""), std::string::npos);
  EXPECT_NE(chart.find("width=\"105.0\""), std::string::npos);
  EXPECT_NE(chart.find("width=\"0.0\""), std::string::npos);
}

TEST(Report, LongNamesAreCutBetweenCharacters) {
  std::string name, cut;
  for (int i = 0; i < 20; ++i) name += "\u00e4";
  for (int i = 0; i < 17; ++i) cut += "\u00e4";
  EXPECT_NE(bar_chart({{name, 1}}, "").find(">" + cut + "\u2026<"), std::string::npos);
  EXPECT_NE(bar_chart({{cut + "b", 1}}, "").find(">" + cut + "b<"), std::string::npos);
}

TEST(Report, BandsJoinEqualSteps) {
  const std::string chart = band_chart({{0, 0, 0, 1, 1, 0}, {}, {1, 2, 3, 2, 1, 0}, {}, "t", "y"});
  EXPECT_EQ(count(chart, "<rect"), 3U);
  const std::string named =
      band_chart({{0, 0, 0, 1, 1, 0}, {"up", "down"}, {1, 0, 1, 0, 1, 0}, {"a<b", "c"}, "t", "y"});
  EXPECT_EQ(count(named, "<rect"), 5U);  // and two of the legend
  EXPECT_EQ(count(named, "<circle"), 6U);
  EXPECT_EQ(count(named, "a&lt;b"), 1U);
  EXPECT_TRUE(balanced(named));
  EXPECT_TRUE(balanced(chart));
}

TEST(Report, TextIsEscapedAndNothingIsLoaded) {
  const std::string nasty = "<script>alert(\"1\" & '2')</script>";
  HtmlReport report(nasty);
  report.heading(nasty);
  report.paragraph(nasty);
  report.facts({{nasty, nasty}});
  report.table({nasty, "n"}, {{nasty, "1"}});
  report.begin_grid();
  report.figure(bar_chart({{nasty, 1}}, nasty), nasty);
  report.figure(line_chart({{nasty, {0, 1}, {0, 1}}, {nasty, {0, 1}, {1, 0}}}, nasty, nasty), nasty);
  report.figure(share_chart({nasty}, {nasty}, {0.5}, nasty, nasty), nasty);
  report.figure(scatter_chart({}, {{0, 0, 1, 0, 1, 0, nasty}}, nasty, nasty), nasty);
  report.end_grid();
  const std::string text = report.text();
  EXPECT_EQ(text.find("<script"), std::string::npos);
  EXPECT_EQ(count(text, "src="), 0U);
  EXPECT_EQ(count(text, "url("), 0U);
  EXPECT_EQ(count(text, "http"), count(text, "http://www.w3.org/2000/svg"));
  EXPECT_TRUE(balanced(text));
}

TEST(Report, FilesAppearWholeOrNotAtAll) {
  test::ScratchFolder folder;
  HtmlReport report("title");
  report.paragraph("text");
  report.save(folder.file("report.html"));
  std::ifstream file(folder.file("report.html"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), report.text());
  EXPECT_EQ(test::error_of([&] { report.save(folder.file("none/report.html")); }, folder.file("none/report.html"))
                .substr(0, 5),
            "file|");
}

}  // namespace
}  // namespace velbo::internal

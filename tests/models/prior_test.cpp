// Priors as text: what is read, what is written back, what is refused and how.
#include "velbo/prior.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "velbo/error.h"

namespace velbo {
namespace {

std::string error_of(const std::string& text) {
  try {
    (void)Prior::parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::argument) << text;
    return error.what();
  }
  return "no error";
}

TEST(Prior, ReadsEveryDistribution) {
  EXPECT_EQ(Prior::parse("flat"), Prior::flat());
  EXPECT_EQ(Prior::parse("flat()"), Prior::flat());
  EXPECT_EQ(Prior::parse("normal(0, 2.5)"), Prior::normal(0, 2.5));
  EXPECT_EQ(Prior::parse("normal(-1e3,.5)"), Prior::normal(-1000, 0.5));
  EXPECT_EQ(Prior::parse("student_t(3, 0, 2.5)"), Prior::student_t(3, 0, 2.5));
  EXPECT_EQ(Prior::parse("cauchy(1, 2)"), Prior::cauchy(1, 2));
  EXPECT_EQ(Prior::parse("laplace(1, 2)"), Prior::laplace(1, 2));
  EXPECT_EQ(Prior::parse("double_exponential(1, 2)"), Prior::laplace(1, 2));
  EXPECT_EQ(Prior::parse("exponential(4)"), Prior::exponential(4));
  EXPECT_EQ(Prior::parse("exponential(4)").scale, 0.25);
  EXPECT_EQ(Prior::parse("half_normal(2)"), Prior::half_normal(2));
  EXPECT_EQ(Prior::parse("half_cauchy(2)"), Prior::half_cauchy(2));
  EXPECT_EQ(Prior::parse("half_student_t(3, 2)"), Prior::half_student_t(3, 2));
  EXPECT_EQ(Prior::parse("gamma(2, 0.1)"), Prior::gamma(2, 0.1));
  EXPECT_EQ(Prior::gamma(2, 0.1).text(), "gamma(2, 0.1)");
}

TEST(Prior, ToleratesBlanksCaseAndHyphens) {
  EXPECT_EQ(Prior::parse("  Normal ( 0 ,\t+2.5 ) "), Prior::normal(0, 2.5));
  EXPECT_EQ(Prior::parse("half-normal(1)"), Prior::half_normal(1));
  EXPECT_EQ(Prior::parse("STUDENT_T(3,0,1)"), Prior::student_t(3, 0, 1));
}

TEST(Prior, SaysWhatIsWrong) {
  EXPECT_EQ(error_of("normal(0)"), "bad prior \"normal(0)\": normal takes (location, scale)");
  EXPECT_EQ(error_of("normal"), "bad prior \"normal\": normal takes (location, scale)");
  EXPECT_EQ(error_of("flat(1)"), "bad prior \"flat(1)\": flat takes no arguments");
  EXPECT_EQ(error_of("normal(0, -1)"), "bad prior \"normal(0, -1)\": the scale is -1, expected a number > 0");
  EXPECT_EQ(error_of("normal(0, 0)"), "bad prior \"normal(0, 0)\": the scale is 0, expected a number > 0");
  EXPECT_EQ(error_of("exponential(0)"), "bad prior \"exponential(0)\": the rate is 0, expected a number > 0");
  EXPECT_EQ(error_of("student_t(0, 0, 1)"),
            "bad prior \"student_t(0, 0, 1)\": the degrees of freedom is 0, expected a number > 0");
  EXPECT_EQ(error_of("normal(a, 1)"), "bad prior \"normal(a, 1)\": \"a\" is not a number");
  EXPECT_EQ(error_of("normal(0, 1"), "bad prior \"normal(0, 1\": expected one closing ) at the end");
  EXPECT_EQ(error_of("normal(0, 1) x"), "bad prior \"normal(0, 1) x\": expected one closing ) at the end");
  EXPECT_EQ(error_of("normal(0, inf)"), "bad prior \"normal(0, inf)\": inf is not finite");
  EXPECT_EQ(error_of("normal(nan, 1)"), "bad prior \"normal(nan, 1)\": nan is not finite");
  EXPECT_EQ(error_of("normal(0,,1)"), "bad prior \"normal(0,,1)\": \"\" is not a number");
  EXPECT_NE(error_of("nromal(0, 1)").find("did you mean normal?"), std::string::npos);
  EXPECT_NE(error_of("").find("no distribution is named"), std::string::npos);
  EXPECT_NE(error_of("weibull(1, 2)").find("(there are flat, normal, "), std::string::npos);
  for (const char* nonsense : {"(", ")", "()", ")(", "normal(", "normal)", "normal((0,1))", ",", "normal(0 1)",
                               "normal(1e999, 1)", "normal(0x1p3, 1)", "exponential(1e-320)"})
    EXPECT_NE(error_of(nonsense), "no error") << nonsense;
}

TEST(Prior, WritesTheShortestTextThatReadsBackTheSame) {
  EXPECT_EQ(Prior::normal(0, 2.5).text(), "normal(0, 2.5)");
  EXPECT_EQ(Prior::exponential(0.3).text(), "exponential(0.3)");
  EXPECT_EQ(Prior::half_student_t(3, 1e-9).text(), "half_student_t(3, 1e-09)");
  EXPECT_EQ(Prior::flat().text(), "flat");
  std::mt19937_64 words(1);
  std::normal_distribution<double> normal;
  for (int i = 0; i < 10'000; ++i) {
    const double scale = std::exp(10 * normal(words)), location = normal(words) * scale, df = std::exp(normal(words));
    for (const Prior& prior :
         {Prior::normal(location, scale), Prior::student_t(df, location, scale), Prior::cauchy(location, scale),
          Prior::laplace(location, scale), Prior::exponential(scale), Prior::half_normal(scale),
          Prior::half_cauchy(scale), Prior::half_student_t(df, scale), Prior::gamma(df, 1 / scale)})
      EXPECT_EQ(Prior::parse(prior.text()), prior) << prior.text();
  }
}

TEST(Prior, KnowsWhichOnesArePositive) {
  EXPECT_TRUE(Prior::exponential(1).is_positive());
  EXPECT_TRUE(Prior::half_normal(1).is_positive());
  EXPECT_TRUE(Prior::half_cauchy(1).is_positive());
  EXPECT_TRUE(Prior::half_student_t(3, 1).is_positive());
  EXPECT_TRUE(Prior::gamma(3, 1).is_positive());
  EXPECT_FALSE(Prior::normal(0, 1).is_positive());
  EXPECT_FALSE(Prior::flat().is_positive());
}

}  // namespace
}  // namespace velbo

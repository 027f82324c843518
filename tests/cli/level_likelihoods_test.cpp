// velbo fit, predict and sample with outcomes of several levels.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "cli/velbo.h"

namespace velbo::test {
namespace {

std::string line(const std::string& text, int number) {
  std::istringstream stream(text);
  std::string out;
  for (int i = 0; i <= number; ++i) std::getline(stream, out);
  return out;
}

std::vector<std::string> cells(const std::string& text) {
  std::vector<std::string> out(1);
  for (const char c : text)
    if (c == ',') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  return out;
}

// As velbo.h's, with a size that grows with x, and with a number for it.
std::string sizes_text() {
  std::istringstream stream(table_text());
  std::string out, text;
  for (int i = -1; std::getline(stream, text); ++i) {
    if (i < 0) {
      out += text + ",size,grade\n";
      continue;
    }
    const double eta = std::stod(cells(text)[1]) + (i * 7919 % 100 - 50) / 25.0;
    const int level = eta < -0.7 ? 0 : eta < 0.8 ? 1 : 2;
    out += text + "," +
           (level == 0   ? "small"
            : level == 1 ? "medium"
                         : "large") +
           "," + std::to_string(level + 1) + "\n";
  }
  return out;
}

class LevelLikelihoodsCli : public testing::Test {
 protected:
  ScratchFolder folder_;
  std::string table_ = folder_.file("table.csv", sizes_text()), fit_ = folder_.file("fit.velbo");
  std::string rows_ = folder_.file("new.csv", "group,x,o\nred,2,0.1\nblue,,0\ngreen,-2,0\n");
};

TEST_F(LevelLikelihoodsCli, Ordinal) {
  const RunResult r =
      velbo({"fit", "size ~ x + group", "--data", table_, "--likelihood", "ordinal", "--levels", "small, medium,large",
             "--offset", "o", "--prior-intercept", "normal(0, 3)", "--out", fit_, "--json", folder_.file("fit.json")});
  EXPECT_TRUE(r.status == 0 || r.status == 3) << r.err;
  EXPECT_NE(r.out.find("ordinal, cumulative logits"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("small < medium < large"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("normal(0, 3)"), std::string::npos) << r.out;
  EXPECT_NE(read_bytes(folder_.file("fit.json")).find("\"cutpoint[2]\": \"normal(0, 3)\""), std::string::npos);
  EXPECT_EQ(velbo({"summary", fit_}).out, r.out);
  EXPECT_EQ(line(velbo({"sample", fit_, "--draws", "2"}).out, 0), "x,groupgreen,groupred,cutpoint[1],cutpoint[2]");

  const RunResult p = velbo({"predict", fit_, "--data", rows_});
  EXPECT_EQ(p.status, 0) << p.err;
  EXPECT_EQ(n_lines(p.out), 4);
  EXPECT_EQ(line(p.out, 0),
            "mean[small],mean[medium],mean[large],sd[small],sd[medium],sd[large],lower[small],lower[medium],"
            "lower[large],upper[small],upper[medium],upper[large],most_probable");
  EXPECT_EQ(line(p.out, 2), ",,,,,,,,,,,,");
  const auto large = cells(line(p.out, 1)), small = cells(line(p.out, 3));
  ASSERT_EQ(large.size(), 13U);
  EXPECT_EQ(large[12], "large");
  EXPECT_EQ(small[12], "small");
  EXPECT_NEAR(std::stod(large[0]) + std::stod(large[1]) + std::stod(large[2]), 1, 1e-12);
  EXPECT_GT(std::stod(large[2]), 0.5);
  EXPECT_LT(std::stod(large[8]), std::stod(large[2]));

  const RunResult linear = velbo({"predict", fit_, "--data", rows_, "--kind", "linear"});
  EXPECT_EQ(line(linear.out, 0), "mean,sd,lower,upper");
  EXPECT_EQ(line(linear.out, 2), ",,,");
  const RunResult outcome = velbo({"predict", fit_, "--data", rows_, "--kind", "outcome"});
  EXPECT_EQ(cells(line(outcome.out, 3))[12], "small");
  EXPECT_EQ(velbo({"predict", fit_, "--data", rows_, "--out", folder_.file("p.npy")}).status, 0);
  EXPECT_NE(read_bytes(folder_.file("p.npy")).find("(3, 12)"), std::string::npos);
}

TEST_F(LevelLikelihoodsCli, Categorical) {
  const RunResult r = velbo({"fit", "size ~ x", "--data", table_, "--likelihood", "categorical", "--levels",
                             "medium,small,large", "--out", fit_});
  EXPECT_TRUE(r.status == 0 || r.status == 3) << r.err;
  EXPECT_NE(r.out.find("medium, small, large"), std::string::npos) << r.out;
  EXPECT_EQ(line(velbo({"sample", fit_, "--draws", "1"}).out, 0),
            "Intercept[small],x[small],Intercept[large],x[large]");
  const RunResult p = velbo({"predict", fit_, "--data", rows_});
  EXPECT_EQ(cells(line(p.out, 1))[12], "large");
  EXPECT_EQ(cells(line(p.out, 3))[12], "small");
  EXPECT_EQ(line(velbo({"predict", fit_, "--data", rows_, "--kind", "linear"}).out, 0),
            "mean[small],mean[large],sd[small],sd[large],lower[small],lower[large],upper[small],upper[large]");
  // Without --levels the alphabet decides.
  const RunResult alphabetical = velbo({"fit", "size ~ x", "--data", table_, "--likelihood", "categorical"});
  EXPECT_NE(alphabetical.out.find("Intercept[medium]"), std::string::npos) << alphabetical.out;
  EXPECT_NE(alphabetical.out.find("large, medium, small"), std::string::npos) << alphabetical.out;
  const RunResult numbers = velbo({"fit", "factor(grade) ~ x", "--data", table_, "--likelihood", "categorical"});
  EXPECT_NE(numbers.out.find("Intercept[3]"), std::string::npos) << numbers.out;
}

TEST_F(LevelLikelihoodsCli, MistakesAreNamed) {
  const auto refusal = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "fit");
    arguments.insert(arguments.end(), {"--data", table_});
    const RunResult r = velbo(arguments);
    EXPECT_EQ(r.status, 2) << r.out;
    return r.err;
  };
  const auto expect = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect(refusal({"size ~ x"}), "a text outcome has two, or more with the likelihoods categorical and ordinal");
  expect(refusal({"size ~ x", "--likelihood", "ordinal", "--levels", "small,medium"}),
         "outcome size is \"large\", which is not among the levels that were given: small, medium");
  expect(refusal({"size ~ x", "--likelihood", "ordinal", "--levels", "small,medium,large,huge"}),
         "level \"huge\" was given, but no row's outcome size is that");
  expect(refusal({"size ~ x", "--likelihood", "ordinal", "--levels", "small,,large"}),
         "--levels is \"small,,large\", expected names between commas");
  expect(refusal({"grade ~ x", "--likelihood", "ordinal"}), "factor(grade) takes the numbers that there are");
  expect(refusal({"size ~ x", "--likelihood", "categorical", "--offset", "o"}), "likelihood categorical takes none");
  expect(refusal({"size ~ x", "--likelihood", "ordinal", "--no-intercept"}), "likelihood ordinal has no intercept");
  expect(refusal({"count ~ x", "--likelihood", "poisson", "--levels", "0,1"}), "likelihood poisson has none");
}

TEST_F(LevelLikelihoodsCli, LabelsOfSparseRows) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += std::to_string(i * 7 % 3 + 1) + " 1:" + std::to_string(i % 5) + "\n";
  const std::string data = folder_.file("rows.libsvm", text);
  const RunResult r = velbo({"fit", "--data", data, "--likelihood", "categorical", "--out", fit_});
  EXPECT_TRUE(r.status == 0 || r.status == 3) << r.err;
  EXPECT_NE(r.out.find("x1[3]"), std::string::npos) << r.out;
  EXPECT_EQ(line(velbo({"predict", fit_, "--data", data}).out, 0).substr(0, 23), "mean[1],mean[2],mean[3]");
}

}  // namespace
}  // namespace velbo::test

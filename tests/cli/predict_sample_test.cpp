// velbo predict and velbo sample.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "cli/velbo.h"
#include "velbo/posterior.h"

namespace velbo::test {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<double> numbers_of(const std::string& line) {
  std::vector<double> numbers;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');)
    numbers.push_back(cell.empty() ? std::nan("") : std::stod(cell));
  return numbers;
}

class SavedFit : public ::testing::Test {
 protected:
  SavedFit() {
    const std::string table = folder_.file("table.csv", table_text());
    status_ = velbo({"fit", "y ~ x + group", "--data", table, "--out", fit_, "--quiet"}).status;
  }
  void SetUp() override { ASSERT_EQ(status_, 0); }

  ScratchFolder folder_;
  std::string fit_ = folder_.file("fit.velbo");
  int status_ = -1;
};

TEST_F(SavedFit, PredictsOneRowForEachRow) {
  const std::string rows = folder_.file("new.csv", "group,x\nred,0.5\nblue,\n,1\ngreen,-1\n");
  const std::string out = folder_.file("pred.csv");
  const RunResult r = velbo({"predict", fit_, "--data", rows, "--out", out, "--interval", "0.8"});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_EQ(r.out + r.err, "");
  const std::vector<std::string> lines = lines_of(read_bytes(out));
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0], "mean,sd,lower,upper");
  EXPECT_EQ(lines[2], ",,,");
  EXPECT_EQ(lines[3], ",,,");
  const Predictions p = Posterior::load(fit_).predict(read_csv(rows), {.interval = 0.8});
  EXPECT_EQ(numbers_of(lines[1]), (std::vector<double>{p.mean[0], p.sd[0], p.lower[0], p.upper[0]}));
  EXPECT_EQ(numbers_of(lines[4]), (std::vector<double>{p.mean[3], p.sd[3], p.lower[3], p.upper[3]}));

  EXPECT_EQ(velbo({"predict", fit_, "--data", rows, "--interval", "0.8"}).out, read_bytes(out)) << "standard output";
  const std::string array = folder_.file("pred.npy");
  ASSERT_EQ(velbo({"predict", fit_, "--data", rows, "--interval", "0.8", "--out", array}).status, 0);
  const NpyArray values = read_npy(array);
  EXPECT_EQ(values.n_rows, 4);
  EXPECT_EQ(values.n_columns, 4);
  EXPECT_EQ(values.values[0], p.mean[0]);
  EXPECT_TRUE(std::isnan(values.values[5]));
}

TEST_F(SavedFit, PredictsEveryKind) {
  const std::string rows = folder_.file("new.csv", "group,x\nred,0.5\n");
  const auto row = [&](const char* kind) {
    return numbers_of(lines_of(velbo({"predict", fit_, "--data", rows, "--kind", kind}).out).at(1));
  };
  const std::vector<double> linear = row("linear"), response = row("response"), outcome = row("outcome");
  EXPECT_NEAR(response[2], 1 / (1 + std::exp(-linear[2])), 1e-12);
  EXPECT_NEAR(response[0], outcome[0], 1e-12);
  EXPECT_NEAR(outcome[1], std::sqrt(response[0] * (1 - response[0])), 1e-12);
}

TEST_F(SavedFit, SamplesAreAFunctionOfTheSeed) {
  const std::string out = folder_.file("draws.csv");
  ASSERT_EQ(velbo({"sample", fit_, "--draws", "40000", "--seed", "3", "--out", out}).status, 0);
  const std::vector<std::string> lines = lines_of(read_bytes(out));
  ASSERT_EQ(lines.size(), 40001U);
  EXPECT_EQ(lines[0], "Intercept,x,groupgreen,groupred");
  const std::vector<double> draws = Posterior::load(fit_).sample(40000, 3);
  for (const std::size_t i : {0U, 17U, 39999U})
    EXPECT_EQ(numbers_of(lines[i + 1]), std::vector<double>(draws.begin() + 4 * static_cast<std::ptrdiff_t>(i),
                                                            draws.begin() + 4 * static_cast<std::ptrdiff_t>(i) + 4));
  const std::string few = velbo({"sample", fit_, "--draws", "10", "--seed", "3"}).out;
  EXPECT_TRUE(read_bytes(out).starts_with(few));
  EXPECT_NE(velbo({"sample", fit_, "--draws", "10", "--seed", "4"}).out, few);
  EXPECT_EQ(lines_of(velbo({"sample", fit_}).out).size(), 1001U);
  EXPECT_EQ(lines_of(velbo({"sample", fit_, "--draws", "0"}).out).size(), 1U);

  const std::string array = folder_.file("draws.npy");
  ASSERT_EQ(velbo({"sample", fit_, "--draws", "40000", "--seed", "3", "--out", array}).status, 0);
  EXPECT_EQ(read_npy(array).values, draws);
}

TEST(PredictArrays, GoThroughNpyFiles) {
  const ScratchFolder folder;
  std::vector<double> x, y, o;
  for (int i = 0; i < 50; ++i) {
    x.push_back(i % 7 - 3);
    o.push_back(0.1 * (i % 3));
    y.push_back((i * 31) % 5 + (i % 7 > 3 ? 2 : 0));
  }
  const std::string xs = folder.file("x.npy"), ys = folder.file("y.npy"), os = folder.file("o.npy");
  write_npy(xs, x, 50, 1);
  write_npy(ys, y, 50, 1);
  write_npy(os, o, 50, 1);
  const std::string fit = folder.file("fit.velbo");
  const RunResult r =
      velbo({"fit", "--data", xs, "--target", ys, "--offset", os, "--likelihood", "poisson", "--out", fit});
  ASSERT_EQ(r.status, 0) << r.err;
  EXPECT_NE(r.out.find("x1"), std::string::npos);
  const RunResult p = velbo({"predict", fit, "--data", xs, "--offset", os, "--kind", "outcome"});
  EXPECT_EQ(p.status, 0) << p.err;
  EXPECT_EQ(lines_of(p.out).size(), 51U);
  EXPECT_EQ(velbo({"predict", fit, "--data", xs}).status, 2) << "the offset is missing";
}

}  // namespace
}  // namespace velbo::test

// `velbo fit --checkpoint` and `--resume`: killed at any moment, interrupted by Ctrl-C, resumed to the same bits.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "cli/velbo.h"
#include "velbo/velbo.h"

namespace velbo::test {
namespace {

class CheckpointFile : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream table(table_);
    table << "y,a,b\n";
    for (int i = 0; i < 2000; ++i)
      table << ((i * 7919 % 101) < 40 + i * 37 % 23 ? 1 : 0) << ',' << (i * 37 % 61 - 30) / 15.0 << ','
            << (i * 53 % 47) / 20.0 << '\n';
  }
  // A fit of 1,500 steps that ends at its limit.
  [[nodiscard]] std::vector<std::string> fit(const std::string& out, const std::vector<std::string>& more,
                                             const std::string& batch_size = "100") const {
    std::vector<std::string> command = {"fit",
                                        "y ~ a + b",
                                        "--data",
                                        table_,
                                        "--likelihood",
                                        "bernoulli",
                                        "--engine",
                                        "gradient",
                                        "--estimator",
                                        "weights",
                                        "--batch-size",
                                        batch_size,
                                        "--variance-reduction",
                                        "none",
                                        "--max-steps",
                                        "1500",
                                        "--tolerance",
                                        "1e-9",
                                        "--quiet",
                                        "--out",
                                        out};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  void expect_same_posterior(const std::string& a, const std::string& b) const {
    const Posterior first = Posterior::load(a), second = Posterior::load(b);
    EXPECT_EQ(first.unconstrained_mean(), second.unconstrained_mean());
    EXPECT_EQ(first.unconstrained_covariance(), second.unconstrained_covariance());
  }

  ScratchFolder folder_;
  std::string table_ = folder_.file("t.csv"), checkpoint_ = folder_.file("fit.checkpoint"),
              whole_ = folder_.file("whole"), resumed_ = folder_.file("resumed");
};

// VELBO_KILLS=50 asks for more kills than the five that every test run makes.
TEST_F(CheckpointFile, SurvivesBeingKilledAtAnyMoment) {
  ASSERT_EQ(velbo(fit(whole_, {})).status, 3);  // a limit
  const char* asked = std::getenv("VELBO_KILLS");
  const int kills = asked != nullptr ? std::atoi(asked) : 5;
  const std::vector<std::string> saving = {"--checkpoint", checkpoint_, "--checkpoint-seconds", "0"};
  std::int64_t killed = 0;
  for (int i = 0; i < kills; ++i) {
    std::vector<std::string> more = saving;
    if (std::ifstream(checkpoint_).good()) more.insert(more.end(), {"--resume", checkpoint_});
    Program program(velbo_command(fit(resumed_, more)));
    std::this_thread::sleep_for(std::chrono::milliseconds(30 + i * 7919 % 120));
    program.send(SIGKILL);
    killed += program.finish().status == 128 + SIGKILL ? 1 : 0;
  }
  EXPECT_GT(killed, 0);  // else the fit was over before
  ASSERT_TRUE(std::ifstream(checkpoint_).good());
  ASSERT_EQ(velbo(fit(resumed_, {"--resume", checkpoint_})).status, 3);
  expect_same_posterior(whole_, resumed_);
}

TEST_F(CheckpointFile, CtrlCKeepsWhatWasDone) {
  ASSERT_EQ(velbo(fit(whole_, {})).status, 3);
  std::vector<std::string> command =
      fit(resumed_, {"--checkpoint", checkpoint_});  // not due within 30 s: written on Ctrl-C
  Program program(velbo_command(command));
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  program.send(SIGINT);
  EXPECT_EQ(program.finish().status, 3);
  EXPECT_TRUE(std::ifstream(resumed_).good());  // results so far
  ASSERT_TRUE(std::ifstream(checkpoint_).good());
  ASSERT_EQ(velbo(fit(resumed_, {"--resume", checkpoint_})).status, 3);
  expect_same_posterior(whole_, resumed_);
}

TEST_F(CheckpointFile, MistakesAreTold) {
  ASSERT_EQ(velbo(fit(whole_, {"--checkpoint", checkpoint_})).status, 3);
  const RunResult other = velbo(fit(resumed_, {"--resume", checkpoint_}, "50"));
  EXPECT_EQ(other.status, 2);
  EXPECT_NE(other.err.find("is of a fit with batch_size 100, but this one has 50"), std::string::npos) << other.err;
  const RunResult absent = velbo(fit(resumed_, {"--resume", folder_.file("absent")}));
  EXPECT_EQ(absent.status, 2);
  EXPECT_EQ(n_lines(absent.err), 1);
  const RunResult unwritable = velbo(fit(resumed_, {"--checkpoint", folder_.path() + "/no/such/folder"}));
  EXPECT_EQ(unwritable.status, 2);
  EXPECT_FALSE(std::ifstream(resumed_).good());
}

}  // namespace
}  // namespace velbo::test

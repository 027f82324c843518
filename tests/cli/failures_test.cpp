// What is not the user's mistake: interrupts, full disks, closed streams, too little memory.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/velbo.h"
#include "velbo/fit.h"

namespace velbo::test {
namespace {

using Json = nlohmann::json;

class Failures : public ::testing::Test {
 protected:
  std::vector<std::string> fit(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"fit", "y ~ x + group", "--data", table_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  // A fit that never ends, and says that it has begun.
  std::vector<std::string> endless(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = fit({"--tolerance", "1e-300", "--max-steps", "1000000000000", "--progress",
                                              "always", "--out", out_, "--json", json_});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  ScratchFolder folder_;
  std::string table_ = folder_.file("table.csv", table_text());
  std::string out_ = folder_.file("fit.velbo"), json_ = folder_.file("fit.json");
};

TEST_F(Failures, OneInterruptKeepsWhatHasBeenFitted) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Program program(velbo_command(endless()));
    ASSERT_TRUE(program.wait_for_error_text("step "));
    program.send(signal);
    const RunResult r = program.finish();
    EXPECT_EQ(r.status, 3) << r.err;
    EXPECT_NE(r.out.find("interrupted"), std::string::npos) << r.out;
    EXPECT_EQ(Json::parse(read_bytes(json_)).at("fit").at("status"), "interrupted");
    EXPECT_EQ(Posterior::load(out_).n_latents(), 4);
    EXPECT_EQ(Summary::from_json(Posterior::load_summary_json(out_)).fit.status, Status::interrupted);
    EXPECT_EQ(folder_.n_files(), 3U);
  }
}

TEST_F(Failures, ASecondInterruptEndsAtOnce) {
  Program program(velbo_command(endless()));
  ASSERT_TRUE(program.wait_for_error_text("step "));
  // Both are there when it runs again, so that the second comes before the first could end the fit.
  program.send(SIGSTOP);
  program.send(SIGINT);
  program.send(SIGTERM);
  program.send(SIGCONT);
  EXPECT_EQ(program.finish().status, 130);
  EXPECT_FALSE(std::filesystem::exists(out_)) << "nothing half-written";
  EXPECT_FALSE(std::filesystem::exists(json_));
}

TEST_F(Failures, FullDisk) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "there is no /dev/full";
  const auto to_full = [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); };
  for (const RunResult& r : {velbo(fit({"--out", "/dev/full"})), velbo(fit({"--json", "/dev/full"})),
                             velbo(fit(), to_full), velbo({"info"}, to_full), velbo({"--help"}, to_full)}) {
    EXPECT_EQ(r.status, 1);
    EXPECT_EQ(n_lines(r.err), 1) << r.err;
    EXPECT_NE(r.err.find("No space left on device"), std::string::npos) << r.err;
  }
  // What can be written is written all the same.
  EXPECT_EQ(velbo(fit({"--json", "/dev/full", "--out", out_}), to_full).status, 1);
  EXPECT_NO_THROW((void)Posterior::load(out_));
  ASSERT_EQ(velbo(fit({"--out", out_, "--quiet"})).status, 0);
  EXPECT_EQ(velbo({"sample", out_, "--draws", "100000", "--out", "/dev/full"}).status, 1);
  EXPECT_EQ(velbo({"sample", out_, "--draws", "100000"}, to_full).status, 1);
  EXPECT_EQ(velbo({"predict", out_, "--data", table_}, to_full).status, 1);
}

TEST_F(Failures, AFileSizeLimitIsAFullDisk) {
  const auto limited = [] {
    const rlimit limit{512, 512};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  };
  const RunResult r = velbo(fit({"--out", out_, "--json", json_, "--quiet"}), limited);
  EXPECT_EQ(r.status, 1) << r.err;
  EXPECT_EQ(n_lines(r.err), 1) << r.err;
  EXPECT_EQ(folder_.n_files(), 1U) << "nothing half-written, nothing left behind";

  // An older file stays as it was.
  const std::string old = folder_.file("fit.velbo", "old");
  EXPECT_EQ(velbo(fit({"--out", out_, "--quiet"}), limited).status, 1);
  EXPECT_EQ(read_bytes(out_), "old");
}

TEST_F(Failures, ClosedStandardOutput) {
  const RunResult closed = velbo(fit({"--out", out_}), [] { ::close(STDOUT_FILENO); });
  EXPECT_EQ(closed.status, 1);
  EXPECT_EQ(n_lines(closed.err), 1) << closed.err;
  EXPECT_NO_THROW((void)Posterior::load(out_)) << "the report did not end up in the file";
  const auto all_closed = [] {
    for (int descriptor = 0; descriptor < 3; ++descriptor) ::close(descriptor);
  };
  EXPECT_EQ(velbo(fit({"--out", out_, "--json", json_}), all_closed).status, 1);
  EXPECT_NO_THROW((void)Posterior::load(out_));
  EXPECT_TRUE(Json::accept(read_bytes(json_)));

  // With standard error closed, progress does not end up in the file that is opened first.
  EXPECT_EQ(velbo(fit({"--json", json_, "--progress", "always"}), [] { ::close(STDERR_FILENO); }).status, 0);
  EXPECT_TRUE(Json::accept(read_bytes(json_))) << read_bytes(json_);

  // A reader that leaves early: no message, no crash.
  const RunResult pipe = velbo({"sample", out_, "--draws", "1000000"}, [] {
    int ends[2];
    if (::pipe(ends) != 0) return;
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
  });
  EXPECT_EQ(pipe.status, 1);
  EXPECT_EQ(pipe.err, "");
}

TEST_F(Failures, TooLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers need more address space than this allows";
#else
  ASSERT_EQ(velbo(fit({"--out", out_, "--quiet"})).status, 0);
  const RunResult r = velbo({"sample", out_, "--draws", "100000000", "--out", folder_.file("d.npy")}, [] {
    const rlimit limit{std::size_t{1} << 30U, std::size_t{1} << 30U};
    ::setrlimit(RLIMIT_AS, &limit);
  });
  EXPECT_EQ(r.status, 1);
  EXPECT_EQ(r.err, "velbo: error: out of memory\n");
  const RunResult huge = velbo({"sample", out_, "--draws", "9000000000000000000", "--out", folder_.file("d.npy")});
  EXPECT_EQ(huge.status, 1);
  EXPECT_EQ(n_lines(huge.err), 1);
#endif
}

}  // namespace
}  // namespace velbo::test

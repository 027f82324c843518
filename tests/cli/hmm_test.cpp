// velbo hmm: fit, predict, summary, and what it says of mistakes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/velbo.h"

namespace velbo::test {
namespace {

// Two sequences that change between a low and a high level every twenty rows, and a word for each.
std::string walk_text() {
  std::string text = "track,x,y,word\n";
  for (int i = 0; i < 200; ++i) {
    const bool high = (i / 20) % 2 == 1;
    const double wobble = (i * 37 % 11 - 5) / 10.0;
    text += (i < 120 ? "first," : "second,") + std::to_string((high ? 5.0 : 0.0) + wobble) + "," +
            std::to_string(wobble * wobble) + "," +
            (i % 7 == 3 ? "odd"
             : high     ? "up"
                        : "down") +
            "\n";
  }
  return text;
}

class HmmCli : public testing::Test {
 protected:
  ScratchFolder folder_;
  std::string data_ = folder_.file("walk.csv", walk_text()), model_ = folder_.file("walk.velbo");
};

TEST_F(HmmCli, FitsNumbersAndFindsTheLevels) {
  const RunResult fit = velbo({"hmm", "fit", "--data", data_, "--columns", "x,y", "--sequence", "track", "--out",
                               model_, "--json", folder_.file("walk.json"), "--report", folder_.file("walk.html")});
  EXPECT_EQ(fit.status, 0) << fit.err;
  EXPECT_NE(fit.out.find("hidden Markov model of 2 states, gaussian emissions of 2 columns"), std::string::npos)
      << fit.out;
  EXPECT_NE(fit.out.find("\nconverged: "), std::string::npos);
  const auto json = nlohmann::json::parse(read_bytes(folder_.file("walk.json")));
  EXPECT_EQ(json.at("fit").at("converged"), true);
  EXPECT_EQ(json.at("model").at("columns"), (std::vector<std::string>{"x", "y"}));
  ASSERT_EQ(json.at("states").size(), 2U);
  EXPECT_NEAR(json["states"][0]["mean"][0].get<double>(), 0, 0.15);
  EXPECT_NEAR(json["states"][1]["mean"][0].get<double>(), 5, 0.15);
  EXPECT_NEAR(json["states"][0]["rows"].get<double>(), 100, 3);
  EXPECT_EQ(velbo({"hmm", "summary", model_}).out, fit.out);
  EXPECT_EQ(nlohmann::json::parse(velbo({"hmm", "summary", model_, "--json", "-"}).out), json);
  EXPECT_NE(read_bytes(folder_.file("walk.html")).find("</html>"), std::string::npos);

  // Columns are those of the fit, by name.
  const RunResult states = velbo({"hmm", "predict", model_, "--data", data_, "--sequence", "track"});
  EXPECT_EQ(states.status, 0) << states.err;
  std::istringstream lines(states.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "state,p1,p2");
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line[0], (i / 20) % 2 == 1 ? '2' : '1') << i;
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(HmmCli, FitsSymbolsAndArrays) {
  const RunResult fit = velbo({"hmm", "fit", "--data", data_, "--symbol", "word", "--out", model_, "--engine", "cavi"});
  EXPECT_EQ(fit.status, 0) << fit.err;
  EXPECT_NE(fit.out.find("categorical emissions of 3 symbols"), std::string::npos) << fit.out;
  EXPECT_EQ(n_lines(velbo({"hmm", "predict", model_, "--data", data_, "--symbol", "word"}).out), 201);
  const RunResult missing = velbo({"hmm", "predict", model_, "--data", data_});
  EXPECT_EQ(missing.status, 2);
  EXPECT_NE(missing.err.find("--symbol is missing"), std::string::npos) << missing.err;

  const std::string table = folder_.file("only.csv", "a,b\n1,2\n2,1\n8,9\n9,8\n1,1\n2,2\n");
  EXPECT_EQ(velbo({"convert", table, folder_.file("only.npy")}).status, 0);
  const RunResult array = velbo({"hmm", "fit", "--data", folder_.file("only.npy"), "--quiet", "--out", model_});
  EXPECT_EQ(array.status, 0) << array.err;
  EXPECT_EQ(array.out, "");
  EXPECT_EQ(n_lines(velbo({"hmm", "predict", model_, "--data", folder_.file("only.npy")}).out), 7);
}

TEST_F(HmmCli, TheScalarAndTheDeviceAreThoseAskedFor) {
  const RunResult fit = velbo({"hmm", "fit", "--data", data_, "--columns", "x,y", "--sequence", "track", "--scalar",
                               "float", "--device", "cpu", "--json", "-", "--quiet"});
  EXPECT_EQ(fit.status, 0) << fit.err;
  const nlohmann::json json = nlohmann::json::parse(fit.out)["fit"];
  EXPECT_EQ(json["scalar"], "float");
  EXPECT_EQ(json["device"], "cpu");
  EXPECT_EQ(json["device_reason"], "asked for");
}

TEST_F(HmmCli, ALimitIsNotSuccessAndCanBeGoneOnFrom) {
  const std::vector<std::string> command = {"hmm", "fit",      "--data", data_,    "--columns", "x",      "--starts",
                                            "1",   "--states", "3",      "--json", "-",         "--quiet"};
  auto stopped = command;
  for (const char* word : {"--max-passes", "2", "--checkpoint"}) stopped.emplace_back(word);
  stopped.push_back(folder_.file("state.velbo"));
  EXPECT_EQ(velbo(stopped).status, 3);
  auto resumed = command;
  resumed.emplace_back("--resume");
  resumed.push_back(folder_.file("state.velbo"));
  auto whole = nlohmann::json::parse(velbo(command).out), gone_on = nlohmann::json::parse(velbo(resumed).out);
  EXPECT_EQ(whole["states"], gone_on["states"]);
  EXPECT_EQ(whole["fit"]["elbo_trace"], gone_on["fit"]["elbo_trace"]);
}

TEST_F(HmmCli, MistakesAreNamed) {
  const auto error = [&](std::vector<std::string> arguments) {
    const RunResult r = velbo(std::move(arguments));
    EXPECT_EQ(r.status, 2) << r.err;
    EXPECT_EQ(n_lines(r.err), 1) << r.err;
    return r.err;
  };
  EXPECT_NE(error({"hmm", "fit"}).find("--data is missing"), std::string::npos);
  EXPECT_NE(error({"hmm", "fit", "--data", data_, "--stats", "3"}).find("--stats"), std::string::npos);
  EXPECT_NE(error({"hmm", "fit", "--data", data_, "--device", "cuda:99"}).find("device cuda:99 is not usable"),
            std::string::npos);
  EXPECT_NE(error({"hmm", "fit", "--data", data_, "--columns", "word"}).find("holds text"), std::string::npos);
  EXPECT_NE(error({"hmm", "fit", "--data", data_, "--columns", "z"}).find("no column"), std::string::npos);
  EXPECT_NE(error({"hmm", "fit", "--data", data_, "--columns", "x,,y"}).find("names with commas"), std::string::npos);
  EXPECT_NE(error({"hmm", "fit", "--data", data_, "--states", "300"}).find("200 rows"), std::string::npos);
  EXPECT_NE(error({"hmm", "fit", "--data", data_, "--batch-size", "1", "--engine", "cavi"}).find("batch size"),
            std::string::npos);
  EXPECT_NE(error({"hmm"}).find("hmm"), std::string::npos);
  EXPECT_NE(error({"hmm", "summary", data_}).find("walk.csv"), std::string::npos);
}

}  // namespace
}  // namespace velbo::test

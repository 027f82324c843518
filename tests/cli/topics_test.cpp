// velbo topics: what it writes, where, and what it refuses.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/velbo.h"
#include "velbo/array.h"
#include "velbo/topics.h"

namespace velbo::test {
namespace {

using Json = nlohmann::json;

class TopicsCommand : public ::testing::Test {
 protected:
  // Documents of two kinds: words 0 to 3, and words 4 to 7.
  static std::string documents() {
    std::string out;
    for (int d = 0; d < 60; ++d) {
      const int base = d % 2 == 0 ? 0 : 4;
      out += "3";
      for (int i = 0; i < 3; ++i)
        out += " " + std::to_string(base + (d / 2 + i) % 4) + ":" + std::to_string(3 + (d + i) % 5);
      out += "\n";
    }
    return out;
  }
  std::vector<std::string> fit(std::vector<std::string> more = {}) const {
    std::vector<std::string> out = {"topics", "fit", "--data", data_, "--vocab", words_, "--topics", "2"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  ScratchFolder folder_;
  std::string data_ = folder_.file("d.ldac", documents());
  std::string words_ = folder_.file("v", "ash\nbeech\ncedar\ndate\nelk\nfox\ngnu\nhare\n");
  std::string out_ = folder_.file("m.velbo"), json_ = folder_.file("m.json");
};

TEST_F(TopicsCommand, FitsAndSaysTheTopics) {
  const RunResult r = velbo(fit({"--out", out_, "--json", json_, "--words", "4"}));
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_EQ(r.err, "");
  for (const char* part :
       {"2 topics, 8 words, 60 documents", "converged", "engine cavi", "ELBO", "weight", "lift", "ash", "hare"})
    EXPECT_NE(r.out.find(part), std::string::npos) << part << "\n" << r.out;
  const Json json = Json::parse(read_bytes(json_));
  EXPECT_EQ(json.at("schema"), 1);
  EXPECT_EQ(json.at("fit").at("status"), "converged");
  EXPECT_EQ(json.at("model").at("n_documents"), 60);
  ASSERT_EQ(json.at("topics").size(), 2U);
  // Each topic has one kind's words, which are half of all.
  for (const Json& topic : json.at("topics")) {
    EXPECT_NEAR(topic.at("weight").get<double>(), 0.5, 0.01);
    const bool animals = topic.at("words").at(0).at("id").get<int>() >= 4;
    for (const Json& word : topic.at("words")) {
      EXPECT_EQ(word.at("id").get<int>() >= 4, animals);
      EXPECT_NEAR(word.at("lift").get<double>(), 2, 0.05);
    }
  }
  const RunResult summary = velbo({"topics", "summary", out_, "--words", "4"});
  EXPECT_EQ(summary.out, r.out);
  const RunResult again = velbo({"topics", "summary", out_, "--words", "4", "--json", "-"});
  EXPECT_EQ(Json::parse(again.out), json);
  const RunResult coherence = velbo({"topics", "summary", out_, "--words", "3", "--data", data_});
  EXPECT_NE(coherence.out.find("NPMI"), std::string::npos) << coherence.err;
}

TEST_F(TopicsCommand, SameSeedSameBitsWhateverTheThreads) {
  const std::vector<std::string> svi = {"--engine",     "svi", "--batch-size",  "20",
                                        "--max-passes", "3",   "--learn-alpha", "--quiet"};
  std::vector<std::string> one = fit(svi), two = fit(svi);
  one.insert(one.end(), {"--out", out_, "--threads", "1"});
  two.insert(two.end(), {"--out", folder_.file("n.velbo"), "--threads", "2"});
  const RunResult r = velbo(one);
  EXPECT_EQ(r.status, 3) << r.err;  // a limit is never success
  EXPECT_EQ(r.out + r.err, "");
  EXPECT_EQ(velbo(two).status, 3);
  EXPECT_EQ(TopicModel::load(out_).topic_parameters(), TopicModel::load(folder_.file("n.velbo")).topic_parameters());
}

TEST_F(TopicsCommand, TransformsAndEvaluates) {
  ASSERT_EQ(velbo(fit({"--out", out_, "--quiet"})).status, 0);
  const TopicModel model = TopicModel::load(out_);
  const Corpus corpus = Corpus::read(data_, {.vocabulary = words_});
  const RunResult csv = velbo({"topics", "transform", out_, "--data", data_, "--vocab", words_});
  EXPECT_EQ(csv.status, 0) << csv.err;
  EXPECT_EQ(n_lines(csv.out), 61);
  EXPECT_EQ(csv.out.rfind("topic0,topic1\n", 0), 0U);
  const std::string npy = folder_.file("t.npy");
  EXPECT_EQ(velbo({"topics", "transform", out_, "--data", data_, "--vocab", words_, "--out", npy}).status, 0);
  const FeatureMatrix shares = FeatureMatrix::map_npy(npy);
  const std::vector<double> expected = model.transform(corpus);
  std::vector<double> row(2);
  for (std::int64_t d = 0; d < 60; ++d) {
    shares.row(d, row);
    EXPECT_EQ(row[0], expected[static_cast<std::size_t>(d) * 2]);
  }
  const RunResult r = velbo({"topics", "evaluate", out_, "--data", data_, "--seed", "4", "--json", "-"});
  EXPECT_EQ(r.status, 0) << r.err;
  const Json json = Json::parse(r.out);
  EXPECT_EQ(json.at("log_predictive").get<double>(), model.complete_documents(corpus, 4).log_predictive);
  EXPECT_NE(velbo({"topics", "evaluate", out_, "--data", data_}).out.find("nats a word"), std::string::npos);
}

TEST_F(TopicsCommand, ConvertsUpdatesAndGoesOn) {
  const std::string binary = folder_.file("d.corpus");
  EXPECT_EQ(velbo({"topics", "convert", "--data", data_, "--vocab", words_, "--out", binary}).status, 0);
  ASSERT_EQ(velbo({"topics", "fit", "--data", binary, "--topics", "2", "--out", out_, "--quiet"}).status, 0);
  const std::string fresh = folder_.file("new.ldac", "2 0:3 8:2\n"),
                    words = folder_.file("w", "ash\nbeech\ncedar\ndate\nelk\nfox\ngnu\nhare\niris\n");
  const RunResult refused = velbo({"topics", "fit", "--update", out_, "--data", fresh, "--vocab", words});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("word \"iris\", which is not among the model's 8 words"), std::string::npos)
      << refused.err;
  const std::string grown = folder_.file("grown.velbo");
  const RunResult r = velbo({"topics", "fit", "--update", out_, "--data", fresh, "--vocab", words, "--unknown-words",
                             "grow", "--out", grown, "--quiet"});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_EQ(TopicModel::load(grown).n_words(), 9);
  EXPECT_EQ(TopicModel::load(grown).n_documents(), 61);

  // Two passes, and two more, are four.
  const std::string state = folder_.file("state");
  EXPECT_EQ(velbo(fit({"--max-passes", "2", "--checkpoint", state, "--quiet", "--tolerance", "1e-12"})).status, 3);
  EXPECT_EQ(
      velbo(fit({"--max-passes", "4", "--resume", state, "--quiet", "--tolerance", "1e-12", "--out", out_})).status, 3);
  EXPECT_EQ(velbo(fit({"--max-passes", "4", "--quiet", "--tolerance", "1e-12", "--out", grown})).status, 3);
  EXPECT_EQ(TopicModel::load(out_).topic_parameters(), TopicModel::load(grown).topic_parameters());
}

TEST_F(TopicsCommand, MistakesAreOneLineEach) {
  const auto mistake = [&](std::vector<std::string> arguments) {
    const RunResult r = velbo(std::move(arguments));
    EXPECT_EQ(r.status, 2) << r.err;
    EXPECT_EQ(n_lines(r.err), 1) << r.err;
    EXPECT_EQ(r.out, "");
    return r.err;
  };
  EXPECT_NE(mistake({"topics"}).find("no command is given: velbo topics fit"), std::string::npos);
  EXPECT_NE(mistake({"topics", "fitt"}).find("unknown command \"fitt\"; did you mean fit?"), std::string::npos);
  EXPECT_NE(mistake({"topics", "fit", "--data", data_}).find("--topics is missing"), std::string::npos);
  EXPECT_NE(mistake({"topics", "fit", "--topics", "3"}).find("--data is missing"), std::string::npos);
  EXPECT_NE(mistake(fit({"--batchsize", "3"})).find("did you mean --batch-size?"), std::string::npos);
  EXPECT_NE(mistake(fit({"--engine", "newton"})).find("unknown engine \"newton\""), std::string::npos);
  EXPECT_NE(mistake(fit({"--engine", "cavi", "--batch-size", "5"})).find("engine cavi takes all"), std::string::npos);
  EXPECT_NE(mistake(fit({"--device", "gpu"})).find("device \"gpu\" is not one of cpu, cuda"), std::string::npos);
  EXPECT_NE(mistake(fit({"--device", "cuda:99"})).find("device cuda:99 is not usable"), std::string::npos);
  EXPECT_EQ(velbo(fit({"--device", "cpu", "--quiet"})).status, 0);
  EXPECT_NE(mistake(fit({"--unknown-words", "grow"})).find("goes with --update"), std::string::npos);
  EXPECT_NE(mistake({"topics", "fit", "--topics", "2", "--data", folder_.file("bad.ldac", "1 0:1\n2 0:1\n")})
                .find("bad.ldac:2: has 1 words, but says 2"),
            std::string::npos);
  EXPECT_NE(mistake({"topics", "summary", data_}).find("d.ldac"), std::string::npos);
  EXPECT_NE(mistake({"topics", "transform", out_, "--data", data_}).find("m.velbo"), std::string::npos);
  EXPECT_EQ(velbo({"topics", "--help"}).status, 0);
  EXPECT_EQ(velbo({"topics", "fit", "--help"}).status, 0);
}

}  // namespace
}  // namespace velbo::test

#include "cli/topics_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/text.h"
#include "velbo/version.h"

namespace velbo::cli {
namespace {

using Json = nlohmann::ordered_json;

// Topics by weight, the heaviest first.
std::vector<std::size_t> by_weight(const std::vector<double>& weights) {
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  return order;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

std::string topics_text(const TopicModel& model, std::int64_t n_words, const std::optional<TopicCoherence>& coherence) {
  const ConjugateRun& run = model.run();
  std::string out = fmt::format("{} topics, {} words, {} documents; eta {:.4g}\n", model.n_topics(), model.n_words(),
                                model.n_documents(), model.eta());
  out += run.text() + "\n";
  const std::vector<double> weights = model.topic_weights();
  for (const std::size_t k : by_weight(weights)) {
    out += fmt::format("topic {}: weight {:.4f}, alpha {:.4g}", k, weights[k], model.alpha()[k]);
    if (coherence) out += fmt::format(", UMass {:.3f}, NPMI {:.3f}", coherence->umass[k], coherence->npmi[k]);
    out += "\n";
    for (const TopWord& word : model.top_words(static_cast<std::int64_t>(k), n_words))
      out += fmt::format("  {:<24} {:.5f}  lift {:.4g}\n", word.text, word.probability, word.lift);
  }
  return out;
}

std::string topics_json(const TopicModel& model, std::int64_t n_words, const std::optional<TopicCoherence>& coherence) {
  const ConjugateRun& run = model.run();
  Json topics = Json::array();
  const std::vector<double> weights = model.topic_weights();
  for (std::size_t k = 0; k < weights.size(); ++k) {
    Json words = Json::array();
    for (const TopWord& word : model.top_words(static_cast<std::int64_t>(k), n_words))
      words.push_back({{"word", word.text}, {"id", word.word}, {"probability", word.probability}, {"lift", word.lift}});
    Json topic = {{"weight", weights[k]}, {"alpha", model.alpha()[k]}, {"words", std::move(words)}};
    if (coherence) {
      topic["umass"] = number(coherence->umass[k]);
      topic["npmi"] = number(coherence->npmi[k]);
    }
    topics.push_back(std::move(topic));
  }
  Json fit = Json::parse(run.to_json());
  fit["word_iterations"] = model.word_iterations();
  const Json json = {{"schema", 1},
                     {"velbo_version", velbo::version()},
                     {"model",
                      {{"kind", "topics"},
                       {"n_topics", model.n_topics()},
                       {"n_words", model.n_words()},
                       {"n_documents", model.n_documents()},
                       {"eta", model.eta()}}},
                     {"fit", std::move(fit)},
                     {"topics", std::move(topics)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace velbo::cli

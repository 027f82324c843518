// topics/topics_report.cpp - a topic model as a page with pictures.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "report/charts.h"
#include "report/html_report.h"
#include "report/run_section.h"
#include "velbo/topics.h"

namespace velbo {
namespace {

using namespace internal;

constexpr std::int64_t kWordsShown = 12;
constexpr std::size_t kTopicsShown = 100, kWordsOfAName = 3;

}  // namespace

void write_report(const TopicModel& model, const std::string& path) {
  HtmlReport report(fmt::format("{} topics of {} documents", model.n_topics(), model.n_documents()));
  add_run(model.run(), report);

  const std::vector<double> weights = model.topic_weights();
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  order.resize(std::min(order.size(), kTopicsShown));

  std::vector<Bar> shares;
  std::vector<std::string> names;
  for (const std::size_t k : order) {
    std::string name = std::to_string(k + 1) + ":";
    for (const TopWord& word : model.top_words(static_cast<std::int64_t>(k), kWordsOfAName)) name += " " + word.text;
    shares.push_back({std::to_string(k + 1), weights[k]});
    names.push_back(std::move(name));
  }
  report.heading("How much of the text each topic is");
  report.begin_grid();
  report.figure(bar_chart(shares, "share of the tokens"), "Topics by weight");
  report.end_grid();

  report.heading("Their words");
  report.begin_grid();
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::vector<Bar> bars;
    for (const TopWord& word : model.top_words(static_cast<std::int64_t>(order[i]), kWordsShown))
      bars.push_back({word.text, word.probability});
    report.figure(bar_chart(bars, "probability"),
                  fmt::format("Topic {} ({:.1f} %)", names[i], 100 * weights[order[i]]));
  }
  report.end_grid();
  if (order.size() < weights.size())
    report.paragraph(fmt::format("The {} largest of {} topics.", order.size(), weights.size()));
  report.save(path);
}

}  // namespace velbo

// sequences/hidden_markov_report.cpp - a fitted model as text, JSON and a page with pictures.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/charts.h"
#include "report/html_report.h"
#include "report/run_section.h"
#include "sequences/hidden_markov_state.h"
#include "velbo/version.h"

namespace velbo {
namespace {

using namespace internal;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kStepsShown = 2000, kSequencesShown = 3;
constexpr std::size_t kSymbolsShown = 30;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

std::vector<std::string> state_names(const HiddenMarkov& model) {
  std::vector<std::string> out;
  for (std::int64_t k = 1; k <= model.n_states(); ++k) out.push_back(fmt::format("state {}", k));
  return out;
}

// What states emit, a row a state: means with sds, or the probabilities of the symbols.
struct Emitted {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

Emitted emitted(const HiddenMarkov& model) {
  const std::size_t k = size(model.n_states()), width = size(model.width());
  Emitted out{{"", "rows"}, {}};
  const bool gaussian = model.kind() == EmissionKind::gaussian;
  const std::vector<double> values = gaussian ? model.means() : model.symbol_probabilities();
  const std::vector<double> covariance = gaussian ? model.covariances() : std::vector<double>();
  for (const std::string& name : model.names()) {
    out.header.push_back(name);
    if (gaussian) out.header.emplace_back("sd");
  }
  const std::vector<std::string> names = state_names(model);
  for (std::size_t s = 0; s < k; ++s) {
    std::vector<std::string> row = {names[s], fmt::format("{:.1f}", model.occupancy()[s])};
    for (std::size_t j = 0; j < width; ++j) {
      row.push_back(fmt::format("{:.4g}", values[s * width + j]));
      if (gaussian) row.push_back(fmt::format("{:.4g}", std::sqrt(covariance[(s * width + j) * width + j])));
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

std::string as_text(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width(header.size(), 0);
  for (std::size_t j = 0; j < header.size(); ++j) {
    width[j] = header[j].size();
    for (const auto& row : rows) width[j] = std::max(width[j], row[j].size());
  }
  std::string out;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line = fmt::format("{:<{}}", row[0], width[0]);
    for (std::size_t j = 1; j < row.size(); ++j) line += fmt::format("  {:>{}}", row[j], width[j]);
    out += line + "\n";
  };
  add(header);
  for (const auto& row : rows) add(row);
  return out;
}

Json array_of(const std::vector<double>& values, std::size_t begin, std::size_t count) {
  Json out = Json::array();
  for (std::size_t i = begin; i < begin + count; ++i)
    out.push_back(std::isfinite(values[i]) ? Json(values[i]) : Json(nullptr));
  return out;
}

}  // namespace

std::string HiddenMarkov::text() const {
  std::string out = fmt::format("hidden Markov model of {} states, {} emissions of {} {}\n", n_states(), name(kind()),
                                width(), kind() == EmissionKind::gaussian ? "columns" : "symbols");
  out += run().text() + "\n";
  const Emitted emissions = emitted(*this);
  out += as_text(emissions.header, emissions.rows) + "\n";
  const std::vector<double> first = initial(), steps = transition();
  std::vector<std::string> header = {"from \\ to"};
  std::vector<std::vector<std::string>> rows = {{"start"}};
  for (std::size_t j = 0; j < first.size(); ++j) {
    header.push_back(std::to_string(j + 1));
    rows[0].push_back(fmt::format("{:.3f}", first[j]));
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    rows.push_back({std::to_string(i + 1)});
    for (std::size_t j = 0; j < first.size(); ++j)
      rows.back().push_back(fmt::format("{:.3f}", steps[i * first.size() + j]));
  }
  return out + as_text(header, rows);
}

std::string HiddenMarkov::to_json() const {
  const std::size_t k = size(n_states()), d = size(width());
  const std::vector<double> first = initial(), steps = transition();
  const bool gaussian = kind() == EmissionKind::gaussian;
  const std::vector<double> values = gaussian ? means() : symbol_probabilities();
  const std::vector<double> covariance = gaussian ? covariances() : std::vector<double>();
  Json states = Json::array();
  for (std::size_t s = 0; s < k; ++s) {
    Json state = {{"rows", occupancy()[s]}, {"initial", first[s]}, {"transition", array_of(steps, s * k, k)}};
    state[gaussian ? "mean" : "probability"] = array_of(values, s * d, d);
    if (gaussian) {
      Json matrix = Json::array();
      for (std::size_t i = 0; i < d; ++i) matrix.push_back(array_of(covariance, (s * d + i) * d, d));
      state["covariance"] = std::move(matrix);
    }
    states.push_back(std::move(state));
  }
  const Json json = {{"schema", 1},
                     {"velbo_version", velbo::version()},
                     {"model",
                      {{"kind", "hidden_markov"},
                       {"emissions", name(kind())},
                       {"n_states", n_states()},
                       {gaussian ? "columns" : "symbols", names()}}},
                     {"fit", Json::parse(run().to_json())},
                     {"states", std::move(states)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

void write_report(const HiddenMarkov& model, const Sequences& x, const std::string& path) {
  const std::vector<std::int64_t> states = model.most_probable_states(x);
  const std::vector<std::string> names = state_names(model);
  HtmlReport report(fmt::format("Hidden Markov model of {} states", model.n_states()));
  add_run(model.run(), report);

  report.heading("States");
  const bool gaussian = model.kind() == EmissionKind::gaussian;
  const Emitted emissions = emitted(model);
  if (gaussian || size(model.width()) <= kSymbolsShown) report.table(emissions.header, emissions.rows);
  if (!gaussian) {
    const std::vector<double> probability = model.symbol_probabilities();
    report.begin_grid();
    for (std::size_t k = 0; k < names.size(); ++k) {
      std::vector<Bar> bars;
      for (std::size_t v = 0; v < size(model.width()); ++v)
        bars.push_back({model.names()[v], probability[k * size(model.width()) + v]});
      std::stable_sort(bars.begin(), bars.end(), [](const Bar& a, const Bar& b) { return a.value > b.value; });
      bars.resize(std::min<std::size_t>(bars.size(), 10));
      report.figure(bar_chart(bars, "probability"), "What " + names[k] + " emits most");
    }
    report.end_grid();
  }
  report.heading("Transitions");
  report.figure(share_chart(names, names, model.transition(), "from", "to"), "Expected probability of each step");

  report.heading("States over time");
  for (std::int64_t i = 0; i < std::min(kSequencesShown, x.n_sequences()); ++i) {
    const std::int64_t begin = x.start()[size(i)], end = std::min(x.start()[size(i) + 1], begin + kStepsShown);
    Band band{{}, names, {}, {}, "row of the sequence", gaussian ? model.names()[0] : "symbol"};
    if (!gaussian && size(model.width()) <= kSymbolsShown) band.y_names = model.names();
    for (std::int64_t t = begin; t < end; ++t) {
      band.group.push_back(size(states[size(t)]));
      band.y.push_back(gaussian ? x.data().x(t, 0) : static_cast<double>(x.data().symbol[size(t)]));
    }
    report.figure(band_chart(band),
                  fmt::format("Sequence {}: the most probable path of states{}", i + 1,
                              end < x.start()[size(i) + 1] ? fmt::format(", its first {} rows", kStepsShown) : ""));
  }
  report.save(path);
}

}  // namespace velbo

#include "report/run_section.h"

#include <fmt/format.h>

#include "report/charts.h"

namespace velbo::internal {

void add_run(const ConjugateRun& run, HtmlReport& report) {
  report.facts({{"status", std::string(name(run.status))},
                {"ELBO", fmt::format("{:.2f}", run.elbo)},
                {"engine", run.engine},
                {"passes", fmt::format("{:.4g}", run.passes)},
                {"seconds", fmt::format("{:.3g}", run.seconds)},
                {"arithmetic", run.scalar + ", " + run.device},
                {"seed", std::to_string(run.seed)}});
  report.paragraph(run.message);
  if (run.elbo_trace.size() < 2) return;
  // The first passes fall from so far that nothing else would be seen.
  const std::size_t first = run.elbo_trace.size() > 10 ? 2 : 0;
  Series trace{"ELBO", {}, {}};
  for (std::size_t i = first; i < run.elbo_trace.size(); ++i) {
    trace.x.push_back(static_cast<double>(i + 1));
    trace.y.push_back(run.elbo_trace[i]);
  }
  report.figure(line_chart({trace}, "pass", "ELBO"),
                first == 0 ? "ELBO after each pass" : fmt::format("ELBO after each pass, from pass {}", first + 1));
}

}  // namespace velbo::internal

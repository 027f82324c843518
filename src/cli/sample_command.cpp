#include <algorithm>
#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/output.h"
#include "velbo/posterior.h"

namespace velbo::cli {
namespace {

struct Arguments {
  std::string fit, out = "-";
  std::int64_t n_draws = 1000;
  std::uint64_t seed = 1;
};

int run(const Arguments& a) {
  require(a.fit, "the fit", "for example: velbo sample wells.velbo --draws 4000 --out draws.csv");
  require_writable(a.out);
  const Posterior posterior = Posterior::load(a.fit);
  const auto d = static_cast<std::int64_t>(posterior.names().size());
  if (is_array(a.out)) {
    write_npy(a.out, posterior.sample(a.n_draws, a.seed), a.n_draws, d);
    return success;
  }
  CsvWriter csv(a.out, posterior.names());
  const std::int64_t block = std::max<std::int64_t>(1, 65536 / d);
  for (std::int64_t first = 0; first < a.n_draws; first += block) {
    const std::vector<double> draws = posterior.sample(std::min(block, a.n_draws - first), a.seed, first);
    for (std::size_t row = 0; row < draws.size(); row += static_cast<std::size_t>(d))
      csv.row(std::span(draws).subspan(row, static_cast<std::size_t>(d)));
  }
  csv.finish();
  return success;
}

}  // namespace

void add_sample(CLI::App& program, Action& action) {
  CLI::App* command = program.add_subcommand("sample", "Draw from a fitted posterior");
  auto a = std::make_shared<Arguments>();
  command->add_option("FIT", a->fit, "Saved fit")->type_name("");
  add_whole(*command, "--draws", a->n_draws, 0, "Number of draws [1000]");
  command->add_option("--out", a->out, "Where the draws go, .csv or .npy [-: standard output, as CSV]")
      ->type_name("FILE");
  add_seed(*command, a->seed);
  command->footer(
      "One column a parameter, sigma itself and not its logarithm.  The same seed gives the same draws, and more draws "
      "begin\n"
      "with the same ones.\n\n"
      "Example:\n  velbo sample wells.velbo --draws 4000 --out draws.csv");
  command->callback([&action, a] { action = [a] { return run(*a); }; });
}

}  // namespace velbo::cli

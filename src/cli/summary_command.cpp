#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "velbo/error.h"
#include "velbo/fit.h"

namespace velbo::cli {
namespace {

struct Arguments {
  std::string fit, json;
};

int run(const Arguments& a) {
  require(a.fit, "the fit", "for example: velbo summary wells.velbo");
  std::unique_ptr<Output> json;
  if (!a.json.empty()) json = std::make_unique<Output>(a.json);
  const std::string text = Posterior::load_summary_json(a.fit);
  if (text.empty()) throw Error(ErrorCode::file, a.fit + ": holds a posterior, but no summary of its fit");
  const Summary summary = Summary::from_json(text);
  if (json) {
    json->write(summary.to_json());
    json->finish();
  }
  if (a.json != "-") write_stdout(summary.full_report());
  return success;
}

}  // namespace

void add_summary(CLI::App& program, Action& action) {
  CLI::App* command = program.add_subcommand("summary", "Print the table and the verdict of a saved fit again");
  auto a = std::make_shared<Arguments>();
  command->add_option("FIT", a->fit, "Saved fit")->type_name("");
  command->add_option("--json", a->json, "Where the summary goes as JSON; -: standard output, instead of the table")
      ->type_name("FILE");
  command->footer("Example:\n  velbo summary wells.velbo --json -");
  command->callback([&action, a] { action = [a] { return run(*a); }; });
}

}  // namespace velbo::cli

// cli/conjugate_options.h - the options that fits of mixtures, topics and hidden Markov models share.
#pragma once
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/progress.h"
#include "velbo/conjugate.h"

namespace velbo::cli {

struct ConjugateArguments {
  ConjugateOptions options;
  std::int64_t threads = 0;
  ProgressMode progress = ProgressMode::automatic;
  bool quiet = false;
};

// Groups "Method" and "Long fits".  unit: what a step takes, in the plural; batch: the help of --batch-size.
void add_conjugate_options(CLI::App& command, ConjugateArguments& a, const std::string& unit, const std::string& batch);
// --progress and --quiet, to the group that is open.
void add_progress_options(CLI::App& command, ConjugateArguments& a);

// A number, 0 or more; and names with commas between them.
void add_number(CLI::App& command, const std::string& option, double& target, const std::string& help);
void add_list(CLI::App& command, const std::string& option, std::vector<std::string>& target, const std::string& help);

// Shows progress while a fit runs, and ends it at Ctrl-C.
class FitWatch {
 public:
  // unit: what a step takes, in the singular.
  FitWatch(const ConjugateArguments& a, const std::string& unit);
  // Those that were given, with threads and progress.
  [[nodiscard]] const ConjugateOptions& options() const { return options_; }
  void finish() const;

 private:
  std::shared_ptr<Progress> progress_;
  ConjugateOptions options_;
};

}  // namespace velbo::cli

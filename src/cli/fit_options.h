// cli/fit_options.h - the options of `velbo fit`.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "cli/progress.h"
#include "velbo/fit.h"
#include "velbo/glm.h"

namespace velbo::cli {

struct FitArguments {
  std::string formula, data, target;
  Likelihood likelihood = Likelihood::automatic;
  GlmOptions model;  // with arrays, weights, offset and trials are .npy files
  FitOptions fit;
  std::int64_t threads = 0;
  std::string init, out, json;
  ProgressMode progress = ProgressMode::automatic;
  bool quiet = false;
};

void add_fit_options(CLI::App& command, FitArguments& arguments);

}  // namespace velbo::cli

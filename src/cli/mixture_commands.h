// cli/mixture_commands.h - the parts of `velbo mixture`.
#pragma once
#include "cli/commands.h"

namespace velbo::cli {

void add_mixture_fit(CLI::App& mixture, Action& action);

}  // namespace velbo::cli

// cli/arguments.h - options whose mistakes are explained in one line.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "velbo/device.h"

namespace velbo::cli {

// An option whose text `read` turns into a value or refuses.
template <class Read>
CLI::Option* add_text(CLI::App& command, const std::string& option, const std::string& type, const std::string& help,
                      Read read) {
  return command
      .add_option_function<std::string>(
          option, [read](const std::string& text) { read(text); }, help)
      ->type_name(type);
}

// Number options.  What is not a number, or out of range, throws Error(argument) naming the option and what it takes.
void add_positive(CLI::App& command, const std::string& option, double& target, const std::string& help);
void add_whole(CLI::App& command, const std::string& option, std::int64_t& target, std::int64_t least,
               const std::string& help, std::int64_t most = std::numeric_limits<std::int64_t>::max());
void add_seed(CLI::App& command, std::uint64_t& target);
// --device, which is refused where it cannot be used; auto: none.
void add_device(CLI::App& command, std::optional<Device>& target);

// Breaks the options' descriptions into lines for a screen of 100 columns.
void fold_descriptions(CLI::App& command);

// Throws Error(argument) for the first argument that the program does not know, with the nearest one that it does.
void refuse_unknown(const CLI::App& app);

// Throws Error(argument) `WHAT is missing; HINT` when text is empty.
void require(const std::string& text, const std::string& what, const std::string& hint);

}  // namespace velbo::cli

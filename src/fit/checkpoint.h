// fit/checkpoint.h - the state of a running fit as a file: written whole or not at all, checksummed, of one model and one set of
// options.
#pragma once
#include <map>
#include <string>

#include "engines/engine_state.h"
#include "fit/choices.h"

namespace velbo::internal {

struct Checkpoint {
  EngineState state;
  std::map<std::string, std::string> identity;  // what must be the same in the fit that goes on: name -> value
};

// What a fit's bits depend on, by name.  Limits, threads and the diagnosis are not in it.
std::map<std::string, std::string> checkpoint_identity(const GlmData& data, const FitOptions& options,
                                                       const Choices& choices);

// Adds the settings of the engine `gradient`.
void add_identity(const GradientOptions& options, std::map<std::string, std::string>& identity);

// A safetensors file (io/safetensors.h).  Throws Error(file) or Error(io).
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);
// Throws Error(file) naming the path and what is wrong with it.
Checkpoint read_checkpoint(const std::string& path);
// Throws Error(argument) naming the first thing that differs.
void require_same(const std::string& path, const std::map<std::string, std::string>& in_file,
                  const std::map<std::string, std::string>& of_fit);

}  // namespace velbo::internal

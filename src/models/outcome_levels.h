// models/outcome_levels.h - outcomes that are one of C levels: which levels there are, and the outcome as their indices.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/glm_checks.h"
#include "velbo/glm.h"

namespace velbo::internal {

// More are taken for a mistake, such as an outcome that is a measurement.
inline constexpr std::int64_t kMostLevels = 1000;

constexpr bool takes_levels(Likelihood likelihood) noexcept {
  return likelihood == Likelihood::categorical || likelihood == Likelihood::ordinal;
}

// Of which a likelihood that takes levels makes y = 0 .. C - 1.
struct LevelledOutcome {
  std::string name;
  std::vector<std::string> texts = {};  // of a factor, whose indices y holds; empty: y holds numbers
  bool holds_labels = false;            // numbers are names of levels; else they are 0 .. C - 1
  std::vector<std::string> order = {};  // GlmOptions::levels
};

// Makes y [N], finite numbers, the levels' indices, and returns the levels' names, C of them.  Throws Error(data) and Error(argument)
// for what GlmOptions::levels and GlmArrays::y_holds_labels do not allow, naming the level, or the first row where one is to blame.
std::vector<std::string> code_levels(const LevelledOutcome& outcome, std::span<const double> weights,
                                     const PlaceOfRow& place, std::vector<double>& y);

}  // namespace velbo::internal

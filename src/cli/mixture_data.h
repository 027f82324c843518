// cli/mixture_data.h - rows for mixtures, from tables and arrays.
#pragma once
#include <string>
#include <vector>

#include "velbo/data.h"

namespace velbo::cli {

struct MixtureInput {
  FeatureMatrix x;
  std::vector<std::string> names;  // of columns; empty for arrays
  std::vector<double> weights;     // empty: none
};

// A .csv or .tsv table, of which `columns` are taken, or else all that are numbers but the weights'; or a .npy array, used where it lies.
// weights: a table's column, or a .npy file beside an array.
// Throws Error naming the file's line and column of what is missing or not a number.
MixtureInput read_mixture_input(const std::string& path, const std::vector<std::string>& columns,
                                const std::string& weights);

// "a, b,c" into names without blanks around them.
std::vector<std::string> split_names(const std::string& text);

}  // namespace velbo::cli

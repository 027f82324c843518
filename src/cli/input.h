// cli/input.h - reading what --data and its companions name.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "velbo/data.h"
#include "velbo/table.h"

namespace velbo::cli {

// What a path holds, by its extension.  A formula needs a table; arrays and LIBSVM files have no names for one.
[[nodiscard]] bool is_array(const std::string& path);   // .npy
[[nodiscard]] bool is_libsvm(const std::string& path);  // .libsvm, .svm
// Not a kind that is known: such a file is taken to be LIBSVM's where neither formula nor target is given.
[[nodiscard]] bool is_unknown(const std::string& path);

// A .csv file, or a .tsv file with tabs.  Throws Error.
[[nodiscard]] Table read_table(const std::string& path);

// A .npy file of one column, or nothing for an empty path.  Float64 is used where it lies in the file.
class List {
 public:
  // `option` is for messages.  Throws Error.
  List(const std::string& path, const std::string& option);
  [[nodiscard]] std::span<const double> values() const;

 private:
  FeatureMatrix column_;
  std::vector<double> converted_;  // from other types
};

}  // namespace velbo::cli

// data/format.h - what a path's extension says about the file.
#pragma once
#include <string_view>

namespace velbo::internal {

enum class DataFormat { csv, tsv, npy, libsvm, unknown };

inline DataFormat data_format(std::string_view path) noexcept {
  if (path.ends_with(".csv")) return DataFormat::csv;
  if (path.ends_with(".tsv")) return DataFormat::tsv;
  if (path.ends_with(".npy")) return DataFormat::npy;
  if (path.ends_with(".libsvm") || path.ends_with(".svm")) return DataFormat::libsvm;
  return DataFormat::unknown;
}

}  // namespace velbo::internal

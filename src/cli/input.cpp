#include "cli/input.h"

#include "cli/output.h"
#include "data/feature_store.h"
#include "data/format.h"
#include "velbo/error.h"

namespace velbo::cli {

using internal::DataFormat;

bool is_array(const std::string& path) { return internal::data_format(path) == DataFormat::npy; }
bool is_libsvm(const std::string& path) { return internal::data_format(path) == DataFormat::libsvm; }
bool is_unknown(const std::string& path) { return internal::data_format(path) == DataFormat::unknown; }

Table read_table(const std::string& path) {
  CsvOptions options;
  if (internal::data_format(path) == DataFormat::tsv) options.delimiter = '\t';
  return read_csv(path, options);
}

List::List(const std::string& path, const std::string& option) {
  if (path.empty()) return;
  if (!is_array(path))
    throw Error(ErrorCode::argument,
                option + " is " + path + ", expected a .npy file, as --data holds no named columns");
  column_ = FeatureMatrix::map_npy(path);
  if (column_.n_columns() != 1)
    throw Error(ErrorCode::shape, path + ": has " + std::to_string(column_.n_columns()) + " columns, expected one");
  if (column_.store().element == internal::Element::float64) return;
  converted_.resize(static_cast<std::size_t>(column_.n_rows()));
  for (std::size_t n = 0; n < converted_.size(); ++n)
    column_.row(static_cast<std::int64_t>(n), std::span(converted_).subspan(n, 1));
}

std::span<const double> List::values() const {
  if (!converted_.empty() || column_.n_rows() == 0) return converted_;
  return {static_cast<const double*>(column_.store().x), static_cast<std::size_t>(column_.n_rows())};
}

}  // namespace velbo::cli

// data/convert.cpp - one row at a time from one kind of file to another.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "data/csv_cells.h"
#include "data/format.h"
#include "data/npy_writer.h"
#include "data/text.h"
#include "io/atomic_file.h"
#include "velbo/data.h"
#include "velbo/error.h"
#include "velbo/table.h"

namespace velbo {
namespace {

using internal::DataFormat;

// Rows of numbers with named columns; NaN is missing.
class Source {
 public:
  Source() = default;
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  virtual std::int64_t n_rows() = 0;                    // before the first next()
  virtual bool next(std::span<double> row) = 0;         // false at the end; row [names().size()]
  [[nodiscard]] virtual std::string place() const = 0;  // of the row that next() gave

 protected:
  std::vector<std::string> names_;
};

class CsvSource : public Source {
 public:
  CsvSource(const std::string& path, char delimiter) : path_(path), rows_(path, delimiter) {
    names_ = internal::read_csv_header(rows_, path);
  }
  std::int64_t n_rows() override {
    std::int64_t n = 0;
    while (internal::next_csv_row(rows_, path_, names_.size(), fields_)) ++n;
    rows_.rewind();
    (void)internal::read_csv_header(rows_, path_);
    return n;
  }
  bool next(std::span<double> row) override {
    if (!internal::next_csv_row(rows_, path_, names_.size(), fields_)) {
      if (!any_) throw Error(ErrorCode::data, path_ + ": no rows below the header");
      return false;
    }
    any_ = true;
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = number(j);
    return true;
  }
  [[nodiscard]] std::string place() const override { return fmt::format("{}:{}", path_, rows_.line()); }

 private:
  [[nodiscard]] double number(std::size_t j) const {
    if (internal::is_missing(fields_[j], options_)) return std::numeric_limits<double>::quiet_NaN();
    const std::optional<double> value = internal::parse_number(fields_[j].text);
    if (!value)
      throw Error(ErrorCode::data, fmt::format("{}: column {} is {}, expected a number", place(),
                                               internal::quoted(names_[j]), internal::quoted(fields_[j].text)));
    return *value;
  }

  std::string path_;
  CsvOptions options_;
  internal::CsvRows rows_;
  std::vector<internal::CsvField> fields_;
  bool any_ = false;
};

// An array, or with labels in front a LIBSVM file.
class MatrixSource : public Source {
 public:
  MatrixSource(const std::string& path, FeatureMatrix x, std::optional<std::vector<double>> y)
      : path_(path), x_(std::move(x)), y_(std::move(y)) {
    if (y_) names_.emplace_back("y");
    for (std::int64_t j = 1; j <= x_.n_columns(); ++j) names_.push_back("x" + std::to_string(j));
  }
  std::int64_t n_rows() override { return x_.n_rows(); }
  bool next(std::span<double> row) override {
    if (++at_ >= x_.n_rows()) return false;
    if (y_) row[0] = (*y_)[static_cast<std::size_t>(at_)];
    x_.row(at_, row.subspan(y_ ? 1 : 0));
    return true;
  }
  [[nodiscard]] std::string place() const override { return fmt::format("{}: row {}", path_, at_); }

 private:
  std::string path_;
  FeatureMatrix x_;
  std::optional<std::vector<double>> y_;
  std::int64_t at_ = -1;
};

std::unique_ptr<Source> open_source(const std::string& path) {
  switch (internal::data_format(path)) {
    case DataFormat::csv: return std::make_unique<CsvSource>(path, ',');
    case DataFormat::tsv: return std::make_unique<CsvSource>(path, '\t');
    case DataFormat::npy: return std::make_unique<MatrixSource>(path, FeatureMatrix::map_npy(path), std::nullopt);
    case DataFormat::libsvm: {
      LibsvmData data = read_libsvm(path);
      return std::make_unique<MatrixSource>(path, std::move(data.x), std::move(data.y));
    }
    case DataFormat::unknown: break;
  }
  throw Error(ErrorCode::argument, path + ": its kind is told by its extension: .csv, .tsv, .npy, .libsvm or .svm");
}

void append_number(std::string& text, double value) {
  char digits[32];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_name(std::string& text, const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos && internal::parse_number(name) == std::nullopt) {
    text += name;
    return;
  }
  text += '"';
  for (const char c : name) text.append(c == '"' ? 2 : 1, c);
  text += '"';
}

void write_csv(Source& source, const std::string& out) {
  internal::AtomicFile file(out);
  std::string line;
  for (const std::string& name : source.names()) {
    if (!line.empty()) line += ',';
    append_name(line, name);
  }
  file.write(line + "\n");
  std::vector<double> row(source.names().size());
  while (source.next(row)) {
    line.clear();
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (j > 0) line += ',';
      if (!std::isnan(row[j])) append_number(line, row[j]);
      if (std::isnan(row[j]) && row.size() == 1) line += "NA";  // a blank line would be no row
    }
    file.write(line += '\n');
  }
  file.commit();
}

void write_array(Source& source, const std::string& out, bool float32) {
  const std::int64_t n_rows = source.n_rows();
  internal::NpyWriter file(out, n_rows, static_cast<std::int64_t>(source.names().size()), float32);
  std::vector<double> row(source.names().size());
  while (source.next(row)) file.write(row);
  file.finish();
}

std::size_t target_column(const Source& source, const std::string& in, const std::string& target) {
  if (target.empty()) return 0;
  for (std::size_t j = 0; j < source.names().size(); ++j)
    if (source.names()[j] == target) return j;
  const std::string nearest = internal::nearest_name(target, source.names());
  throw Error(ErrorCode::argument,
              fmt::format("{}: no column {}; {}columns are {}", in, internal::quoted(target),
                          nearest.empty() ? "" : "did you mean " + internal::quoted(nearest) + "? ",
                          internal::listed(source.names())));
}

void write_libsvm(Source& source, const std::string& in, const std::string& out, const std::string& target_name) {
  const std::size_t target = target_column(source, in, target_name);
  internal::AtomicFile file(out);
  std::vector<double> row(source.names().size());
  std::string line;
  for (bool first = true; source.next(row); first = false) {
    for (std::size_t j = 0; j < row.size(); ++j)
      if (!std::isfinite(row[j]))
        throw Error(ErrorCode::data, fmt::format("{}: column {} is {}, expected a finite number for a LIBSVM file",
                                                 source.place(), internal::quoted(source.names()[j]), row[j]));
    line.clear();
    append_number(line, row[target]);
    std::size_t id = 0;
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (j == target) continue;
      ++id;
      // The first row names its last column also where it is zero: the number of columns is not lost.
      if (row[j] == 0 && !(first && id + 1 == row.size())) continue;
      line += fmt::format(" {}:", id);
      append_number(line, row[j]);
    }
    file.write(line += '\n');
  }
  file.commit();
}

}  // namespace

void convert_data(const std::string& in, const std::string& out, const ConvertOptions& options) {
  const DataFormat from = internal::data_format(in), to = internal::data_format(out);
  if (to == DataFormat::unknown || to == DataFormat::tsv)
    throw Error(ErrorCode::argument, out + ": its kind is told by its extension: .csv, .npy, .libsvm or .svm");
  if (from == to && to != DataFormat::npy)
    throw Error(ErrorCode::argument,
                fmt::format("{} and {} are of the same kind: there is nothing to convert", in, out));
  if (!options.target.empty() && to != DataFormat::libsvm)
    throw Error(ErrorCode::argument, "a target is named, but only a LIBSVM file has a label: " + out);
  if (options.float32 && to != DataFormat::npy)
    throw Error(ErrorCode::argument, "float32 is for .npy files, but the output is " + out);
  const std::unique_ptr<Source> source = open_source(in);
  switch (to) {
    case DataFormat::csv: return write_csv(*source, out);
    case DataFormat::npy: return write_array(*source, out, options.float32);
    default: return write_libsvm(*source, in, out, options.target);
  }
}

}  // namespace velbo

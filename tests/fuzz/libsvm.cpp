// tests/fuzz/libsvm.cpp - LIBSVM files: rows and labels that are written again are read again as the same.
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>

#include "fuzz/fuzz.h"
#include "velbo/data.h"

namespace velbo::fuzz {
namespace {

// A file of a few bytes may name a column of ten digits; rows are looked at one at a time where that is cheap.
constexpr std::int64_t kWidest = 4096;

std::string digits(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

void check(std::string_view bytes) {
  LibsvmData data;
  if (!accepts([&] { data = read_libsvm(as_file(bytes)); })) return;
  expect(data.x.is_sparse(), "what is sparse stays sparse");
  expect(data.x.n_rows() == static_cast<std::int64_t>(data.y.size()) && !data.y.empty(), "a row has a label");
  expect(data.y.size() <= bytes.size(), "a row has a byte");
  expect(data.x.n_columns() >= 0, "there are columns or none");
  if (data.x.n_columns() > kWidest || data.x.n_columns() == 0) return;

  std::string text;
  std::vector<double> row(static_cast<std::size_t>(data.x.n_columns()));
  std::vector<double> all;
  for (std::int64_t n = 0; n < data.x.n_rows(); ++n) {
    data.x.row(n, row);
    all.insert(all.end(), row.begin(), row.end());
    expect(std::isfinite(data.y[static_cast<std::size_t>(n)]), "a label is finite");
    text += digits(data.y[static_cast<std::size_t>(n)]);
    for (std::size_t i = 0; i < row.size(); ++i) {
      expect(std::isfinite(row[i]), "a value is finite");
      if (row[i] != 0) text += " " + std::to_string(i + 1) + ":" + digits(row[i]);
    }
    text += "\n";
  }
  LibsvmData again;
  expect(accepts([&] { again = read_libsvm(as_file(text), data.x.n_columns()); }), "rows that are written can be read");
  expect(again.y == data.y, "labels are read back");
  expect(again.x.n_rows() == data.x.n_rows() && again.x.n_columns() == data.x.n_columns(), "the shape is read back");
  for (std::int64_t n = 0; n < again.x.n_rows(); ++n) {
    again.x.row(n, row);
    for (std::size_t i = 0; i < row.size(); ++i)
      expect(row[i] == all[static_cast<std::size_t>(n) * row.size() + i], "values are read back");
  }
}

}  // namespace
}  // namespace velbo::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  velbo::fuzz::check(velbo::fuzz::as_text(data, size));
  return 0;
}

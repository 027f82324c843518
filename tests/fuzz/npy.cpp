// tests/fuzz/npy.cpp - .npy files: read and mapped they hold the same, no more than the file does; written they are read
// back.
#include <algorithm>
#include <bit>

#include "fuzz/fuzz.h"
#include "velbo/data.h"

namespace velbo::fuzz {
namespace {

bool same_bits(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

void check(std::string_view bytes) {
  const std::string path = as_file(bytes);
  NpyArray array;
  const bool readable = accepts([&] { array = read_npy(path); });
  const bool mappable = accepts([&] {
    const FeatureMatrix mapped = FeatureMatrix::map_npy(path);
    expect(readable, "what can be mapped can be read");
    expect(mapped.n_rows() == array.n_rows && mapped.n_columns() == array.n_columns, "a mapped array has its shape");
    if (array.values.empty()) return;
    std::vector<double> row(static_cast<std::size_t>(mapped.n_columns()));
    for (std::int64_t n = 0; n < mapped.n_rows(); ++n) {
      mapped.row(n, row);
      expect(std::equal(row.begin(), row.end(), array.values.begin() + n * array.n_columns, same_bits),
             "a mapped array has the numbers that are read");
    }
  });
  expect(readable == mappable, "what can be read can be mapped");
  if (!readable) return;

  expect(array.n_dimensions == 1 || array.n_dimensions == 2, "an array has one or two dimensions");
  expect(array.values.size() <= bytes.size(), "an array is no larger than its file");
  expect(array.values.empty() ? array.n_rows == 0 || array.n_columns == 0
                              : array.n_rows * array.n_columns == static_cast<std::int64_t>(array.values.size()),
         "an array has as many numbers as its shape says");
  const std::string copy = scratch_path("copy.npy");
  write_npy(copy, array.values, array.n_rows, array.n_columns);
  const NpyArray again = read_npy(copy);
  expect(again.n_rows == array.n_rows && again.n_columns == array.n_columns, "an array's shape is read back");
  expect(std::equal(again.values.begin(), again.values.end(), array.values.begin(), array.values.end(), same_bits),
         "an array's numbers are read back");
}

}  // namespace
}  // namespace velbo::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  velbo::fuzz::check(velbo::fuzz::as_text(data, size));
  return 0;
}

// Arrays of NumPy: magic "\x93NUMPY", two version bytes, the header's length, the header (a Python dictionary), raw data.
#include <algorithm>  // for min
#include <bit>        // for endian
#include <cstdint>
#include <cstring>  // for memcpy
#include <fstream>
#include <limits>  // for numeric_limits
#include <string>

#include "data/npy_header.h"
#include "data/npy_writer.h"
#include "data/text.h"
#include "velbo/error.h"
#include "velbo/table.h"

namespace velbo {
namespace {

using internal::NpyHeader;

static_assert(std::endian::native == std::endian::little, "arrays are read as they are in memory");

constexpr std::size_t kBlock = std::size_t{1} << 20U;

template <class From>
void convert(const char* bytes, std::size_t n, double* out) {
  for (std::size_t i = 0; i < n; ++i) {
    From value;
    std::memcpy(&value, bytes + i * sizeof(From), sizeof(From));
    out[i] = static_cast<double>(value);
  }
}

void convert_items(const NpyHeader& header, const char* bytes, std::size_t n, double* out) {
  switch (header.kind) {
    case 'f': return header.item_size == 8 ? convert<double>(bytes, n, out) : convert<float>(bytes, n, out);
    case 'i':
      switch (header.item_size) {
        case 1: return convert<std::int8_t>(bytes, n, out);
        case 2: return convert<std::int16_t>(bytes, n, out);
        case 4: return convert<std::int32_t>(bytes, n, out);
        default: return convert<std::int64_t>(bytes, n, out);
      }
    default:  // unsigned, and bool as one byte
      switch (header.item_size) {
        case 1: return convert<std::uint8_t>(bytes, n, out);
        case 2: return convert<std::uint16_t>(bytes, n, out);
        case 4: return convert<std::uint32_t>(bytes, n, out);
        default: return convert<std::uint64_t>(bytes, n, out);
      }
  }
}

// The items in the order of the file.  The array grows with what is really there, whatever the header promises.
std::vector<double> read_items(std::ifstream& file, const std::string& path, const NpyHeader& header,
                               std::uint64_t n_items) {
  const std::uint64_t expected = n_items * header.item_size;
  const std::streampos here = file.tellg();
  std::vector<double> values;
  if (here != std::streampos(-1) && file.seekg(0, std::ios::end)) {
    const auto there = static_cast<std::uint64_t>(file.tellg() - here);
    file.seekg(here);
    if (there < expected) internal::check_npy_size(path, there, header);
    values.reserve(n_items);
  }
  file.clear();
  std::string block;
  for (std::uint64_t done = 0; done < n_items;) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock / header.item_size, n_items - done));
    block.resize(n * header.item_size);
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto got = static_cast<std::size_t>(file.gcount());
    if (got < block.size()) internal::check_npy_size(path, done * header.item_size + got, header);
    values.resize(values.size() + n);
    convert_items(header, block.data(), n, values.data() + done);
    done += n;
  }
  if (file.peek() != std::ifstream::traits_type::eof()) internal::check_npy_size(path, expected + 1, header);
  return values;
}

std::vector<double> transposed(const std::vector<double>& values, std::size_t n_rows, std::size_t n_columns) {
  constexpr std::size_t kTile = 32;
  std::vector<double> out(values.size());
  for (std::size_t i0 = 0; i0 < n_rows; i0 += kTile) {
    for (std::size_t j0 = 0; j0 < n_columns; j0 += kTile) {
      for (std::size_t i = i0; i < std::min(n_rows, i0 + kTile); ++i) {
        for (std::size_t j = j0; j < std::min(n_columns, j0 + kTile); ++j)
          out[i * n_columns + j] = values[j * n_rows + i];
      }
    }
  }
  return out;
}

}  // namespace

NpyArray read_npy(const std::string& path) {
  std::ifstream file = internal::open_npy(path);
  const NpyHeader header = internal::read_npy_header(file, path);
  NpyArray array;
  array.n_dimensions = static_cast<int>(header.shape.size());
  array.n_rows = static_cast<std::int64_t>(header.shape[0]);
  array.n_columns = header.shape.size() == 2 ? static_cast<std::int64_t>(header.shape[1]) : 1;
  const std::uint64_t n_items = header.shape[0] * static_cast<std::uint64_t>(array.n_columns);
  array.values = read_items(file, path, header, n_items);
  if (header.is_fortran_order && array.n_dimensions == 2) {
    array.values =
        transposed(array.values, static_cast<std::size_t>(array.n_rows), static_cast<std::size_t>(array.n_columns));
  }
  return array;
}

void write_npy(const std::string& path, std::span<const double> values, std::int64_t n_rows, std::int64_t n_columns) {
  const bool is_sound = n_rows >= 0 && n_columns >= 0 &&
                        (n_columns == 0 || n_rows <= std::numeric_limits<std::int64_t>::max() / n_columns) &&
                        static_cast<std::int64_t>(values.size()) == n_rows * n_columns;
  if (!is_sound) {
    throw Error(ErrorCode::shape, path + ": " + std::to_string(values.size()) + " values are not an array of " +
                                      std::to_string(n_rows) + " x " + std::to_string(n_columns));
  }
  internal::NpyWriter file(path, n_rows, n_columns, false);
  file.write(values);
  file.finish();
}

}  // namespace velbo

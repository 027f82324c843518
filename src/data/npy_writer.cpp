// data/npy_writer.cpp
#include "data/npy_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "velbo/error.h"

namespace velbo::internal {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they are in memory");

}  // namespace

NpyWriter::NpyWriter(const std::string& path, std::int64_t n_rows, std::int64_t n_columns, bool float32)
    : path_(path), file_(path), float32_(float32), n_columns_(n_columns), expected_(n_rows * n_columns) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}, {}), }}",
                                   float32 ? "<f4" : "<f8", n_rows, n_columns);
  constexpr std::size_t kBefore = 10;  // magic, version, length
  header.append(63 - (kBefore + header.size()) % 64, ' ');
  header += '\n';
  file_.write(std::string_view("\x93NUMPY\x01\x00", 8));
  const auto length = static_cast<std::uint16_t>(header.size());
  file_.write(&length, sizeof length);
  file_.write(header);
}

void NpyWriter::write(std::span<const double> values) {
  if (float32_) {
    narrow_.assign(values.begin(), values.end());
    for (std::size_t i = 0; i < narrow_.size(); ++i)
      if (std::isinf(narrow_[i]) && !std::isinf(values[i])) {
        const std::int64_t at = written_ + static_cast<std::int64_t>(i);
        throw Error(ErrorCode::data, fmt::format("{}: the value of row {}, column {} is {}, too large for float32",
                                                 path_, at / n_columns_, at % n_columns_, values[i]));
      }
    file_.write(narrow_.data(), narrow_.size() * sizeof(float));
  } else {
    file_.write(values.data(), values.size_bytes());
  }
  written_ += static_cast<std::int64_t>(values.size());
}

void NpyWriter::finish() {
  if (written_ != expected_)
    throw Error(ErrorCode::internal, fmt::format("{}: {} values written, {} promised", path_, written_, expected_));
  file_.commit();
}

}  // namespace velbo::internal

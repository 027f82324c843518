// cpu/packed_columns.h - makes matrices of coefficients as the kernels read them (PackedMatrix in cpu/isa.h).
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "cpu/isa.h"

namespace velbo::internal {

template <class T>
class PackedColumns {
 public:
  // A matrix [d, columns] whose elements are value(row, column), for kernels with so many lanes.
  template <class Value>
  PackedColumns(std::int64_t d, std::int64_t columns, std::int64_t lanes, const Value& value)
      : lanes_(lanes),
        vectors_((columns + lanes - 1) / lanes),
        blocks_(static_cast<std::size_t>(vectors_ * (d + d % 2) * lanes)) {
    for (std::int64_t v = 0; v < vectors_; ++v) {
      const bool in_pairs = v % 2 == 0 && v + 1 == vectors_;
      T* const block = blocks_.data() + v / 2 * 2 * d * lanes;
      std::int64_t first = d;
      for (std::int64_t i = 0; i < d; ++i)
        for (std::int64_t k = 0; k < lanes && v * lanes + k < columns; ++k) {
          const auto element = static_cast<T>(value(i, v * lanes + k));
          block[in_pairs ? (i / 2 * 2 + k % 2) * lanes + k / 2 * 2 + i % 2 : (2 * i + v % 2) * lanes + k] = element;
          if (element != 0) first = std::min(first, i);
        }
      first_.push_back(static_cast<std::int32_t>(first));
      if (v % 2 == 1) first_.end()[-2] = std::min(first_.end()[-2], first_.back());
    }
  }

  [[nodiscard]] PackedMatrix<T> view() const { return {blocks_.data(), first_.data(), vectors_}; }
  [[nodiscard]] std::int64_t columns() const { return vectors_ * lanes_; }

 private:
  std::int64_t lanes_, vectors_;
  std::vector<T> blocks_;
  std::vector<std::int32_t> first_;
};

}  // namespace velbo::internal

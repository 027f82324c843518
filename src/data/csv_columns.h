// data/csv_columns.h - grows one table column from the cells of a CSV file.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "velbo/table.h"

namespace velbo::internal {

// A column is numbers until its first cell that is not one.  If that is the first cell with a value at all, the column
// is text; else it is mixed, and the texts of the cells before must be read again (read_texts_only).
class ColumnBuilder {
 public:
  explicit ColumnBuilder(std::string name) { column_.name = std::move(name); }

  void add_missing();
  void add_cell(std::string_view text);

  [[nodiscard]] bool is_mixed() const noexcept { return column_.kind == ColumnKind::mixed; }
  // For the second pass over a mixed column: its numbers are there, the cells that follow give the codes.
  void read_texts_only() { texts_only_ = true; }

  // The finished column: levels sorted, codes to match.  Leaves the builder empty.
  Column take();

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  void add_code(std::string_view text);

  Column column_;
  bool has_value_ = false;
  bool texts_only_ = false;
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> code_of_;  // in order of appearance
};

}  // namespace velbo::internal

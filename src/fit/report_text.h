// fit/report_text.h - numbers and lines of text for people.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace velbo::internal {

// Columns on the screen: UTF-8 characters, each counted as one.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;
// The text cut to `width` columns, "..." at the cut.
[[nodiscard]] std::string cut(std::string_view text, std::size_t width);

[[nodiscard]] std::string with_thousands(std::int64_t value);  // 3,020
[[nodiscard]] std::string duration(double seconds);            // "12 ms", "3.4 s", "5 min 12 s"

// Values as one row of a table, with as many digits as its sd deserves: two significant ones of the sd.
[[nodiscard]] std::vector<std::string> row_of_numbers(const std::vector<double>& values, double sd);

// "LABEL     text ..." wrapped to `width` columns, further lines under the text.
[[nodiscard]] std::string labelled(std::string_view label, std::string_view text, std::size_t width = 100);

// A table whose first column is text; the others are aligned at the decimal point, and right under their headings.
// rows[i] has as many cells as headings.  trailing: how many of the last columns are text.
[[nodiscard]] std::string table_text(const std::vector<std::string>& headings,
                                     const std::vector<std::vector<std::string>>& rows, std::size_t trailing);

}  // namespace velbo::internal

// data/text.h - small helpers on text for messages, names and levels.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace velbo::internal {

// The text in double quotes on one line: control characters are escaped, long texts are cut.
// Call it as internal::quoted where <iomanip> may be included: std::quoted would be found as well.
[[nodiscard]] std::string quoted(std::string_view text);

// "a, b, c", at most `most` of them, then "... (25 in all)".
[[nodiscard]] std::string listed(const std::vector<std::string>& names, std::size_t most = 12);

// The candidate nearest to `name` by edit distance (letter case counts half), or "" when none is near.
[[nodiscard]] std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

// As R writes a number as text: up to 15 significant digits, the shorter of fixed and scientific notation, fixed in a tie:
// 6, 0.1, 1e+05, 123456.
[[nodiscard]] std::string format_number(double value);

// A number with nothing before or after it (a sign is allowed; also inf, infinity and nan in any case); locale-free.
// Too large a number is infinite, too small a one is 0.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace velbo::internal

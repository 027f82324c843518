#include "fit/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace velbo::internal {
namespace {

constexpr std::size_t label_width = 12;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::size_t whole_part(const std::string& cell) { return std::min(cell.find_first_of(".e"), cell.size()); }

// Pads the cells of one column to the same width, decimal points under each other.
void align(std::vector<std::string>& cells) {
  std::size_t before = 0, after = 0;
  for (const std::string& cell : cells) {
    before = std::max(before, whole_part(cell));
    after = std::max(after, cell.size() - whole_part(cell));
  }
  for (std::string& cell : cells) {
    const std::size_t whole = whole_part(cell), rest = cell.size() - whole;
    cell = std::string(before - whole, ' ') + cell + std::string(after - rest, ' ');
  }
}

std::string padded(const std::string& text, std::size_t width, bool left) {
  const std::string blanks(width - std::min(width, display_width(text)), ' ');
  return left ? text + blanks : blanks + text;
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

std::string cut(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  const std::size_t keep = width > 3 ? width - 3 : 0;
  std::size_t columns = 0, bytes = 0;
  for (; bytes < text.size(); ++bytes)
    if (!continues(text[bytes]) && columns++ == keep) break;
  return std::string(text.substr(0, bytes)) + "...";
}

std::string with_thousands(std::int64_t value) {
  std::string digits = fmt::format("{}", value);
  const std::size_t sign = value < 0 ? 1 : 0;
  for (std::size_t place = digits.size(); place > sign + 3;) {
    place -= 3;
    digits.insert(place, ",");
  }
  return digits;
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return "unknown time";
  if (seconds < 0.00095) return fmt::format("{:.2g} ms", seconds * 1000);
  if (seconds < 0.95) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 99.5) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 6000) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

std::vector<std::string> row_of_numbers(const std::vector<double>& values, double sd) {
  constexpr int most_decimals = 8;
  const int magnitude = std::isfinite(sd) && sd > 0 ? static_cast<int>(std::floor(std::log10(sd))) : 0;
  const int decimals = std::max(0, 1 - magnitude);
  bool fixed = decimals <= most_decimals;
  for (const double value : values) fixed = fixed && !(std::fabs(value) >= 1e9);
  std::vector<std::string> out;
  for (const double value : values) {
    if (!std::isfinite(value)) {
      out.push_back(fmt::format("{}", value));
    } else if (fixed) {
      std::string text = fmt::format("{:.{}f}", value, decimals);
      if (text.starts_with('-') && text.find_first_of("123456789") == std::string::npos) text.erase(0, 1);
      out.push_back(std::move(text));
    } else {
      out.push_back(fmt::format("{:.4e}", value));
    }
  }
  return out;
}

std::string labelled(std::string_view label, std::string_view text, std::size_t width) {
  std::string out(label);
  out.append(label_width - std::min(label_width - 1, display_width(label)), ' ');
  std::size_t column = label_width;
  bool first = true;
  while (!text.empty()) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, blank);
    text.remove_prefix(std::min(blank + 1, text.size()));
    if (word.empty()) continue;
    if (!first && column + 1 + display_width(word) > width) {
      out += "\n" + std::string(label_width, ' ');
      column = label_width;
      first = true;
    }
    if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += display_width(word);
    first = false;
  }
  return out + "\n";
}

std::string table_text(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows,
                       std::size_t trailing) {
  const std::size_t n = headings.size();
  std::vector<std::vector<std::string>> columns(n);
  std::vector<std::size_t> widths(n);
  for (std::size_t c = 0; c < n; ++c) {
    for (const std::vector<std::string>& row : rows) columns[c].push_back(row[c]);
    if (c > 0 && c + trailing < n) align(columns[c]);
    widths[c] = display_width(headings[c]);
    for (const std::string& cell : columns[c]) widths[c] = std::max(widths[c], display_width(cell));
  }
  const auto line = [&](const auto& cell_of) {
    std::string out;
    for (std::size_t c = 0; c < n; ++c) {
      if (c > 0) out += "  ";
      out += padded(cell_of(c), widths[c], c == 0 || c + trailing >= n);
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
  };
  std::string out = line([&](std::size_t c) { return headings[c]; });
  for (std::size_t r = 0; r < rows.size(); ++r) out += line([&](std::size_t c) { return columns[c][r]; });
  return out;
}

}  // namespace velbo::internal

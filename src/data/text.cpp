#include "data/text.h"

#include <algorithm>     // for min
#include <charconv>      // for from_chars, to_chars
#include <cmath>         // for isnan, isinf
#include <cstdio>        // for snprintf
#include <cstdlib>       // for strtol
#include <limits>        // for numeric_limits
#include <system_error>  // for errc

namespace velbo::internal {
namespace {

constexpr std::size_t kLongestQuote = 60;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Twice the edit distance; a difference in case only costs 1 instead of 2.
int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> previous(b.size() + 1);
  std::vector<int> current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = static_cast<int>(2 * j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = static_cast<int>(2 * i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int change = a[i - 1] == b[j - 1] ? 0 : lower(a[i - 1]) == lower(b[j - 1]) ? 1 : 2;
      current[j] = std::min({previous[j] + 2, current[j - 1] + 2, previous[j - 1] + change});
    }
    std::swap(previous, current);
  }
  return previous[b.size()];
}

// The significant digits of |value|, at most 15 and without trailing zeros, and its decimal exponent.
struct Digits {
  std::string text;  // "123" for 1.23e5
  int exponent = 0;  // 5
};

Digits significant_digits(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.14e", std::fabs(value));
  Digits digits;
  for (const char* p = buffer; *p != '\0'; ++p) {
    if (*p >= '0' && *p <= '9') digits.text += *p;
    if (*p == 'e') {
      digits.exponent = static_cast<int>(std::strtol(p + 1, nullptr, 10));
      break;
    }
  }
  while (digits.text.size() > 1 && digits.text.back() == '0') digits.text.pop_back();
  return digits;
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  std::size_t used = 0;
  for (const char c : text) {
    // Never cut inside a UTF-8 character.
    if (used >= kLongestQuote && (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      out += "...";
      break;
    }
    ++used;
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20U || byte == 0x7FU) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(byte));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string listed(const std::vector<std::string>& names, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i == most && names.size() > most + 1) return out + ", ... (" + std::to_string(names.size()) + " in all)";
    if (i > 0) out += ", ";
    const std::string text = internal::quoted(names[i]);
    out += text.substr(1, text.size() - 2);
  }
  return out;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  // About two letters in three must be right; of a single letter only the case may differ.
  const std::size_t allowed = name.size() < 2 ? name.size() : std::min<std::size_t>(2 * ((name.size() + 2) / 3), 8);
  int best_distance = static_cast<int>(allowed) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > name.size() + 4 || name.size() > candidate.size() + 4) continue;
    const int distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string format_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == 0) return "0";
  const Digits digits = significant_digits(value);
  const int n = static_cast<int>(digits.text.size());
  const int exponent = digits.exponent;
  const int exponent_width = std::abs(exponent) >= 100 ? 3 : 2;
  const int scientific_width = (n > 1 ? n + 1 : 1) + 2 + exponent_width;
  const int decimals = std::max(0, n - 1 - exponent);
  const int fixed_width = (exponent >= 0 ? exponent + 1 : 1) + (decimals > 0 ? decimals + 1 : 0);

  std::string out = value < 0 ? "-" : "";
  if (fixed_width <= scientific_width) {
    std::string text = digits.text;
    if (exponent >= n) text.append(static_cast<std::size_t>(exponent + 1 - n), '0');
    if (exponent < 0) text.insert(0, static_cast<std::size_t>(-exponent), '0');
    if (decimals > 0) text.insert(text.size() - static_cast<std::size_t>(decimals), 1, '.');
    return out + text;
  }
  out += digits.text.substr(0, 1);
  if (n > 1) out += "." + digits.text.substr(1);
  char suffix[16];
  std::snprintf(suffix, sizeof suffix, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
  return out + suffix;
}

std::optional<double> parse_number(std::string_view text) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) return std::nullopt;
  }
  const char* const end = text.data() + text.size();
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || text.empty() || end[-1] == ')') return std::nullopt;  // nan(...) is not a number here
  if (error == std::errc()) return value;
  if (error != std::errc::result_out_of_range) return std::nullopt;
  // Out of range: long double tells too large from too small.
  const double sign = text.front() == '-' ? -1.0 : 1.0;
  long double wide = 0;
  if (std::from_chars(text.data(), end, wide).ec == std::errc()) return static_cast<double>(wide);
  const std::size_t exponent = text.find_first_of("eE");
  const bool tiny = exponent != std::string_view::npos && exponent + 1 < text.size() && text[exponent + 1] == '-';
  return sign * (tiny ? 0.0 : std::numeric_limits<double>::infinity());
}

bool is_utf8(std::string_view text) noexcept {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80U                    ? 1
                               : lead >= 0xC2U && lead < 0xE0U ? 2
                               : (lead & 0xF0U) == 0xE0U       ? 3
                               : lead >= 0xF0U && lead < 0xF5U ? 4
                                                               : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0U) != 0x80U) return false;
    }
    if (length >= 3) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      if ((lead == 0xE0U && second < 0xA0U) || (lead == 0xEDU && second >= 0xA0U) ||
          (lead == 0xF0U && second < 0x90U) || (lead == 0xF4U && second >= 0x90U)) {
        return false;
      }
    }
    i += length;
  }
  return true;
}

}  // namespace velbo::internal

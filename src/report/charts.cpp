// report/charts.cpp
#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace velbo::internal {
namespace {

constexpr double kWidth = 640, kHeight = 320, kLeft = 92, kRight = 16, kTop = 14, kBottom = 44;
constexpr std::size_t kColours = 8;

std::string colour(std::size_t group) { return fmt::format("var(--c{})", group % kColours); }

std::string text_at(double x, double y, std::string_view words, std::string_view anchor, std::string_view more = {}) {
  return fmt::format(R"~(<text x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}</text>)~", x, y, anchor, more,
                     escape_markup(words));
}

std::string svg(double width, double height, const std::string& body) {
  return fmt::format(R"~(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:.0f} {:.0f}" role="img">{}</svg>)~",
                     width, height, body);
}

// At most n characters of UTF-8, the last an ellipsis where it was longer.
std::string cut(const std::string& text, std::size_t n) {
  std::size_t characters = 0, kept = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U) continue;  // goes on with a character
    if (characters == n - 1) kept = i;
    ++characters;
  }
  return characters <= n ? text : text.substr(0, kept) + "\u2026";
}

// The smallest and the largest of what is finite.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  // Never empty, with some room.
  [[nodiscard]] Range padded() const {
    if (!(low <= high)) return {0, 1};
    const double room = high > low ? 0.04 * (high - low) : std::max(1.0, std::abs(high)) * 0.5;
    return {low - room, high + room};
  }
};

// As many digits as tell one tick from the next.
std::string tick_text(double value, const std::vector<double>& ticks) {
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
  if (std::abs(value) >= 1e8 || step < 1e-6) return short_number(value);
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
  return fmt::format("{:.{}f}", std::abs(value) < 1e-9 * step ? 0.0 : value, digits);
}

// A rectangle with axes: data to pixels.
class Plane {
 public:
  Plane(Range x, Range y, double height = kHeight) : x_(x), y_(y), height_(height) {}
  [[nodiscard]] double x(double v) const {
    return kLeft + (kWidth - kLeft - kRight) * (v - x_.low) / (x_.high - x_.low);
  }
  [[nodiscard]] double y(double v) const {
    return kTop + (height_ - kTop - kBottom) * (y_.high - v) / (y_.high - y_.low);
  }
  // whole_x: of steps, between which nothing lies; y_names: at 0, 1, ... in place of numbers.
  [[nodiscard]] std::string axes(const std::string& x_label, const std::string& y_label, bool whole_x = false,
                                 const std::vector<std::string>& y_names = {}) const {
    std::string out;
    const double bottom = height_ - kBottom, right = kWidth - kRight;
    for (std::size_t i = 0; i < y_names.size(); ++i)
      out += text_at(kLeft - 8, y(static_cast<double>(i)) + 4, cut(y_names[i], 11), "end");
    const std::vector<double> y_ticks = y_names.empty() ? nice_ticks(y_.low, y_.high, 5) : std::vector<double>();
    for (const double t : y_ticks)
      out += fmt::format(R"~(<path class="grid" d="M{:.1f} {:.1f}H{:.1f}"/>)~", kLeft, y(t), right) +
             text_at(kLeft - 8, y(t) + 4, tick_text(t, y_ticks), "end");
    const std::vector<double> x_ticks = nice_ticks(x_.low, x_.high, 8);
    for (const double t : x_ticks) {
      if (whole_x && std::abs(t - std::round(t)) > 1e-9) continue;
      out += fmt::format(R"~(<path class="axis" d="M{:.1f} {:.1f}v4"/>)~", x(t), bottom) +
             text_at(x(t), bottom + 18, tick_text(t, x_ticks), "middle");
    }
    out += fmt::format(R"~(<path class="axis" d="M{:.1f} {:.1f}H{:.1f}"/>)~", kLeft, bottom, right);
    out += text_at((kLeft + right) / 2, height_ - 8, x_label, "middle", R"~( class="label")~");
    const double middle = (kTop + bottom) / 2;
    out += text_at(14, middle, y_label, "middle",
                   fmt::format(R"~( class="label" transform="rotate(-90 14 {:.1f})")~", middle));
    return out;
  }

 private:
  Range x_, y_;
  double height_;
};

std::string polyline(const std::vector<double>& x, const std::vector<double>& y, const Plane& plane) {
  std::string d;
  bool begun = false;
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) {
      begun = false;
      continue;
    }
    d += fmt::format("{}{:.1f} {:.1f}", begun ? 'L' : 'M', plane.x(x[i]), plane.y(y[i]));
    begun = true;
  }
  return d;
}

}  // namespace

std::string escape_markup(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string short_number(double value) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 1e6 || size < 1e-4) return fmt::format("{:.3g}", value);
  return fmt::format("{:.6g}", value);
}

std::vector<double> nice_ticks(double low, double high, int about) {
  std::vector<double> out;
  if (!(high > low) || !std::isfinite(high - low)) return out;
  const double rough = (high - low) / about, power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) out.push_back(k * step);
  return out;
}

std::string line_chart(const std::vector<Series>& series, const std::string& x_label, const std::string& y_label) {
  Range x, y;
  bool whole = true;
  for (const Series& s : series)
    for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
      x.add(s.x[i]);
      y.add(s.y[i]);
      whole = whole && s.x[i] == std::round(s.x[i]);
    }
  const Plane plane(x.padded(), y.padded());
  std::string body = plane.axes(x_label, y_label, whole);
  for (std::size_t i = 0; i < series.size(); ++i) {
    body += fmt::format(R"~(<path class="line" d="{}" stroke="{}"/>)~", polyline(series[i].x, series[i].y, plane),
                        colour(i));
    if (series.size() > 1)
      body += text_at(kWidth - kRight - 4, kTop + 14 + 16 * static_cast<double>(i), series[i].name, "end",
                      fmt::format(R"~( style="fill:{}")~", colour(i)));
  }
  return svg(kWidth, kHeight, body);
}

std::string scatter_chart(const std::vector<ScatterPoint>& points, const std::vector<ScatterEllipse>& ellipses,
                          const std::string& x_label, const std::string& y_label) {
  constexpr double height = 480;
  Range x, y;
  for (const ScatterPoint& p : points) {
    x.add(p.x);
    y.add(p.y);
  }
  for (const ScatterEllipse& e : ellipses)
    for (const double side : {-2.2, 2.2}) {
      x.add(e.x + side * std::sqrt(e.xx));
      y.add(e.y + side * std::sqrt(e.yy));
    }
  const Plane plane(x.padded(), y.padded(), height);
  std::string body = plane.axes(x_label, y_label);
  for (const ScatterPoint& p : points)
    if (std::isfinite(p.x) && std::isfinite(p.y))
      body += fmt::format(R"~(<circle cx="{:.1f}" cy="{:.1f}" r="1.8" fill="{}" fill-opacity="0.55"/>)~", plane.x(p.x),
                          plane.y(p.y), colour(p.group));
  for (const ScatterEllipse& e : ellipses) {
    const double a = std::sqrt(e.xx), b = a > 0 ? e.xy / a : 0, c = std::sqrt(std::max(e.yy - b * b, 0.0));
    if (!std::isfinite(e.x + e.y + a + b + c)) continue;
    for (const double share : {0.5, 0.9}) {
      const double radius = std::sqrt(-2 * std::log(1 - share));
      std::string d;
      constexpr int n = 72;
      for (int i = 0; i < n; ++i) {
        const double angle = 2 * 3.14159265358979 * i / n, u = radius * std::cos(angle), v = radius * std::sin(angle);
        d += fmt::format("{}{:.1f} {:.1f}", i == 0 ? 'M' : 'L', plane.x(e.x + a * u), plane.y(e.y + b * u + c * v));
      }
      body += fmt::format(R"~(<path class="line" d="{}Z" stroke="{}"/>)~", d, colour(e.group));
    }
    body += text_at(plane.x(e.x), plane.y(e.y) + 4, e.label, "middle", R"~( class="mark")~");
  }
  return svg(kWidth, height, body);
}

std::string bar_chart(const std::vector<Bar>& bars, const std::string& value_label) {
  constexpr double row = 22, left = 120, right = 70, all = 400;
  double most = 0;
  for (const Bar& bar : bars)
    if (std::isfinite(bar.value)) most = std::max(most, bar.value);
  std::string body;
  double top = 4;
  for (const Bar& bar : bars) {
    const double share = most > 0 && std::isfinite(bar.value) ? bar.value / most : 0;
    const double width = (all - left - right) * share;
    body += text_at(left - 8, top + 15, cut(bar.label, 18), "end");
    body += fmt::format(R"~(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="var(--c0)"/>)~", left,
                        top + 3, width, row - 6);
    body += text_at(left + width + 6, top + 15, fmt::format("{:.3g}", bar.value), "start");
    top += row;
  }
  body += text_at(left, top + 14, value_label, "start", R"~( class="label")~");
  return svg(all, top + 22, body);
}

std::string share_chart(const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                        const std::vector<double>& share, const std::string& row_label,
                        const std::string& column_label) {
  constexpr double left = 150, top = 40;
  const double side =
      std::clamp((kWidth - left) / static_cast<double>(std::max<std::size_t>(columns.size(), 1)), 8.0, 56.0);
  const double height = std::min(side, 30.0);
  std::string body = text_at(left, 14, column_label, "start", R"~( class="label")~") +
                     text_at(left - 8, 14, row_label, "end", R"~( class="label")~");
  for (std::size_t j = 0; j < columns.size(); ++j)
    body += text_at(left + side * (static_cast<double>(j) + 0.5), top - 6, columns[j], "middle");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = top + height * static_cast<double>(i);
    body += text_at(left - 8, y + height / 2 + 4, cut(rows[i], 22), "end");
    for (std::size_t j = 0; j < columns.size(); ++j) {
      const double value = share[i * columns.size() + j], x = left + side * static_cast<double>(j);
      body += fmt::format(
          R"~(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="var(--c0)" fill-opacity="{:.3f}"/>)~", x,
          y, side - 1, height - 1, std::isfinite(value) ? 0.6 * std::clamp(value, 0.0, 1.0) : 0.0);
      if (side >= 30)
        body += text_at(x + side / 2, y + height / 2 + 4, fmt::format("{:.2f}", value), "middle", R"~( class="cell")~");
    }
  }
  return svg(kWidth, top + height * static_cast<double>(rows.size()) + 6, body);
}

std::string band_chart(const Band& band) {
  const std::vector<std::size_t>& group = band.group;
  const auto n = static_cast<double>(std::max<std::size_t>(group.size(), 1));
  constexpr double legend = 20;
  Range range;
  for (const double v : band.y) range.add(v);
  for (std::size_t i = 0; i < band.y_names.size(); ++i) range.add(static_cast<double>(i));
  const Plane plane({0, n}, range.padded());
  std::string body;
  for (std::size_t begin = 0; begin < group.size();) {
    std::size_t end = begin;
    while (end < group.size() && group[end] == group[begin]) ++end;
    const double x = plane.x(static_cast<double>(begin));
    body +=
        fmt::format(R"~(<rect x="{:.2f}" y="{:.1f}" width="{:.2f}" height="{:.1f}" fill="{}" fill-opacity="0.25"/>)~",
                    x, kTop, plane.x(static_cast<double>(end)) - x, kHeight - kTop - kBottom, colour(group[begin]));
    begin = end;
  }
  body += plane.axes(band.x_label, band.y_label, true, band.y_names);
  std::vector<double> x;
  for (std::size_t i = 0; i < band.y.size(); ++i) x.push_back(static_cast<double>(i) + 0.5);
  if (band.y_names.empty()) {
    if (!band.y.empty())
      body += fmt::format(R"~(<path class="line" d="{}" stroke="var(--ink)"/>)~", polyline(x, band.y, plane));
  } else {
    for (std::size_t i = 0; i < band.y.size(); ++i)
      body += fmt::format(R"~(<circle cx="{:.1f}" cy="{:.1f}" r="1.6" fill="var(--ink)"/>)~", plane.x(x[i]),
                          plane.y(band.y[i]));
  }
  double right = kWidth - kRight;
  for (std::size_t g = band.group_names.size(); g-- > 0 && right > kLeft + 60;) {
    body += text_at(right, kHeight + legend - 6, band.group_names[g], "end");
    right -= 7.5 * static_cast<double>(band.group_names[g].size()) + 8;
    body += fmt::format(R"~(<rect x="{:.1f}" y="{:.1f}" width="10" height="10" fill="{}" fill-opacity="0.5"/>)~",
                        right - 6, kHeight + legend - 15, colour(g));
    right -= 22;
  }
  return svg(kWidth, kHeight + legend, body);
}

}  // namespace velbo::internal

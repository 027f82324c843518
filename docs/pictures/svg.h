// Panels with axes, curves and contours as SVG text, in colours that can be read on white and on black.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace pictures {

inline const std::string kGrey = "#7d858f", kBlue = "#3b82e0", kOrange = "#d9730d";

inline std::string number(double x, int digits = 1) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, x);
  const std::string out = text;
  return std::stod(out) == 0 && out[0] == '-' ? out.substr(1) : out;
}

class Picture {
 public:
  Picture(double width, double height) : width_(width), height_(height) {}

  void text(double x, double y, const std::string& words, const std::string& colour = kGrey,
            const std::string& anchor = "start", double size = 12) {
    body_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" fill=\"" + colour + "\" font-size=\"" +
             number(size, 0) + "\" text-anchor=\"" + anchor + "\">" + words + "</text>\n";
  }
  void path(const std::string& d, const std::string& style) { body_ += "<path d=\"" + d + "\" " + style + "/>\n"; }

  void save(const std::string& file, const std::string& title) const {
    std::ofstream out(file);
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << number(width_, 0) << ' ' << number(height_, 0)
        << "\" width=\"" << number(width_, 0) << "\" height=\"" << number(height_, 0)
        << "\" font-family=\"DejaVu Sans, Verdana, sans-serif\">\n<title>" << title << "</title>\n"
        << body_ << "</svg>\n";
    if (!out.flush()) throw std::runtime_error("cannot write " + file);
  }

 private:
  double width_, height_;
  std::string body_;
};

struct Axis {
  double low, high;
  std::vector<double> ticks;
  std::string label;
  int digits = 0;
};

// A density on the centres of a grid [rows of y][columns of x].
struct Grid {
  double x_low, x_high, y_low, y_high;
  std::size_t columns = 0, rows = 0;
  std::vector<double> value;

  Grid(double xl, double xh, double yl, double yh, const std::function<double(double, double)>& density,
       std::size_t nx = 160, std::size_t ny = 160)
      : x_low(xl), x_high(xh), y_low(yl), y_high(yh), columns(nx), rows(ny) {
    for (std::size_t j = 0; j < rows; ++j)
      for (std::size_t i = 0; i < columns; ++i) value.push_back(density(x(i), y(j)));
  }
  [[nodiscard]] double x(std::size_t i) const { return at(x_low, x_high, i, columns); }
  [[nodiscard]] double y(std::size_t j) const { return at(y_low, y_high, j, rows); }

 private:
  static double at(double low, double high, std::size_t i, std::size_t n) {
    return low + (high - low) * (static_cast<double>(i) + 0.5) / static_cast<double>(n);
  }
};

// The density above which lies this share of the mass, of cells with {density, mass}.
inline double level_of_share(std::vector<std::pair<double, double>> cells, double share) {
  std::sort(cells.begin(), cells.end(), std::greater<>());
  double total = 0, sum = 0;
  for (const auto& cell : cells) total += cell.second;
  for (const auto& [density, mass] : cells)
    if ((sum += mass) >= share * total) return density;
  return 0;
}

class Panel {
 public:
  Panel(Picture& picture, double left, double top, double width, double height, Axis x, Axis y,
        const std::string& title = {}, const std::string& subtitle = {})
      : picture_(picture), left_(left), top_(top), width_(width), height_(height), x_(std::move(x)), y_(std::move(y)) {
    if (!title.empty()) picture_.text(left, top - 24, title, kGrey, "start", 13);
    if (!subtitle.empty()) picture_.text(left, top - 8, subtitle, kGrey, "start", 11);
    const double bottom = top + height;
    picture_.path("M" + number(left) + ' ' + number(top) + 'V' + number(bottom) + 'H' + number(left + width),
                  "fill=\"none\" stroke=\"" + kGrey + '"');
    for (const double t : x_.ticks) {
      picture_.path("M" + number(to_x(t)) + ' ' + number(bottom) + "v4", "stroke=\"" + kGrey + '"');
      picture_.text(to_x(t), bottom + 16, number(t, x_.digits), kGrey, "middle", 11);
    }
    for (const double t : y_.ticks) {
      picture_.path("M" + number(left) + ' ' + number(to_y(t)) + "h-4", "stroke=\"" + kGrey + '"');
      picture_.text(left - 7, to_y(t) + 4, number(t, y_.digits), kGrey, "end", 11);
    }
    picture_.text(left + width / 2, bottom + 32, x_.label, kGrey, "middle", 12);
    picture_.text(left + 6, top + 10, y_.label, kGrey, "start", 12);
  }

  // y of x, cut off at the panel; filled down to its lower edge.
  void curve(const std::function<double(double)>& y, const std::string& colour, bool filled = false,
             bool dashed = false) {
    std::string d;
    constexpr int n = 160;
    for (int i = 0; i <= n; ++i) {
      const double x = x_.low + (x_.high - x_.low) * i / n;
      d += (i == 0 ? 'M' : 'L') + number(to_x(x)) + ' ' + number(to_y(std::clamp(y(x), y_.low, y_.high)));
    }
    if (filled)
      picture_.path(d + 'V' + number(top_ + height_) + 'H' + number(left_) + 'Z',
                    "fill=\"" + kGrey + "\" fill-opacity=\"0.3\" stroke=\"" + kGrey + "\" stroke-width=\"0.8\"");
    else
      picture_.path(d, line(colour, dashed));
  }

  // Where a normal of two dimensions has this share of its mass.
  void ellipse(double mean_x, double mean_y, double xx, double xy, double yy, double share, const std::string& colour,
               bool dashed = false) {
    const double radius = std::sqrt(-2 * std::log(1 - share)), a = std::sqrt(xx), b = xy / a, c = std::sqrt(yy - b * b);
    std::string d;
    constexpr int n = 90;
    for (int i = 0; i < n; ++i) {
      const double angle = 2 * 3.14159265358979 * i / n, u = radius * std::cos(angle), v = radius * std::sin(angle);
      d += (i == 0 ? 'M' : 'L') + number(clamp_x(mean_x + a * u)) + ' ' + number(clamp_y(mean_y + b * u + c * v));
    }
    picture_.path(d + 'Z', line(colour, dashed));
  }

  // Fills where the density is above a level.
  void region(const Grid& grid, double level, double opacity) {
    picture_.path(outline(grid, level), "fill=\"" + kGrey + "\" fill-opacity=\"" + number(opacity, 2) +
                                            "\" fill-rule=\"evenodd\" stroke=\"" + kGrey + "\" stroke-width=\"0.8\"");
  }

 private:
  [[nodiscard]] double to_x(double x) const { return left_ + width_ * (x - x_.low) / (x_.high - x_.low); }
  [[nodiscard]] double to_y(double y) const { return top_ + height_ * (y_.high - y) / (y_.high - y_.low); }
  [[nodiscard]] double clamp_x(double x) const { return to_x(std::clamp(x, x_.low, x_.high)); }
  [[nodiscard]] double clamp_y(double y) const { return to_y(std::clamp(y, y_.low, y_.high)); }
  static std::string line(const std::string& colour, bool dashed) {
    return "fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"2\"" + (dashed ? " stroke-dasharray=\"6 4\"" : "");
  }

  // Marching squares over the grid with a frame of zeros, so that all outlines are closed.
  [[nodiscard]] std::string outline(const Grid& grid, double level) const {
    using Point = std::pair<double, double>;
    const auto nx = static_cast<long>(grid.columns), ny = static_cast<long>(grid.rows);
    const auto value = [&](long i, long j) {
      return i < 0 || j < 0 || i >= nx || j >= ny ? 0.0 : grid.value[static_cast<std::size_t>(j * nx + i)];
    };
    const auto place = [&](long i, long j) -> Point {
      const double dx = (grid.x_high - grid.x_low) / static_cast<double>(nx),
                   dy = (grid.y_high - grid.y_low) / static_cast<double>(ny);
      return {grid.x_low + dx * (static_cast<double>(i) + 0.5), grid.y_low + dy * (static_cast<double>(j) + 0.5)};
    };
    // An edge of the grid: its lower or left end, and whether it is upright.
    using Edge = std::pair<std::pair<long, long>, bool>;
    std::map<Edge, std::vector<Edge>> next;
    const auto crossing = [&](const Edge& e) {
      const long i = e.first.first, j = e.first.second, i2 = i + (e.second ? 0 : 1), j2 = j + (e.second ? 1 : 0);
      const double a = value(i, j), b = value(i2, j2), t = (level - a) / (b - a);
      const Point p = place(i, j), q = place(i2, j2);
      return number(clamp_x(p.first + t * (q.first - p.first))) + ' ' +
             number(clamp_y(p.second + t * (q.second - p.second)));
    };
    for (long j = -1; j < ny; ++j)
      for (long i = -1; i < nx; ++i) {
        const bool in[4] = {value(i, j) >= level, value(i + 1, j) >= level, value(i + 1, j + 1) >= level,
                            value(i, j + 1) >= level};
        const Edge edge[4] = {{{i, j}, false}, {{i + 1, j}, true}, {{i, j + 1}, false}, {{i, j}, true}};
        std::vector<Edge> crossed;
        for (int k = 0; k < 4; ++k)
          if (in[k] != in[(k + 1) % 4]) crossed.push_back(edge[k]);
        for (std::size_t k = 0; k + 1 < crossed.size(); k += 2) {
          next[crossed[k]].push_back(crossed[k + 1]);
          next[crossed[k + 1]].push_back(crossed[k]);
        }
      }
    std::string d, last;
    while (!next.empty()) {
      Edge at = next.begin()->first;
      d += 'M' + (last = crossing(at));
      for (;;) {
        const auto found = next.find(at);
        if (found == next.end()) break;
        if (found->second.empty()) {
          next.erase(found);
          break;
        }
        const Edge to = found->second.back();
        found->second.pop_back();
        if (found->second.empty()) next.erase(found);
        if (const auto other = next.find(to); other != next.end()) {
          auto& list = other->second;
          if (const auto back = std::find(list.begin(), list.end(), at); back != list.end()) list.erase(back);
        }
        at = to;
        if (const std::string here = crossing(at); here != last) d += 'L' + (last = here);
      }
      d += 'Z';
    }
    return d;
  }

  Picture& picture_;
  double left_, top_, width_, height_;
  Axis x_, y_;
};

}  // namespace pictures

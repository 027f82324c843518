// report/charts.h - charts as SVG text, for reports (report/html_report.h), whose style sheet gives their colours in light and dark.
//
// Numbers that are not finite are left out.  Texts are escaped here.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace velbo::internal {

// & < > " as HTML and SVG write them.
std::string escape_markup(std::string_view text);

// A number in a few digits, as a reader wants it.
std::string short_number(double value);

// Ticks at 1, 2 or 5 times a power of ten that are inside [low, high], about `about` of them.
std::vector<double> nice_ticks(double low, double high, int about);

struct Series {
  std::string name;  // in the legend, where there are several
  std::vector<double> x, y;
};
std::string line_chart(const std::vector<Series>& series, const std::string& x_label, const std::string& y_label);

// Groups are 0, 1, ..., and have colours of their own, again from the first after eight.
struct ScatterPoint {
  double x = 0, y = 0;
  std::size_t group = 0;
};
// Where a Gaussian has 50 % and 90 % of its mass.
struct ScatterEllipse {
  double x = 0, y = 0, xx = 0, xy = 0, yy = 0;
  std::size_t group = 0;
  std::string label;
};
std::string scatter_chart(const std::vector<ScatterPoint>& points, const std::vector<ScatterEllipse>& ellipses,
                          const std::string& x_label, const std::string& y_label);

struct Bar {
  std::string label;
  double value = 0;  // 0 or more
};
// Lying bars, the first on top.
std::string bar_chart(const std::vector<Bar>& bars, const std::string& value_label);

// Shares 0 .. 1 as squares, [rows, columns] row-major.
std::string share_chart(const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                        const std::vector<double>& share, const std::string& row_label,
                        const std::string& column_label);

// Which of some groups each step belongs to, as a band with a legend, and y on top of it: a line, or, of y that counts names, dots.
struct Band {
  std::vector<std::size_t> group;        // [N]
  std::vector<std::string> group_names;  // of all groups
  std::vector<double> y;                 // [N]
  std::vector<std::string> y_names;      // empty: y is a number
  std::string x_label, y_label;
};
std::string band_chart(const Band& band);

}  // namespace velbo::internal

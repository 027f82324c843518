// report/html_report.h - a report as one HTML file that needs no other: style sheet and pictures are inside, nothing is loaded.
#pragma once
#include <string>
#include <vector>

namespace velbo::internal {

// Texts are escaped here; charts are SVG (report/charts.h).
class HtmlReport {
 public:
  explicit HtmlReport(const std::string& title);

  void heading(const std::string& text);
  void paragraph(const std::string& text);
  // A row of facts, name and value, as the head of a report.
  void facts(const std::vector<std::pair<std::string, std::string>>& facts);
  // Columns but the first are numbers, to the right.
  void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);
  void figure(const std::string& chart, const std::string& caption);
  // Figures from here to end_grid() lie side by side where there is room.
  void begin_grid();
  void end_grid();

  [[nodiscard]] std::string text() const;
  // Whole or not at all.  Throws Error(file) or Error(io).
  void save(const std::string& path) const;

 private:
  std::string title_, body_;
};

}  // namespace velbo::internal

#include "report/html_report.h"

#include "io/atomic_file.h"
#include "report/charts.h"

namespace velbo::internal {
namespace {

// Eight colours that are told apart on white and on near-black, with common colour blindness too (after Okabe and Ito 2008).
constexpr const char* kStyle = R"(
:root { --ink: #1d2430; --paper: #ffffff; --faint: #5c6674; --rule: #d9dee5;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #b8860b; --c5: #56b4e9; --c6: #7a5195; --c7: #6b6b6b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14181f; --faint: #9aa5b4; --rule: #343c48;
  --c0: #4aa3dc; --c1: #f0803c; --c2: #2fc59a; --c3: #e29cc2; --c4: #e0b040; --c5: #8fd0f5; --c6: #b48ed0; --c7: #a8a8a8; } }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0; } dt { color: var(--faint); font-size: .8rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; } .wide { overflow-x: auto; }
th, td { text-align: right; padding: .2rem .8rem; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: nowrap; } th { color: var(--faint); font-weight: normal; }
figure { margin: 1rem 0; max-width: 44rem; } figcaption { color: var(--faint); font-size: .9rem; }
.grid-of-figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 0 1.5rem; }
svg { width: 100%; height: auto; font: 12px system-ui, "DejaVu Sans", sans-serif; } svg text { fill: var(--faint); }
svg .cell { fill: var(--ink); } svg .mark { fill: var(--ink); font-weight: bold; } svg .grid { stroke: var(--rule); fill: none; }
svg .axis { stroke: var(--faint); fill: none; } svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
)";

}  // namespace

HtmlReport::HtmlReport(const std::string& title) : title_(escape_markup(title)) {}

void HtmlReport::heading(const std::string& text) { body_ += "<h2>" + escape_markup(text) + "</h2>\n"; }
void HtmlReport::paragraph(const std::string& text) { body_ += "<p>" + escape_markup(text) + "</p>\n"; }

void HtmlReport::facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  body_ += "<dl>\n";
  for (const auto& [name, value] : facts)
    body_ += "<div><dt>" + escape_markup(name) + "</dt><dd>" + escape_markup(value) + "</dd></div>\n";
  body_ += "</dl>\n";
}

void HtmlReport::table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  body_ += "<div class=\"wide\"><table>\n<tr>";
  for (const std::string& cell : header) body_ += "<th>" + escape_markup(cell) + "</th>";
  body_ += "</tr>\n";
  for (const auto& row : rows) {
    body_ += "<tr>";
    for (const std::string& cell : row) body_ += "<td>" + escape_markup(cell) + "</td>";
    body_ += "</tr>\n";
  }
  body_ += "</table></div>\n";
}

void HtmlReport::figure(const std::string& chart, const std::string& caption) {
  body_ += "<figure>" + chart + "<figcaption>" + escape_markup(caption) + "</figcaption></figure>\n";
}

void HtmlReport::begin_grid() { body_ += "<div class=\"grid-of-figures\">\n"; }
void HtmlReport::end_grid() { body_ += "</div>\n"; }

std::string HtmlReport::text() const {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
         "content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
         title_ + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<h1>" + title_ + "</h1>\n" + body_ +
         "</body>\n</html>\n";
}

void HtmlReport::save(const std::string& path) const {
  AtomicFile file(path);
  file.write(text());
  file.commit();
}

}  // namespace velbo::internal

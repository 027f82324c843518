// cli/progress.h - how far a fit is, on standard error.
//
// Our own: of the progress-bar libraries for C++ none is packaged by all of Debian 12, Debian 13 and Ubuntu 24.04, and
// this is a page.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "velbo/fit.h"

namespace velbo::cli {

enum class ProgressMode { automatic, always, never };
// Throws Error(argument).
ProgressMode parse_progress_mode(std::string_view text);

// Since when the rate of steps and the time left are measured.
struct Pace {
  std::int64_t step = 0;
  double seconds = 0, progress = 0;
};

// On a terminal a bar of one line, redrawn at most 20 times a second and wiped at the end; elsewhere a plain line every ten
// seconds, or, when asked for always, from the first step on every second.
class Progress {
 public:
  // unit: of the error, as in "error 0.1 sd".
  explicit Progress(ProgressMode mode, std::string unit = "sd");
  ~Progress() { wipe(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const StepReport& report);
  void wipe() noexcept;

 private:
  enum class Style { none, bar, lines, log } style_ = Style::none;
  std::string unit_;
  bool drawn_ = false;
  bool first_ = true;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::optional<Pace> pace_;
};

// The bar, exactly `width` columns or less; the text after it is cut where it does not fit.
[[nodiscard]] std::string bar_text(const StepReport& report, const Pace& pace, std::size_t width,
                                   const std::string& unit = "sd");
[[nodiscard]] std::string line_text(const StepReport& report, const Pace& pace, const std::string& unit = "sd");

}  // namespace velbo::cli

#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>  // for the terminal's width
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "cli/output.h"
#include "data/text.h"
#include "velbo/error.h"

namespace velbo::cli {
namespace {

constexpr std::chrono::milliseconds bar_interval{50};
constexpr std::chrono::milliseconds line_interval{1000}, log_interval{10000};
constexpr double patience = 0.15;  // seconds before a bar is worth showing

std::size_t terminal_width() noexcept {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string elbo_text(double elbo) {
  return std::isnan(elbo) ? std::string("ELBO not known yet") : fmt::format("ELBO {:.2f}", elbo);
}

std::string duration_text(double seconds) {
  if (seconds < 100) return fmt::format("{:.{}f} s", seconds, seconds < 10 ? 1 : 0);
  if (seconds < 6000) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

// "350 steps/s, 1.2 s, about 3.4 s left".  What is left follows from the share of the way to the tolerance that is done, on a
// logarithmic scale; below a tenth that says nothing.
std::string pace_text(const StepReport& report, const Pace& pace) {
  const double seconds = report.seconds - pace.seconds;
  std::string out;
  if (seconds > 0 && report.step > pace.step)
    out = fmt::format("{:.3g} steps/s, ", static_cast<double>(report.step - pace.step) / seconds);
  out += duration_text(report.seconds);
  const double gained = report.progress - pace.progress;
  if (report.progress > 0.1 && report.progress < 1 && gained > 0.05 && seconds > 0)
    out += ", about " + duration_text(seconds * (1 - report.progress) / gained) + " left";
  return out;
}

std::string error_text(double error, const std::string& unit) {
  return std::isfinite(error) ? fmt::format("error {:.2g} {}", error, unit) : std::string("error not known yet");
}

}  // namespace

ProgressMode parse_progress_mode(std::string_view text) {
  if (text == "auto") return ProgressMode::automatic;
  if (text == "always") return ProgressMode::always;
  if (text == "never") return ProgressMode::never;
  throw Error(ErrorCode::argument, "--progress is " + internal::quoted(text) + ", expected auto, always or never");
}

std::string bar_text(const StepReport& report, const Pace& pace, std::size_t width, const std::string& unit) {
  const double done = std::isfinite(report.progress) ? std::clamp(report.progress, 0.0, 1.0) : 0;
  const std::string text =
      fmt::format(" {:3.0f} %  step {}, {}, {}, {}, {}", 100 * done, report.step, report.stage, elbo_text(report.elbo),
                  error_text(report.error_sd, unit), pace_text(report, pace));
  const std::size_t cells = width > text.size() + 2 ? std::min<std::size_t>(30, width - text.size() - 2) : 0;
  std::string out;
  if (cells >= 5) {
    const auto filled = static_cast<std::size_t>(std::lround(done * static_cast<double>(cells)));
    out = "[" + std::string(filled, '#') + std::string(cells - filled, '.') + "]";
  }
  return (out + text).substr(0, width);
}

std::string line_text(const StepReport& report, const Pace& pace, const std::string& unit) {
  return fmt::format("step {}: {}, {}, {}, {}\n", report.step, report.stage, elbo_text(report.elbo),
                     error_text(report.error_sd, unit), pace_text(report, pace));
}

Progress::Progress(ProgressMode mode, std::string unit) : unit_(std::move(unit)) {
  const bool terminal = is_stderr_terminal();
  if (mode == ProgressMode::never) return;
  if (terminal) style_ = Style::bar;
  if (!terminal) style_ = mode == ProgressMode::always ? Style::lines : Style::log;
}

void Progress::show(const StepReport& report) {
  if (style_ == Style::none) return;
  if (!pace_) pace_ = Pace{report.step - 1, 0, 0};  // the first step is this fit's own, whatever was resumed
  if (std::isfinite(report.progress) && pace_->progress == 0 && report.progress > 0)
    pace_ = Pace{report.step, report.seconds, report.progress};
  const auto now = std::chrono::steady_clock::now();
  switch (style_) {
    case Style::bar:
      if (report.seconds < patience || (!first_ && now - last_ < bar_interval)) return;
      write_stderr("\r" + bar_text(report, *pace_, terminal_width() - 1, unit_) +
                   "\033[K");  // the last column would wrap
      drawn_ = true;
      break;
    case Style::lines:
      if (!first_ && now - last_ < line_interval) return;
      write_stderr(line_text(report, *pace_, unit_));
      break;
    default:  // a log: nothing of a short fit
      if (now - last_ < log_interval) return;
      write_stderr(line_text(report, *pace_, unit_));
  }
  first_ = false;
  last_ = now;
}

void Progress::wipe() noexcept {
  if (drawn_) write_stderr("\r\033[K");
  drawn_ = false;
}

}  // namespace velbo::cli

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
constexpr std::chrono::milliseconds line_interval{1000};
constexpr double patience = 0.15;  // seconds before a bar is worth showing

std::size_t terminal_width() noexcept {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string error_text(double error_sd) {
  return std::isfinite(error_sd) ? fmt::format("error {:.2g} sd", error_sd) : std::string("error not known yet");
}

}  // namespace

ProgressMode parse_progress_mode(std::string_view text) {
  if (text == "auto") return ProgressMode::automatic;
  if (text == "always") return ProgressMode::always;
  if (text == "never") return ProgressMode::never;
  throw Error(ErrorCode::argument, "--progress is " + internal::quoted(text) + ", expected auto, always or never");
}

std::string bar_text(const StepReport& report, std::size_t width) {
  const double done = std::isfinite(report.progress) ? std::clamp(report.progress, 0.0, 1.0) : 0;
  const std::string text = fmt::format(" {:3.0f} %  step {}, {}, {}, {:.1f} s", 100 * done, report.step, report.stage,
                                       error_text(report.error_sd), report.seconds);
  const std::size_t cells = width > text.size() + 2 ? std::min<std::size_t>(30, width - text.size() - 2) : 0;
  std::string out;
  if (cells >= 5) {
    const auto filled = static_cast<std::size_t>(std::lround(done * static_cast<double>(cells)));
    out = "[" + std::string(filled, '#') + std::string(cells - filled, '.') + "]";
  }
  return (out + text).substr(0, width);
}

std::string line_text(const StepReport& report) {
  return fmt::format("step {}: {}, ELBO {}, {}, {:.1f} s\n", report.step, report.stage,
                     std::isnan(report.elbo) ? std::string("not known yet") : fmt::format("{:.2f}", report.elbo),
                     error_text(report.error_sd), report.seconds);
}

Progress::Progress(ProgressMode mode) {
  const bool terminal = is_stderr_terminal();
  if (mode == ProgressMode::never) return;
  if (terminal) style_ = Style::bar;
  if (!terminal && mode == ProgressMode::always) style_ = Style::lines;
}

void Progress::show(const StepReport& report) {
  if (style_ == Style::none) return;
  const auto now = std::chrono::steady_clock::now();
  if (style_ == Style::bar) {
    if (report.seconds < patience || (!first_ && now - last_ < bar_interval)) return;
    write_stderr("\r" + bar_text(report, terminal_width() - 1) + "\033[K");  // the last column would wrap
    drawn_ = true;
  } else {
    if (!first_ && now - last_ < line_interval) return;
    write_stderr(line_text(report));
  }
  first_ = false;
  last_ = now;
}

void Progress::wipe() noexcept {
  if (drawn_) write_stderr("\r\033[K");
  drawn_ = false;
}

}  // namespace velbo::cli

// cli/interrupt.h - Ctrl-C during a fit.
#pragma once

namespace velbo::cli {

// From now on the first SIGINT or SIGTERM only sets a flag, so that a fit can end and keep what it has; a second one
// ends the program at once with status 130.  quiet: without a word to standard error.
void catch_interrupts(bool quiet) noexcept;
[[nodiscard]] bool is_interrupted() noexcept;

}  // namespace velbo::cli

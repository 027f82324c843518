#include "cli/interrupt.h"

#include <unistd.h>  // for write, _exit

#include <csignal>
#include <string_view>

namespace velbo::cli {
namespace {

volatile std::sig_atomic_t n_interrupts = 0;
volatile std::sig_atomic_t be_quiet = 0;

// Only what is safe in a signal handler.
extern "C" void on_interrupt(int /*signal*/) {
  n_interrupts = n_interrupts + 1;
  if (n_interrupts > 1) ::_exit(130);
  if (be_quiet != 0) return;
  constexpr std::string_view message =
      "\nvelbo: stopping; what has been fitted is kept (Ctrl-C again to quit at once)\n";
  const ssize_t ignored = ::write(STDERR_FILENO, message.data(), message.size());
  (void)ignored;
}

}  // namespace

void catch_interrupts(bool quiet) noexcept {
  be_quiet = quiet ? 1 : 0;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  (void)sigaction(SIGINT, &action, nullptr);
  (void)sigaction(SIGTERM, &action, nullptr);
}

bool is_interrupted() noexcept { return n_interrupts > 0; }

}  // namespace velbo::cli

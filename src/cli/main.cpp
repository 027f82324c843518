// cli/main.cpp - the program: reads the command line, runs one command, turns every failure into one line and a status.
#include <unistd.h>  // for _exit

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "velbo/error.h"
#include "velbo/version.h"

namespace velbo::cli {
namespace {

int report(const std::string& message, int status) noexcept {
  try {
    write_stderr("velbo: error: " + message + "\n");
  } catch (...) {
    write_stderr("velbo: error: out of memory\n");
  }
  return status;
}

// The parser's own complaint, on one line.
std::string explain(const CLI::ParseError& error) {
  std::string text = error.what();
  const std::size_t colon = text.find(':');
  if (error.get_name() == "ArgumentMismatch" && text.starts_with("--") && colon != std::string::npos)
    return text.substr(0, colon) + " takes one value, once";
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

// A mapped file that is cut while it is read: the page is gone, and there is nothing to return to.
extern "C" void on_bus_error(int /*signal*/) {
  write_stderr("velbo: error: a data file was cut while it was read, or its disk failed\n");
  ::_exit(failure);
}

void prepare(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    command->allow_extras();
    fold_descriptions(*command);
    prepare(*command);
  }
}

// Of the commands that were given, the innermost first.
void refuse_all_unknown(const CLI::App& app) {
  for (const CLI::App* command : app.get_subcommands()) refuse_all_unknown(*command);
  refuse_unknown(app);
}

int run(int argc, const char* const* argv) {
  CLI::App program("Bayesian regression by variational inference", "velbo");
  program.set_version_flag("--version", std::string("velbo ") + version());
  program.footer("velbo COMMAND --help tells more about a command.");
  Action action;
  add_fit(program, action);
  add_predict(program, action);
  add_sample(program, action);
  add_summary(program, action);
  add_mixture(program, action);
  add_convert(program, action);
  add_hmm(program, action);
  add_topics(program, action);
  add_info(program, action);
  // What is left over is explained by refuse_unknown(), with suggestions.
  program.allow_extras();
  prepare(program);

  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    std::ostringstream text;
    program.exit(wish, text, text);
    write_stdout(text.str());
    return success;
  } catch (const CLI::ParseError& error) {
    return report(explain(error), user_mistake);
  }
  refuse_all_unknown(program);
  if (!action)
    throw Error(ErrorCode::argument,
                "no command is given: velbo fit, predict, sample, summary, mixture, convert, hmm, topics or info "
                "(velbo --help)");
  return action();
}

}  // namespace
}  // namespace velbo::cli

int main(int argc, char** argv) {
  using namespace velbo;
  using namespace velbo::cli;
  try {
    prepare_streams();
    (void)std::signal(SIGBUS, &on_bus_error);
    return run(argc, argv);
  } catch (const Error& error) {
    return report(error.what(), is_user_error(error.code()) ? user_mistake : failure);
  } catch (const ClosedPipe&) {
    return failure;
  } catch (const std::bad_alloc&) {
    return report("out of memory", failure);
  } catch (const std::length_error&) {
    return report("out of memory", failure);
  } catch (const std::exception& error) {
    return report(std::string("this should not happen: ") + error.what(), failure);
  } catch (...) {
    return report("this should not happen: an unknown exception", failure);
  }
}

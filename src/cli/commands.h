// cli/commands.h - the program's commands.  Each adds its options to the parser and, when it is the one that was
// given, sets what is to be done; the result of that is the exit status.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>

namespace velbo::cli {

// Interface of the program: exit statuses.
inline constexpr int success = 0;
inline constexpr int failure = 1;       // disk full, out of memory, a broken device
inline constexpr int user_mistake = 2;  // what a change of the command or of the input can mend
inline constexpr int not_converged = 3;

using Action = std::function<int()>;

void add_fit(CLI::App& program, Action& action);
void add_predict(CLI::App& program, Action& action);
void add_sample(CLI::App& program, Action& action);
void add_summary(CLI::App& program, Action& action);
void add_mixture(CLI::App& program, Action& action);
void add_convert(CLI::App& program, Action& action);
void add_hmm(CLI::App& program, Action& action);
void add_topics(CLI::App& program, Action& action);
void add_info(CLI::App& program, Action& action);

}  // namespace velbo::cli

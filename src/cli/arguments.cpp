#include "cli/arguments.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

#include "data/text.h"
#include "velbo/error.h"

namespace velbo::cli {
namespace {

[[noreturn]] void refuse(const std::string& option, const std::string& text, const std::string& expected) {
  throw Error(ErrorCode::argument, option + " is " + internal::quoted(text) + ", expected " + expected);
}

template <class T>
bool read_whole(const std::string& text, T& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options({}))
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::string nearest = internal::nearest_name(word, known);
  return nearest.empty() ? "" : "; did you mean " + nearest + "?";
}

}  // namespace

void add_positive(CLI::App& command, const std::string& option, double& target, const std::string& help) {
  command
      .add_option_function<std::string>(
          option,
          [option, &target](const std::string& text) {
            const std::optional<double> value = internal::parse_number(text);
            if (!value || !(*value > 0) || std::isinf(*value)) refuse(option, text, "a number > 0");
            target = *value;
          },
          help)
      ->type_name("X");
}

void add_whole(CLI::App& command, const std::string& option, std::int64_t& target, std::int64_t least,
               const std::string& help, std::int64_t most) {
  command
      .add_option_function<std::string>(
          option,
          [option, &target, least, most](const std::string& text) {
            std::int64_t value = 0;
            if (!read_whole(text, value) || value < least || value > most)
              refuse(option, text, "a whole number, " + std::to_string(least) + " or more");
            target = value;
          },
          help)
      ->type_name("N");
}

void add_seed(CLI::App& command, std::uint64_t& target) {
  command
      .add_option_function<std::string>(
          "--seed",
          [&target](const std::string& text) {
            if (!read_whole(text, target)) refuse("--seed", text, "a whole number, 0 or more");
          },
          "Of the random numbers [1]")
      ->type_name("N");
}

void add_device(CLI::App& command, std::optional<Device>& target) {
  add_text(command, "--device", "NAME", "auto, cpu, cuda or cuda:N [auto]", [&target](const std::string& text) {
    target.reset();
    if (text == "auto") return;
    target = parse_device(text);
    require_usable(*target);
  });
}

void fold_descriptions(CLI::App& command) {
  constexpr std::size_t width = 70;
  for (CLI::Option* option : command.get_options([](const CLI::Option*) { return true; })) {
    std::string text = option->get_description();
    for (std::size_t begin = 0; text.size() - begin > width;) {
      const std::size_t blank = text.rfind(' ', begin + width);
      if (blank == std::string::npos || blank <= begin) break;
      text[blank] = '\n';
      begin = blank + 1;
    }
    option->description(text);
  }
}

void refuse_unknown(const CLI::App& app) {
  for (const std::string& word : app.remaining()) {
    if (word.size() > 1 && word[0] == '-') {
      const std::string option = word.substr(0, word.find('='));
      throw Error(ErrorCode::argument, "unknown option " + option + suggestion(option, option_names(app)));
    }
    const std::vector<std::string> commands = command_names(app);
    if (!commands.empty())
      throw Error(ErrorCode::argument, "unknown command " + internal::quoted(word) + suggestion(word, commands) +
                                           " (there are " + internal::listed(commands) + ")");
    throw Error(ErrorCode::argument,
                "unexpected argument " + internal::quoted(word) + "; a formula or a path with blanks needs quotes");
  }
}

void require(const std::string& text, const std::string& what, const std::string& hint) {
  if (text.empty()) throw Error(ErrorCode::argument, what + " is missing; " + hint);
}

}  // namespace velbo::cli

#include "cli/conjugate_options.h"

#include <cmath>
#include <optional>

#include "cli/arguments.h"
#include "cli/interrupt.h"
#include "data/text.h"
#include "velbo/error.h"

namespace velbo::cli {
void add_number(CLI::App& command, const std::string& option, double& target, const std::string& help) {
  add_text(command, option, "X", help, [option, &target](const std::string& text) {
    const std::optional<double> value = internal::parse_number(text);
    if (!value || !(*value >= 0) || std::isinf(*value))
      throw Error(ErrorCode::argument, option + " is " + internal::quoted(text) + ", expected a number, 0 or more");
    target = *value;
  });
}

void add_list(CLI::App& command, const std::string& option, std::vector<std::string>& target, const std::string& help) {
  add_text(command, option, "A,B,...", help, [option, &target](const std::string& text) {
    target.clear();
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      if (end == begin)
        throw Error(ErrorCode::argument,
                    option + " is " + internal::quoted(text) + ", expected names with commas between them");
      target.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  });
}

void add_conjugate_options(CLI::App& command, ConjugateArguments& a, const std::string& unit,
                           const std::string& batch) {
  ConjugateOptions& fit = a.options;
  command.option_defaults()->group("Method");
  add_text(command, "--engine", "NAME",
           "cavi, memoized, svi or auto [auto: memoized where a batch size is given, else cavi]",
           [&fit](const std::string& text) { fit.engine = parse_conjugate_engine(text); });
  add_whole(command, "--batch-size", fit.batch_size, 1, batch);
  add_whole(command, "--max-passes", fit.max_passes, 1, "Most passes over all " + unit + " [1000; svi: 20]");
  add_positive(command, "--tolerance", fit.tolerance,
               "What a pass gains at the end, in nats, divided by the number of " + unit + " [1e-05]");
  add_positive(command, "--max-seconds", fit.max_seconds, "Most seconds [no limit]");
  add_number(command, "--delay", fit.delay, "Of svi's steps, (step + delay)^-forgetting [1]");
  add_number(command, "--forgetting", fit.forgetting, "Above 0.5, at most 1 [0.7]");
  add_text(command, "--scalar", "NAME", "Of arithmetic by " + unit + ": float, double or auto [auto]",
           [&fit](const std::string& text) { fit.scalar = parse_scalar(text); });
  add_device(command, fit.device);
  add_whole(command, "--threads", a.threads, 0, "0: as many as there are processors [0]", 4096);
  add_seed(command, fit.seed);
  command.option_defaults()->group("Long fits");
  command
      .add_option("--checkpoint", fit.checkpoint,
                  "Where the running fit's state goes, at most every 30 s, on Ctrl-C and at the end")
      ->type_name("FILE");
  add_number(command, "--checkpoint-seconds", fit.checkpoint_seconds,
             "Seconds from one state to the next; 0: every step [30]");
  command.add_option("--resume", fit.resume, "State to go on from: the result is that of a fit never interrupted")
      ->type_name("FILE");
}

void add_progress_options(CLI::App& command, ConjugateArguments& a) {
  add_text(command, "--progress", "WHEN", "auto: a bar on a terminal; always: lines elsewhere; never [auto]",
           [&a](const std::string& text) { a.progress = parse_progress_mode(text); });
  command.add_flag("--quiet", a.quiet, "Print nothing but errors");
}

FitWatch::FitWatch(const ConjugateArguments& a, const std::string& unit)
    : progress_(std::make_shared<Progress>(a.quiet ? ProgressMode::never : a.progress, "nats a " + unit)),
      options_(a.options) {
  catch_interrupts(a.quiet);
  options_.threads = static_cast<int>(a.threads);
  options_.progress = [progress = progress_](const StepReport& report) {
    progress->show(report);
    return !is_interrupted();
  };
}

void FitWatch::finish() const { progress_->wipe(); }

}  // namespace velbo::cli

#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "velbo/data.h"

namespace velbo::cli {
namespace {

struct Arguments {
  std::string in, out;
  ConvertOptions options;
};

int run(const Arguments& a) {
  require(a.in, "the file to convert", "for example: velbo convert table.csv table.npy");
  require(a.out, "the file to write", "for example: velbo convert table.csv table.npy");
  convert_data(a.in, a.out, a.options);
  return success;
}

}  // namespace

void add_convert(CLI::App& program, Action& action) {
  CLI::App* command = program.add_subcommand("convert", "Convert data: .csv, .npy, .libsvm");
  auto a = std::make_shared<Arguments>();
  command->add_option("IN", a->in, "What to read: .csv or .tsv with a header, .npy, .libsvm or .svm")->type_name("");
  command->add_option("OUT", a->out, "What to write: .csv, .npy, .libsvm or .svm")->type_name("");
  command
      ->add_option("--target", a->options.target,
                   "To LIBSVM: the column that is the label; a .npy's are called x1, x2, ... [the first]")
      ->type_name("COL");
  command->add_flag("--float32", a->options.float32, "To .npy: float32 instead of float64, half the size");
  command->footer(
      "Numbers keep every bit.  Only a LIBSVM file that is read is held in memory; its label becomes the first column, "
      "y.\n"
      "A missing value is an empty cell in .csv and NaN in .npy; .libsvm cannot hold one.\n\n"
      "Examples:\n"
      "  velbo convert rows.csv rows.npy --float32\n"
      "  velbo convert rows.csv rows.libsvm --target clicked");
  command->callback([&action, a] { action = [a] { return run(*a); }; });
}

}  // namespace velbo::cli

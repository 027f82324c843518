// Every mistake of a user: exit status 2, one clear line on standard error, nothing on standard output, nothing
// written.
#include <gtest/gtest.h>

#include <cmath>

#include "cli/velbo.h"

namespace velbo::test {
namespace {

class Mistakes : public ::testing::Test {
 protected:
  // Runs the program; `lines` is 1, or 3 where a caret shows the place in a formula.
  std::string mistake(const std::vector<std::string>& arguments, std::ptrdiff_t lines = 1) {
    const std::size_t files = folder_.n_files();
    const RunResult r = velbo(arguments);
    EXPECT_EQ(r.status, 2) << r.err;
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(n_lines(r.err), lines) << r.err;
    EXPECT_TRUE(r.err.starts_with("velbo: error: ")) << r.err;
    EXPECT_EQ(folder_.n_files(), files) << "something was left behind";
    return r.err;
  }
  std::string fit_mistake(const std::string& formula, const std::string& table, std::vector<std::string> more = {},
                          std::ptrdiff_t lines = 1) {
    std::vector<std::string> arguments = {
        "fit", formula, "--data", table, "--out", folder_.file("fit.velbo"), "--json", folder_.file("fit.json")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return mistake(arguments, lines);
  }
  static void expect_text(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "expected " << part << " in\n" << text;
  }

  ScratchFolder folder_;
  std::string table_ = folder_.file("table.csv", table_text());
};

TEST_F(Mistakes, CommandLine) {
  expect_text(mistake({}), "no command is given");
  expect_text(mistake({"fitt", "y ~ x"}), "unknown command \"fitt\"; did you mean fit?");
  expect_text(mistake({"--verson"}), "unknown option --verson; did you mean --version?");
  expect_text(fit_mistake("y ~ x", table_, {"--liklihood", "poisson"}),
              "unknown option --liklihood; did you mean --likelihood?");
  expect_text(fit_mistake("y ~ x", table_, {"--drawz=10"}), "unknown option --drawz; did you mean --draws?");
  expect_text(fit_mistake("y ~ x", table_, {"z"}), "unexpected argument \"z\"");
  expect_text(mistake({"fit", "y ~ x"}), "--data is missing");
  expect_text(mistake({"fit", "--data", table_}), "the formula is missing");
  expect_text(mistake({"fit", "y ~ x", "--data"}), "--data takes one value");
  expect_text(mistake({"fit", "y ~ x", "--data", table_, "--data", table_}), "--data takes one value");
  for (const char* command : {"predict", "sample", "summary"}) expect_text(mistake({command}), "the fit is missing");
}

TEST_F(Mistakes, Values) {
  expect_text(fit_mistake("y ~ x", table_, {"--tolerance", "-1"}), "--tolerance is \"-1\", expected a number > 0");
  expect_text(fit_mistake("y ~ x", table_, {"--tolerance", "nan"}), "--tolerance is \"nan\"");
  expect_text(fit_mistake("y ~ x", table_, {"--max-steps", "0"}), "--max-steps is \"0\"");
  expect_text(fit_mistake("y ~ x", table_, {"--seed", "1.5"}), "--seed is \"1.5\"");
  expect_text(fit_mistake("y ~ x", table_, {"--threads", "-2"}), "--threads is \"-2\"");
  expect_text(fit_mistake("y ~ x", table_, {"--likelihood", "bernouli"}), "did you mean bernoulli?");
  expect_text(fit_mistake("y ~ x", table_, {"--family", "fullrank"}), "did you mean full_rank?");
  expect_text(fit_mistake("y ~ x", table_, {"--engine", "adam"}), "unknown engine \"adam\"");
  expect_text(fit_mistake("y ~ x", table_, {"--scalar", "half"}), "unknown scalar \"half\"");
  expect_text(fit_mistake("y ~ x", table_, {"--progress", "maybe"}), "expected auto, always or never");
  expect_text(fit_mistake("y ~ x", table_, {"--estimator", "wieghts"}), "did you mean weights?");
  expect_text(fit_mistake("y ~ x", table_, {"--family", "low_rank:x"}), "expected a whole rank");
  expect_text(fit_mistake("y ~ x", table_, {"--engine", "newton", "--batch-size", "10"}),
              "engine newton looks at all rows");
  expect_text(fit_mistake("y ~ x", table_, {"--weights-kind", "x"}), "expected frequency or precision");
  expect_text(fit_mistake("y ~ x", table_, {"--prior", "normal(0)"}), "normal takes (location, scale)");
  expect_text(fit_mistake("y ~ x", table_, {"--device", "cuda:99"}), "cuda:99");
  expect_text(fit_mistake("y ~ x", table_, {"--device", "gpu"}), "gpu");
}

TEST_F(Mistakes, Tables) {
  expect_text(fit_mistake("y ~ x", folder_.file("none.csv")), "none.csv: cannot be read");
  expect_text(fit_mistake("y ~ x", folder_.path()), "directory");
  const std::string empty = folder_.file("empty.csv", "");
  expect_text(fit_mistake("y ~ x", empty), "empty");
  const std::string header = folder_.file("header.csv", "y,x\n");
  expect_text(fit_mistake("y ~ x", header), "header.csv");
  const std::string ragged = folder_.file("ragged.csv", "y,x\n1,2\n0,3,4\n");
  expect_text(fit_mistake("y ~ x", ragged), "ragged.csv:3: ");
  const std::string text = folder_.file("text.csv", "y,x\n1,2\n0,abc\n1,3\n0,2.5\n1,1\n");
  const std::string message = fit_mistake("y ~ x", text);
  expect_text(message, "text.csv:3: ");
  expect_text(message, "abc");
  const std::string constant = folder_.file("constant.csv", "y,x\n1,2\n1,3\n1,4\n");
  expect_text(fit_mistake("y ~ x", constant), "y");
  const std::string infinite = folder_.file("inf.csv", "y,x\n1,2\n0,Inf\n1,4\n0,3\n");
  expect_text(fit_mistake("y ~ x", infinite), "inf.csv:3: ");
  expect_text(fit_mistake("y ~ x", table_, {"--weights", "w"}), "\"w\"");
  expect_text(fit_mistake("count ~ x", table_, {"--likelihood", "bernoulli"}), "count");
  expect_text(fit_mistake("count ~ x", table_), "likelihood");
}

TEST_F(Mistakes, FormulasShowThePlace) {
  const std::string unknown = fit_mistake("y ~ x + zz", table_, {}, 3);
  expect_text(unknown, "\"zz\"");
  EXPECT_TRUE(unknown.ends_with("\n  y ~ x + zz\n          ^\n")) << unknown;
  const std::string open = fit_mistake("y ~ (x", table_, {}, 3);
  EXPECT_TRUE(open.ends_with("\n  y ~ (x\n      ^\n")) << open;
  for (const char* bad : {"y", "y ~", "~ x", "y ~ x +", "y ~ x ~ x", "y ~ f(x)", "y ~ x)"}) {
    SCOPED_TRACE(bad);
    fit_mistake(bad, table_, {}, 3);
  }
}

TEST_F(Mistakes, Arrays) {
  const auto npy = [&](const std::string& name, const std::string& shape, std::vector<double> values) {
    std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }";
    header.append(64 - (10 + header.size() + 1) % 64, ' ');
    header += '\n';
    std::string bytes = std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() % 256) +
                        static_cast<char>(header.size() / 256) + header;
    bytes.append(reinterpret_cast<const char*>(values.data()), 8 * values.size());
    return folder_.file(name, bytes);
  };
  const std::string x = npy("x.npy", "(3, 1)", {1, 2, 3}), y = npy("y.npy", "(3,)", {0, 1, 0});
  const std::string short_y = npy("s.npy", "(2,)", {0, 1}), nan = npy("nan.npy", "(3, 1)", {1, std::nan(""), 3});
  const std::string inf = npy("inf.npy", "(3,)", {0, HUGE_VAL, 1}), wide = npy("w.npy", "(3, 2)", {1, 2, 3, 4, 5, 6});
  const std::string cube = npy("c.npy", "(1, 3, 1)", {1, 2, 3});
  const auto fit = [&](const std::string& data, const std::string& target) {
    return mistake({"fit", "--data", data, "--target", target});
  };
  expect_text(mistake({"fit", "y ~ x", "--data", x}), "--target must name the outcome");
  expect_text(mistake({"fit", "y ~ x", "--data", x, "--target", y}), "exclude each other");
  expect_text(mistake({"fit", "--data", table_, "--target", y}), "--target needs .npy files");
  expect_text(mistake({"fit", "--data", x, "--target", y, "--weights", "w"}), "--weights is w, expected a .npy file");
  expect_text(fit(x, folder_.file("none.npy")), "none.npy: cannot be read");
  expect_text(fit(x, short_y), "2");
  expect_text(fit(nan, y), "nan");
  expect_text(fit(x, inf), "inf");
  expect_text(fit(x, wide), "2 columns");
  expect_text(fit(cube, y), "c.npy");
  expect_text(fit(folder_.file("bad.npy", "hello"), y), "bad.npy");
}

TEST_F(Mistakes, OutputsThatCannotBeWrittenAreFoundBeforeTheFit) {
  // A fit that would not end by itself.
  const std::vector<std::string> endless = {"fit",         "y ~ x",  "--data",      table_,
                                            "--tolerance", "1e-300", "--max-steps", "1000000000000"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), endless.begin(), endless.end());
    return more;
  };
  expect_text(mistake(with({"--out", "/no/such/folder/fit.velbo"})), "/no/such/folder/fit.velbo: cannot be written");
  expect_text(mistake(with({"--json", "/no/such/folder/fit.json"})), "/no/such/folder/fit.json: cannot be written");
  expect_text(mistake(with({"--out", folder_.path()})), "it is a directory");
  expect_text(mistake(with({"--out", "-"})), "a posterior is not text");
  expect_text(mistake(with({"--out", folder_.file("a"), "--json", folder_.file("a")})), "the same file");
}

TEST_F(Mistakes, SavedFits) {
  const std::string fit = folder_.file("fit.velbo");
  ASSERT_EQ(velbo({"fit", "y ~ x + group", "--data", table_, "--out", fit, "--quiet"}).status % 3, 0);
  expect_text(mistake({"summary", folder_.file("none")}), "none: cannot be read");
  expect_text(mistake({"summary", table_}), "not a safetensors file");
  const std::string bytes = read_bytes(fit);
  const std::string truncated = folder_.file("truncated.velbo", bytes.substr(0, bytes.size() - 3));
  std::string flipped_bytes = bytes;
  flipped_bytes[bytes.size() - 5] ^= 4;
  const std::string flipped = folder_.file("flipped.velbo", flipped_bytes);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"summary"}, {"sample"}, {"predict", "--data", table_}, {"fit", "y ~ x", "--data", table_, "--init"}}) {
    SCOPED_TRACE(command[0]);
    const auto on = [&](const std::string& path) {
      std::vector<std::string> arguments = command;
      arguments.insert(command[0] == "fit" ? arguments.end() : arguments.begin() + 1, path);
      return mistake(arguments);
    };
    expect_text(on(truncated), "truncated.velbo: is truncated");
    expect_text(on(flipped), "flipped.velbo: is corrupted");
  }
  expect_text(mistake({"predict", fit, "--data", table_, "--kind", "outcom"}), "did you mean outcome?");
  expect_text(mistake({"predict", fit, "--data", table_, "--interval", "1"}), "interval is 1");
  expect_text(mistake({"predict", fit, "--data", table_, "--out", "/no/such/folder/p.csv"}), "cannot be written");
  expect_text(mistake({"sample", fit, "--draws", "-1"}), "--draws is \"-1\"");
  expect_text(mistake({"sample", fit, "--out", "/no/such/folder/d.npy"}), "cannot be written");
  const std::string unseen = folder_.file("new.csv", "x,group\n1,red\n2,violet\n");
  const std::string message = mistake({"predict", fit, "--data", unseen, "--out", folder_.file("p.csv")});
  for (const char* part : {"new.csv:3", "violet", "group"}) expect_text(message, part);
  const std::string lacking = folder_.file("lacking.csv", "x\n1\n");
  expect_text(mistake({"predict", fit, "--data", lacking}), "\"group\"");
  const std::string other = folder_.file("other.velbo");
  ASSERT_EQ(velbo({"fit", "y ~ x", "--data", table_, "--out", other, "--quiet"}).status % 3, 0);
  expect_text(mistake({"fit", "y ~ x + group", "--data", table_, "--init", other}), "parameters");
}

}  // namespace
}  // namespace velbo::test

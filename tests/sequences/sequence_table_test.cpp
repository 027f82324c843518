// Sequences from tables, and reports of fits to them.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "sequences/sequence_data.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/hidden_markov.h"

namespace velbo {
namespace {

using test::error_of;

Table walk() {
  Table table;
  table.add_text("animal", {"a", "a", "a", "b", "b", "c"});
  table.add_numbers("x", {1, 2, 3, 4, 5, 6});
  table.add_numbers("y", {0, 1, 0, 1, 0, 1});
  table.add_text("weather", {"sun", "rain", "sun", "sun", "fog", "rain"});
  table.add_numbers("code", {7, 3, 7, 7, 11, 3});
  return table;
}

TEST(SequenceTable, NumbersAndTheirNames) {
  const Sequences all = Sequences::of_table(walk(), {});
  EXPECT_EQ(all.names(), (std::vector<std::string>{"x", "y", "code"}));
  EXPECT_EQ(all.start(), (std::vector<std::int64_t>{0, 6}));
  const Sequences some = Sequences::of_table(walk(), {.numbers = {"y", "x"}, .sequence = "animal"});
  EXPECT_EQ(some.names(), (std::vector<std::string>{"y", "x"}));
  EXPECT_EQ(some.start(), (std::vector<std::int64_t>{0, 3, 5, 6}));
  EXPECT_EQ(some.data().x(3, 0), 1);
  EXPECT_EQ(some.data().x(3, 1), 4);
  // A number column may name sequences, and is then no column of numbers.
  EXPECT_EQ(error_of([] { Sequences::of_table(walk(), {.sequence = "code"}); }),
            "data| row 3: sequence \"7\" comes back after another one; sort the rows by column \"code\"");
}

TEST(SequenceTable, SymbolsInTheirOrder) {
  const Sequences texts = Sequences::of_table(walk(), {.symbol = "weather"});
  EXPECT_EQ(texts.names(), (std::vector<std::string>{"fog", "rain", "sun"}));
  EXPECT_EQ(texts.data().symbol, (std::vector<std::int32_t>{2, 1, 2, 2, 0, 1}));
  const Sequences codes = Sequences::of_table(walk(), {.symbol = "code"});
  EXPECT_EQ(codes.names(), (std::vector<std::string>{"3", "7", "11"}));  // as numbers, not as texts
  const Sequences known = Sequences::of_table(walk(), {.symbol = "weather"}, {"sun", "snow", "rain", "fog"});
  EXPECT_EQ(known.data().symbol, (std::vector<std::int32_t>{0, 2, 0, 0, 3, 2}));
  EXPECT_EQ(error_of([] {
              Sequences::of_table(walk(), {.symbol = "weather"}, {"sun", "rain"});
            }),
            "data| row 5: \"fog\" is not among the symbols of the fit, sun, rain");
}

TEST(SequenceTable, NamesThePlaceOfWhatIsWrong) {
  Table table = walk();
  table.add_numbers("z", {1, 2, NAN, 4, 5, 6});
  table.add_text("w", {"a", "", "b", "a", "b", "a"});
  EXPECT_EQ(error_of([&] { Sequences::of_table(table, {.numbers = {"z"}}); }),
            "data| row 3: column \"z\" is missing, expected a finite number");
  EXPECT_EQ(error_of([&] { Sequences::of_table(table, {.symbol = "w"}); }), "data| row 2: column \"w\" is missing");
  EXPECT_EQ(error_of([&] { Sequences::of_table(table, {.numbers = {"weather"}}); }),
            "data| row 1: column \"weather\" holds text, expected numbers");
  EXPECT_EQ(error_of([&] { Sequences::of_table(table, {.numbers = {"x"}, .symbol = "w"}); }),
            "argument| columns of numbers and one of symbols were named, expected either");
  EXPECT_EQ(error_of([&] { Sequences::of_table(table, {.numbers = {"speed"}}); }).substr(0, 8), "formula|");
}

TEST(SequenceTable, ReportsAreWholePages) {
  test::ScratchFolder folder;
  for (const bool symbols : {false, true}) {
    SequenceColumns columns{.numbers = {"x", "y"}, .sequence = "animal"};
    if (symbols) columns = {.symbol = "weather", .sequence = "animal"};
    const Sequences x = Sequences::of_table(walk(), columns);
    const HiddenMarkov model = fit_hidden_markov(x, {.n_states = 2});
    const std::string path = folder.file("report.html");
    write_report(model, x, path);
    std::ifstream file(path);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    for (const char* expected : {"ELBO", "state 2", "Sequence 3", "Transitions", symbols ? "fog" : ">y<", "</html>"})
      EXPECT_NE(text.find(expected), std::string::npos) << expected;
    EXPECT_EQ(text.find("nan"), std::string::npos);
    EXPECT_NE(model.text().find(symbols ? "categorical" : "gaussian"), std::string::npos);
  }
}

}  // namespace
}  // namespace velbo

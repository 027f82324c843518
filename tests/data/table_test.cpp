#include "velbo/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data/text.h"
#include "support/errors.h"

namespace velbo {
namespace {

using test::error_of;

Table small() {
  Table table;
  table.add_numbers("distance", {1, 2, 3});
  table.add_text("who", {"b", "", "a"});
  return table;
}

TEST(Table, ColumnsMadeInMemory) {
  const Table table = small();
  EXPECT_EQ(table.n_rows(), 3);
  EXPECT_EQ(table.at("who").levels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(table.at("who").codes, (std::vector<std::int32_t>{1, -1, 0}));
  EXPECT_EQ(table.find("nobody"), nullptr);
  EXPECT_EQ(table.place(1), "row 2");
  EXPECT_EQ(table.source(), "the table");
}

TEST(Table, Refusals) {
  Table table = small();
  EXPECT_EQ(error_of([&] { table.add_numbers("x", {1}); }), "shape| the table: column \"x\" has 1 rows, expected 3");
  EXPECT_EQ(error_of([&] {
              table.add_numbers("who", {1, 2, 3});
            }),
            "argument| the table: there are two columns \"who\"");
  EXPECT_EQ(error_of([&] { table.add_numbers("", {1, 2, 3}); }), "argument| the table: a column needs a name");
  Column column;
  column.name = "codes";
  column.kind = ColumnKind::text;
  column.codes = {0, 1, 0};
  column.levels = {"a"};
  EXPECT_EQ(error_of([&] { table.add(column); }), "argument| the table: column \"codes\" has the code 1 and 1 levels");
  EXPECT_EQ(error_of([&] { table.set_source("f", {1}); }), "shape| f: 1 line numbers for 3 rows");
}

TEST(Table, UnknownColumnNamesTheNearest) {
  const Table table = small();
  EXPECT_EQ(error_of([&] { (void)table.at("distnce"); }),
            "formula| the table: no column \"distnce\"; did you mean \"distance\"? Columns are distance, who");
  EXPECT_EQ(error_of([&] { (void)table.at("zzz"); }),
            "formula| the table: no column \"zzz\"; columns are distance, who");
}

TEST(Text, NearestName) {
  using internal::nearest_name;
  EXPECT_EQ(nearest_name("Distance", {"x", "distance"}), "distance");
  EXPECT_EQ(nearest_name("arsnic", {"arsenic", "switch"}), "arsenic");
  EXPECT_EQ(nearest_name("a", {"b", "c"}), "");
  EXPECT_EQ(nearest_name("", {"b"}), "");
  EXPECT_EQ(nearest_name("x1", {"x2", "y"}), "x2");
}

// Values and texts from R: as.character().
TEST(Text, NumbersAsRWritesThem) {
  using internal::format_number;
  EXPECT_EQ(format_number(6), "6");
  EXPECT_EQ(format_number(-0.0), "0");
  EXPECT_EQ(format_number(0.1), "0.1");
  EXPECT_EQ(format_number(100000), "1e+05");
  EXPECT_EQ(format_number(123456), "123456");
  EXPECT_EQ(format_number(120000), "120000");
  EXPECT_EQ(format_number(0.0001), "1e-04");
  EXPECT_EQ(format_number(0.00012), "0.00012");
  EXPECT_EQ(format_number(-1234.5), "-1234.5");
  EXPECT_EQ(format_number(1e15), "1e+15");
  EXPECT_EQ(format_number(1e-300), "1e-300");
  EXPECT_EQ(format_number(1.0 / 3), "0.333333333333333");
  EXPECT_EQ(format_number(2.5e-10), "2.5e-10");
  EXPECT_EQ(format_number(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(format_number(std::nan("")), "nan");
}

TEST(Text, QuotedStaysOnOneLineAndShort) {
  EXPECT_EQ(internal::quoted("a\nb\t\x01"), "\"a\\nb\\t\\x01\"");
  EXPECT_EQ(internal::quoted(std::string(100, 'x')), "\"" + std::string(60, 'x') + "...\"");
}

TEST(Text, Utf8) {
  using internal::is_utf8;
  EXPECT_TRUE(is_utf8("Zürich \xE2\x82\xAC \xF0\x9F\x98\x80"));
  for (const char* bad :
       {"\xFC", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\x80"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace velbo

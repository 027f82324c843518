// What read_csv accepts, and which kind each column gets.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/table.h"

namespace velbo {
namespace {

using test::ScratchFolder;

class ReadCsv : public ::testing::Test {
 protected:
  Table read(std::string_view bytes, const CsvOptions& options = {}) {
    path_ = folder_.file("t.csv", bytes);
    return read_csv(path_, options);
  }
  ScratchFolder folder_;
  std::string path_;
};

// The texts of a column, "-" where missing.
std::vector<std::string> texts(const Column& column) {
  std::vector<std::string> out;
  for (const std::int32_t code : column.codes)
    out.push_back(code < 0 ? "-" : column.levels[static_cast<std::size_t>(code)]);
  return out;
}

using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;

TEST_F(ReadCsv, NumbersAndTexts) {
  const Table table = read("x,who,z\n1,bob,1e-3\n-2.5,ann,+4\n.5,bob,0x\n");
  EXPECT_EQ(table.n_rows(), 3);
  ASSERT_EQ(table.columns().size(), 3U);
  EXPECT_EQ(table.at("x").kind, ColumnKind::number);
  EXPECT_EQ(table.at("x").numbers, (Numbers{1, -2.5, 0.5}));
  EXPECT_EQ(table.at("who").kind, ColumnKind::text);
  EXPECT_EQ(table.at("who").levels, (Texts{"ann", "bob"}));
  EXPECT_EQ(table.at("who").codes, (std::vector<std::int32_t>{1, 0, 1}));
  EXPECT_EQ(table.at("z").kind, ColumnKind::mixed);
  EXPECT_EQ(table.at("z").first_bad_row, 2);
}

TEST_F(ReadCsv, QuotesCommasAndNewlinesInFields) {
  const Table table = read("\"a,b\",c\r\n\"x \"\"y\"\"\",1\r\n\"two\r\nlines\",2\r\n\"\",3\r\nplain,4\r\n");
  EXPECT_EQ(texts(table.at("a,b")), (Texts{"x \"y\"", "two\r\nlines", "-", "plain"}));
  EXPECT_EQ(table.at("c").numbers, (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(table.place(1), path_ + ":3");
  EXPECT_EQ(table.place(2), path_ + ":5");  // after the field of two lines
}

TEST_F(ReadCsv, EveryWayToEndALine) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    for (const std::string& last : {end, std::string()}) {
      const Table table = read("x,y" + end + "1,a" + end + end + "2,b" + last);
      EXPECT_EQ(table.at("x").numbers, (Numbers{1, 2}));
      EXPECT_EQ(texts(table.at("y")), (Texts{"a", "b"}));
      EXPECT_EQ(table.place(0), path_ + ":2");
      EXPECT_EQ(table.place(1), path_ + ":4");
    }
  }
}

TEST_F(ReadCsv, QuotedLastFieldWithoutNewline) {
  EXPECT_EQ(texts(read("x,y\n1,\"a\"").at("y")), Texts{"a"});
  EXPECT_EQ(texts(read("x,y\n1,\"\"").at("x")), Texts{});
  EXPECT_EQ(read("x,y\n1,").n_rows(), 1);
}

TEST_F(ReadCsv, ByteOrderMarkIsSkipped) {
  EXPECT_EQ(read("\xEF\xBB\xBFx,y\n1,2\n").columns()[0].name, "x");
  EXPECT_EQ(read("\xEF\xBB\xBF\"x\",y\n1,2\n").columns()[0].name, "x");
}

TEST_F(ReadCsv, MissingValues) {
  const Table table = read("x,y\nNA,NA\n ,a\nnan,NaN\nnull,\"NA\"\n7,\"\"\nNAN,b\n");
  const Numbers& x = table.at("x").numbers;
  for (const std::size_t i : {0U, 1U, 2U, 3U, 5U}) EXPECT_TRUE(std::isnan(x[i])) << i;
  EXPECT_EQ(x[4], 7);
  EXPECT_EQ(texts(table.at("y")), (Texts{"-", "a", "-", "NA", "-", "b"}));  // a quoted NA is a text
  CsvOptions options;
  options.missing = {"?"};
  EXPECT_EQ(texts(read("x\n?\nNA\n", options).at("x")), (Texts{"-", "NA"}));
}

TEST_F(ReadCsv, ColumnWithoutAnyValueIsANumberColumn) {
  const Table table = read("x,y\nNA,1\n,2\n");
  EXPECT_EQ(table.at("x").kind, ColumnKind::number);
  EXPECT_TRUE(std::isnan(table.at("x").numbers[1]));
}

TEST_F(ReadCsv, FirstValueDecidesBetweenTextAndMixed) {
  const Table table = read("a,b,c\nNA,NA,01\nx,3,1.50\n1,x,1.5\n2,4,y\n");
  EXPECT_EQ(table.at("a").kind, ColumnKind::text);
  EXPECT_EQ(texts(table.at("a")), (Texts{"-", "x", "1", "2"}));
  EXPECT_EQ(table.at("b").kind, ColumnKind::mixed);
  EXPECT_EQ(table.at("b").first_bad_row, 2);
  EXPECT_EQ(texts(table.at("b")), (Texts{"-", "3", "x", "4"}));
  EXPECT_EQ(table.at("b").numbers[3], 4);
  EXPECT_EQ(texts(table.at("c")), (Texts{"01", "1.50", "1.5", "y"}));  // as written, not as numbers
  EXPECT_EQ(table.at("c").levels, (Texts{"01", "1.5", "1.50", "y"}));
}

TEST_F(ReadCsv, InfiniteAndExtremeNumbers) {
  const double inf = std::numeric_limits<double>::infinity();
  const Table table = read("x\nInf\n-inf\n1e999\n-1e999\n1e-999\n4.9e-324\n1.7976931348623157e308\n+inf\n");
  EXPECT_EQ(table.at("x").numbers, (Numbers{inf, -inf, inf, -inf, 0, 5e-324, 1.7976931348623157e308, inf}));
}

TEST_F(ReadCsv, WhatLooksLikeANumberButIsNot) {
  for (const std::string cell : {"1 2", "1,5x", "0x10", "1e", "--1", "+-1", "nan(1)", "1.2.3", "1d5", "e5", "+", "."}) {
    const Table table = read("x;y\n1;0\n" + cell + ";0\n", {.delimiter = ';'});
    EXPECT_EQ(table.at("x").kind, ColumnKind::mixed) << cell;
  }
}

TEST_F(ReadCsv, BlanksAroundCells) {
  const Table table = read(" x ,\ty\n 1 , a b \n");
  EXPECT_EQ(table.at("x").numbers, Numbers{1});
  EXPECT_EQ(texts(table.at("y")), Texts{"a b"});
}

TEST_F(ReadCsv, OtherDelimiters) {
  EXPECT_EQ(read("x\ty\n1\t\n\t2\n", {.delimiter = '\t'}).n_rows(), 2);
  EXPECT_EQ(read("x;y\n1;2\n", {.delimiter = ';'}).at("y").numbers, Numbers{2});
}

// Longer than one block of the reader, with lines and quotes across its ends; twice, for the mixed column.
TEST_F(ReadCsv, LargerThanTheBuffer) {
  constexpr int kRows = 200'000;
  std::string bytes = "i,text,mixed\r\n";
  for (int i = 0; i < kRows; ++i) {
    bytes += std::to_string(i) + (i % 7 == 0 ? ",\"a,\r\nb\"," : ",c,") +
             (i == kRows - 1 ? "x" : std::to_string(i % 3)) + "\r\n";
  }
  const Table table = read(bytes);
  ASSERT_EQ(table.n_rows(), kRows);
  for (int i = 0; i < kRows; ++i) {
    const auto row = static_cast<std::size_t>(i);
    ASSERT_EQ(table.at("i").numbers[row], i);
    ASSERT_EQ(table.at("text").codes[row], i % 7 == 0 ? 0 : 1);
    ASSERT_EQ(table.at("mixed").codes[row], i == kRows - 1 ? 3 : i % 3);
  }
  EXPECT_EQ(table.place(kRows - 1), path_ + ":" + std::to_string(kRows + 1 + (kRows - 2) / 7 + 1));
}

TEST_F(ReadCsv, FromAPipeEvenTwice) {
  const std::string path = folder_.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path) << "x,y\n1,2\n3,z\n"; });
  const Table table = read_csv(path);
  writer.join();
  EXPECT_EQ(table.at("x").numbers, (Numbers{1, 3}));
  EXPECT_EQ(texts(table.at("y")), (Texts{"2", "z"}));
}

}  // namespace
}  // namespace velbo

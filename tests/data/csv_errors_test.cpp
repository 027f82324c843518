// What read_csv refuses, and with which words.
#include <gtest/gtest.h>

#include <string>

#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/table.h"

namespace velbo {
namespace {

using test::error_of;

std::string refusal(std::string_view bytes, const CsvOptions& options = {}) {
  const test::ScratchFolder folder;
  const std::string path = folder.file("t.csv", bytes);
  return error_of([&] { (void)read_csv(path, options); }, path);
}

TEST(ReadCsvErrors, Paths) {
  const test::ScratchFolder folder;
  const auto read = [](const std::string& path) { return error_of([&] { (void)read_csv(path); }, path); };
  EXPECT_EQ(read(folder.file("nowhere.csv")), "file| FILE: cannot be read: No such file or directory");
  EXPECT_EQ(read(folder.path()), "file| FILE: is a directory, expected a file");
  EXPECT_EQ(error_of([] { (void)read_csv(""); }), "file| : cannot be read: No such file or directory");
}

TEST(ReadCsvErrors, EmptyFiles) {
  EXPECT_EQ(refusal(""), "file| FILE: is empty, expected a header line with the columns' names");
  EXPECT_EQ(refusal("\n \n"), "file| FILE: holds blank lines only, expected a header line with the columns' names");
  EXPECT_EQ(refusal("\xEF\xBB\xBF"),
            "file| FILE: holds blank lines only, expected a header line with the columns' names");
  EXPECT_EQ(refusal("x,y\n"), "data| FILE: no rows below the header");
  EXPECT_EQ(refusal("x,y"), "data| FILE: no rows below the header");
}

TEST(ReadCsvErrors, RaggedRows) {
  EXPECT_EQ(refusal("a,b,c,d,e\n1,2,3,4,5\n1,2,3,4\n"), "data| FILE:3: 4 fields, expected 5");
  EXPECT_EQ(refusal("a,b\n1,2\n\n\n1,2,3\n"), "data| FILE:5: 3 fields, expected 2");
  EXPECT_EQ(refusal("a,b\n1\n"), "data| FILE:2: 1 field, expected 2");
  EXPECT_EQ(refusal("a,b\n\"x\ny\",1\n1"), "data| FILE:4: 1 field, expected 2");
}

TEST(ReadCsvErrors, Header) {
  EXPECT_EQ(refusal("a,,c\n1,2,3\n"), "data| FILE:1: column 2 has no name in the header");
  EXPECT_EQ(refusal("a,b,a\n1,2,3\n"), "data| FILE:1: two columns are called \"a\"");
  EXPECT_EQ(refusal("\n\na,a\n1,2\n"), "data| FILE:3: two columns are called \"a\"");
}

TEST(ReadCsvErrors, Quotes) {
  EXPECT_EQ(refusal("a,b\n1,2\n3,\"x\n4,5\n"), "data| FILE:3: a quote that is never closed");
  EXPECT_EQ(refusal("a,b\n\"1\",\"2\n\n\n"), "data| FILE:2: a quote that is never closed");
  EXPECT_EQ(refusal("a,b\n\"1\n2\",\"3\n4"),
            "data| FILE:3: a quote that is never closed");  // the second quote, not the first
  EXPECT_EQ(refusal("\"a,b\n1,2\n"), "data| FILE:1: a quote that is never closed");
  EXPECT_EQ(refusal("a,b\n1,x\"y\n"), "data| FILE:2: a quote inside a field; quote the whole field and double it");
  EXPECT_EQ(refusal("a,b\n1,\"x\"y\n"), "data| FILE:2: a quote inside a field; quote the whole field and double it");
}

TEST(ReadCsvErrors, BytesThatAreNoText) {
  EXPECT_EQ(refusal(std::string("a,b\n1,2\n3,\0004\n", 14)), "data| FILE:3: a NUL byte, expected text");
  EXPECT_EQ(refusal(std::string("a,b\n1,\"x\n\0\"", 12)), "data| FILE:3: a NUL byte, expected text");
  EXPECT_EQ(refusal(std::string("\xFF\xFE"
                                "a\0,\0b\0\n\0",
                                10)),
            "data| FILE:1: UTF-16 text, expected UTF-8");
}

TEST(ReadCsvErrors, Options) {
  EXPECT_EQ(refusal("a\n1\n", {.delimiter = '"'}),
            "argument| a quote, an end of line or NUL cannot separate the columns of a table");
}

}  // namespace
}  // namespace velbo

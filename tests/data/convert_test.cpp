// From one kind of file to another and back.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/data.h"
#include "velbo/table.h"

namespace velbo {
namespace {

using test::error_of;
using test::read_bytes;
using test::ScratchFolder;
using Numbers = std::vector<double>;

// No number here is short in decimal; the last column of the first row is zero, and there is a row of zeros.
const Numbers kValues = {1,      1.0 / 3, -2.5e-11, 0,  //
                         -1,     0,       0,        0,  //
                         5e-324, 1.7e308, 0,        std::nextafter(1.0, 2.0)};

class Convert : public ::testing::Test {
 protected:
  std::string refusal(const std::string& in, const std::string& out, const ConvertOptions& options = {}) {
    const std::size_t files = folder_.n_files();
    std::string text = error_of([&] { convert_data(in, folder_.file(out), options); }, folder_.path() + "/");
    EXPECT_EQ(folder_.n_files(), files) << "something was left behind";
    for (std::size_t at = 0; (at = text.find("FILE", at)) != std::string::npos;) text.erase(at, 4);
    return text;
  }

  ScratchFolder folder_;
};

TEST_F(Convert, EveryWayAndBackGivesTheSameNumbers) {
  const auto path = [&](const std::string& name) { return folder_.file(name); };
  write_npy(path("a.npy"), kValues, 3, 4);
  const std::vector<std::string> kinds = {"npy", "csv", "libsvm", "svm"};
  convert_data(path("a.npy"), path("a.csv"));
  convert_data(path("a.npy"), path("a.libsvm"));
  convert_data(path("a.npy"), path("a.svm"));
  for (const std::string& from : kinds)
    for (const std::string& to : kinds) {
      if (from == to || (from.ends_with("svm") && to.ends_with("svm"))) continue;
      SCOPED_TRACE(from + " to " + to);
      convert_data(path("a." + from), path("b." + to));
      if (to == "npy") {
        EXPECT_EQ(read_bytes(path("b.npy")), read_bytes(path("a.npy")));
        continue;
      }
      convert_data(path("b." + to), path("c.npy"));
      EXPECT_EQ(read_bytes(path("c.npy")), read_bytes(path("a.npy")));
    }
  EXPECT_EQ(read_bytes(path("a.libsvm")),
            "1 1:0.3333333333333333 2:-2.5e-11 3:0\n-1\n5e-324 1:1.7e+308 3:1.0000000000000002\n");
  EXPECT_EQ(read_bytes(path("a.csv")).substr(0, 12), "x1,x2,x3,x4\n");
  convert_data(path("a.libsvm"), path("d.csv"));
  EXPECT_EQ(read_bytes(path("d.csv")).substr(0, 11), "y,x1,x2,x3\n");
}

TEST_F(Convert, NamesMissingValuesAndTabs) {
  const std::string csv = folder_.file("a.csv", "\"a,b\",\"c \"\"d\"\"\",e\r\n1,NA,inf\r\n,-0.5,3\r\n");
  convert_data(csv, folder_.file("a.npy"));
  const NpyArray array = read_npy(folder_.file("a.npy"));
  ASSERT_EQ(array.n_rows, 2);
  ASSERT_EQ(array.n_columns, 3);
  EXPECT_EQ(array.values[0], 1);
  EXPECT_TRUE(std::isnan(array.values[1]));
  EXPECT_EQ(array.values[2], HUGE_VAL);
  EXPECT_TRUE(std::isnan(array.values[3]));
  EXPECT_EQ(array.values[4], -0.5);
  convert_data(folder_.file("a.npy"), folder_.file("b.csv"));
  EXPECT_EQ(read_bytes(folder_.file("b.csv")), "x1,x2,x3\n1,,inf\n,-0.5,3\n");
  const std::string tsv = folder_.file("a.tsv", "\"a,b\"\tc\n1\t2\n");
  convert_data(tsv, folder_.file("c.csv"));
  EXPECT_EQ(read_bytes(folder_.file("c.csv")), "\"a,b\",c\n1,2\n");
  EXPECT_EQ(read_csv(folder_.file("c.csv")).columns()[0].name, "a,b");
}

// A blank line of a table is no row, so one column's missing value needs a word.
TEST_F(Convert, OneColumnKeepsItsMissingRows) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  write_npy(folder_.file("a.npy"), Numbers{1, nan, 3}, 3, 1);
  convert_data(folder_.file("a.npy"), folder_.file("a.csv"));
  convert_data(folder_.file("a.csv"), folder_.file("b.npy"));
  EXPECT_EQ(read_bytes(folder_.file("b.npy")), read_bytes(folder_.file("a.npy")));
}

TEST_F(Convert, Float32) {
  write_npy(folder_.file("a.npy"), Numbers{0, 1, 2, 100, 50, 7}, 2, 3);
  convert_data(folder_.file("a.npy"), folder_.file("b.npy"), {.float32 = true});
  EXPECT_EQ(read_bytes(folder_.file("b.npy")),
            read_bytes(std::string(VELBO_TEST_DATA_DIR) + "/npy/two_by_three_f4.npy"));
  convert_data(folder_.file("b.npy"), folder_.file("c.npy"));
  EXPECT_EQ(read_bytes(folder_.file("c.npy")), read_bytes(folder_.file("a.npy")));
  const std::string large = folder_.file("large.csv", "a,b\n1,1e39\n");
  EXPECT_EQ(refusal(large, "d.npy", {.float32 = true}),
            "data| d.npy: the value of row 0, column 1 is 1e+39, too large for float32");
}

TEST_F(Convert, AnyColumnCanBeTheLabel) {
  const std::string csv = folder_.file("a.csv", "a,y,b\n1,2,3\n0,5,0\n");
  convert_data(csv, folder_.file("a.libsvm"), {.target = "y"});
  EXPECT_EQ(read_bytes(folder_.file("a.libsvm")), "2 1:1 2:3\n5\n");
  convert_data(csv, folder_.file("b.libsvm"), {.target = "b"});
  EXPECT_EQ(read_bytes(folder_.file("b.libsvm")), "3 1:1 2:2\n0 2:5\n");
  write_npy(folder_.file("a.npy"), Numbers{1, 2, 3, 0, 5, 0}, 2, 3);
  convert_data(folder_.file("a.npy"), folder_.file("c.libsvm"), {.target = "x2"});
  EXPECT_EQ(read_bytes(folder_.file("c.libsvm")), read_bytes(folder_.file("a.libsvm")));
}

TEST_F(Convert, Mistakes) {
  const std::string csv = folder_.file("a.csv", "a,y\n1,2\n"), npy = folder_.file("a.npy");
  const std::string libsvm = folder_.file("a.libsvm", "1 1:2\n");
  write_npy(npy, Numbers{1, 2}, 1, 2);
  const std::string kinds = ": its kind is told by its extension: .csv, .npy, .libsvm or .svm";
  EXPECT_EQ(refusal(csv, "b.txt"), "argument| b.txt" + kinds);
  EXPECT_EQ(refusal(csv, "b.tsv"), "argument| b.tsv" + kinds);
  EXPECT_EQ(refusal(folder_.file("a.txt", "x"), "b.npy"),
            "argument| a.txt: its kind is told by its extension: .csv, .tsv, .npy, .libsvm or .svm");
  EXPECT_EQ(refusal(csv, "b.csv"), "argument| a.csv and b.csv are of the same kind: there is nothing to convert");
  EXPECT_EQ(refusal(libsvm, "b.svm"), "argument| a.libsvm and b.svm are of the same kind: there is nothing to convert");
  EXPECT_EQ(refusal(csv, "b.npy", {.target = "y"}),
            "argument| a target is named, but only a LIBSVM file has a label: b.npy");
  EXPECT_EQ(refusal(csv, "b.svm", {.float32 = true}), "argument| float32 is for .npy files, but the output is b.svm");
  EXPECT_EQ(refusal(csv, "b.svm", {.target = "z"}), "argument| a.csv: no column \"z\"; columns are a, y");
  EXPECT_EQ(refusal(npy, "b.svm", {.target = "x3"}),
            "argument| a.npy: no column \"x3\"; did you mean \"x1\"? columns are x1, x2");
  EXPECT_EQ(refusal(folder_.file("nowhere.csv"), "b.npy"),
            "file| nowhere.csv: cannot be read: No such file or directory");
  EXPECT_EQ(refusal(csv, "no/b.npy"), "file| no/b.npy: cannot be written: No such file or directory");
  for (const char* out : {"b.npy", "b.libsvm"}) {
    const std::string text = folder_.file("text.csv", "a,g\n1,2\n3,red\n");
    EXPECT_EQ(refusal(text, out), "data| text.csv:3: column \"g\" is \"red\", expected a number") << out;
    EXPECT_EQ(refusal(folder_.file("ragged.csv", "a,g\n1,2\n3\n"), out), "data| ragged.csv:3: 1 field, expected 2");
  }
  EXPECT_EQ(refusal(folder_.file("nan.csv", "a,g\n1,2\n,7\n"), "b.svm"),
            "data| nan.csv:3: column \"a\" is nan, expected a finite number for a LIBSVM file");
  write_npy(npy, Numbers{1, 2, 3, HUGE_VAL}, 2, 2);
  EXPECT_EQ(refusal(npy, "b.svm"),
            "data| a.npy: row 1: column \"x2\" is inf, expected a finite number for a LIBSVM file");
  EXPECT_EQ(refusal(folder_.file("bad.libsvm", "1 2:1 1:1\n"), "b.csv"),
            "data| bad.libsvm:1: feature 1 after feature 2, expected ids increasing");
  EXPECT_EQ(refusal(folder_.file("empty.csv", "a\n"), "b.npy"), "data| empty.csv: no rows below the header");
}

TEST_F(Convert, AnExistingFileStaysWhereTheConversionFails) {
  const std::string out = folder_.file("out.npy", "as it was");
  const std::string csv = folder_.file("a.csv", "a\n1\nx\n");
  EXPECT_EQ(refusal(csv, "out.npy"), "data| a.csv:3: column \"a\" is \"x\", expected a number");
  EXPECT_EQ(read_bytes(out), "as it was");
}

TEST_F(Convert, RealFilesComeBackTheSame) {
  for (const char* name : {"a9a", "mushrooms"}) {
    const std::string path = std::string(VELBO_SHARED_DATA_DIR) + "/classification/" + name + ".libsvm";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
    convert_data(path, folder_.file("a.npy"));
    convert_data(folder_.file("a.npy"), folder_.file("a.csv"));
    convert_data(folder_.file("a.csv"), folder_.file("b.libsvm"));
    convert_data(folder_.file("b.libsvm"), folder_.file("b.npy"));
    EXPECT_TRUE(read_bytes(folder_.file("a.npy")) == read_bytes(folder_.file("b.npy"))) << name;
    const LibsvmData first = read_libsvm(path), again = read_libsvm(folder_.file("b.libsvm"));
    EXPECT_EQ(first.y, again.y);
    EXPECT_EQ(first.x.n_columns(), again.x.n_columns());
  }
}

}  // namespace
}  // namespace velbo

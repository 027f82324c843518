// Text in LIBSVM's format.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "data/feature_store.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/data.h"

namespace velbo {
namespace {

using test::error_of;
using test::ScratchFolder;
using Numbers = std::vector<double>;

LibsvmData read(std::string_view text, std::int64_t n_columns = 0) {
  const ScratchFolder folder;
  return read_libsvm(folder.file("a.libsvm", text), n_columns);
}

std::string refusal(std::string_view text, std::int64_t n_columns = 0) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.libsvm", text);
  return error_of([&] { (void)read_libsvm(path, n_columns); }, path);
}

Numbers row_of(const FeatureMatrix& x, std::int64_t n) {
  Numbers row(static_cast<std::size_t>(x.n_columns()));
  x.row(n, row);
  return row;
}

TEST(ReadLibsvm, RowsOfEveryForm) {
  const LibsvmData data = read(
      "\xEF\xBB\xBF+1 1:0.5 3:-2e3 # a comment with 7:8\r\n"
      "\n"
      "# only a comment\n"
      "-1\n"
      "  0.25\t2:+1  \t\n"
      "2 1:0 2:1 4:0");
  EXPECT_EQ(data.y, (Numbers{1, -1, 0.25, 2}));
  EXPECT_TRUE(data.x.is_sparse());
  ASSERT_EQ(data.x.n_rows(), 4);
  ASSERT_EQ(data.x.n_columns(), 4) << "an explicit zero counts";
  EXPECT_EQ(row_of(data.x, 0), (Numbers{0.5, 0, -2000, 0}));
  EXPECT_EQ(row_of(data.x, 1), (Numbers{0, 0, 0, 0}));
  EXPECT_EQ(row_of(data.x, 2), (Numbers{0, 1, 0, 0}));
  EXPECT_EQ(row_of(data.x, 3), (Numbers{0, 1, 0, 0}));
  EXPECT_EQ(data.x.store().row_start[4], 4) << "zeros are not stored";
}

TEST(ReadLibsvm, NumberOfColumns) {
  EXPECT_EQ(read("1 2:1\n", 7).x.n_columns(), 7);
  EXPECT_EQ(read("1\n").x.n_columns(), 0);
  EXPECT_EQ(read("1 2147483647:1\n").x.n_columns(), 2147483647) << "memory goes with the values";
  EXPECT_EQ(refusal("1 1:1\n1 3:1\n", 2), "data| FILE:2: feature 3, expected at most 2");
  EXPECT_EQ(refusal("1 1:1\n", -1), "argument| n_columns is -1, expected 0 (as many as the file has) to 2147483647");
}

TEST(ReadLibsvm, Mistakes) {
  EXPECT_EQ(refusal(""), "file| FILE: is empty, expected lines `label id:value ...` (LIBSVM)");
  EXPECT_EQ(refusal("\n# x\n \n"), "file| FILE: holds no rows, expected lines `label id:value ...` (LIBSVM)");
  EXPECT_EQ(refusal("1 1:1\n1:1 2:2\n"), "data| FILE:2: the label is \"1:1\", expected a number");
  EXPECT_EQ(refusal("a,b\n"),
            "data| FILE:1: the label is \"a,b\", expected a number (rows of several labels cannot be used)");
  EXPECT_EQ(refusal("nan 1:1\n"), "data| FILE:1: the label is \"nan\", expected a number");
  EXPECT_EQ(refusal("1e999 1:1\n"), "data| FILE:1: the label is \"1e999\", expected a number");
  EXPECT_EQ(refusal("1 1:1\n\n# c\n2 qid:3 1:1\n"), "data| FILE:4: has \"qid:3\": ranking data (qid) cannot be used");
  EXPECT_EQ(refusal("1 0:1\n"), "data| FILE:1: feature 0, but ids count from 1");
  EXPECT_EQ(refusal("1 -3:1\n"), "data| FILE:1: feature -3, but ids count from 1");
  EXPECT_EQ(refusal("1 2:1 2:1\n"), "data| FILE:1: feature 2 after feature 2, expected ids increasing");
  EXPECT_EQ(refusal("1 2:1 1:1\n"), "data| FILE:1: feature 1 after feature 2, expected ids increasing");
  for (const std::string word : {"5", ":", ":1", "x:1", "1.5:1", "1=2", "+1:2"})
    EXPECT_EQ(refusal("1 " + word + "\n"), "data| FILE:1: \"" + word + "\", expected id:value");
  EXPECT_EQ(refusal("1 1:\n"), "data| FILE:1: feature 1 is \"\", expected a finite number");
  for (const std::string value : {"x", "nan", "inf", "1e999", "1:2", "1,5", "--1"})
    EXPECT_EQ(refusal("1 1:1\n1 7:" + value + "\n"),
              "data| FILE:2: feature 7 is \"" + value + "\", expected a finite number");
  const std::string most = " is beyond the largest id, 2147483647";
  EXPECT_EQ(refusal("1 2147483648:1\n"), "data| FILE:1: feature 2147483648" + most);
  EXPECT_EQ(refusal("1 99999999999999999999:1\n"), "data| FILE:1: feature 99999999999999999999" + most);
  EXPECT_EQ(error_of([] { (void)read_libsvm("/nowhere/a.svm"); }),
            "file| /nowhere/a.svm: cannot be read: No such file or directory");
}

// Line by line with streams, into maps.
struct Plain {
  Numbers y;
  std::vector<std::map<int, double>> rows;
};

Plain read_plainly(const std::string& path) {
  Plain out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    double label = 0;
    words >> label;
    out.y.push_back(label);
    out.rows.emplace_back();
    for (std::string word; words >> word;) {
      const std::size_t colon = word.find(':');
      out.rows.back()[std::stoi(word.substr(0, colon)) - 1] = std::stod(word.substr(colon + 1));
    }
  }
  return out;
}

class RealLibsvm : public ::testing::TestWithParam<const char*> {};

TEST_P(RealLibsvm, IsWhatAPlainReaderSees) {
  const std::string path = std::string(VELBO_SHARED_DATA_DIR) + "/classification/" + GetParam() + ".libsvm";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
  const LibsvmData data = read_libsvm(path);
  const Plain plain = read_plainly(path);
  ASSERT_GT(plain.y.size(), 8000U);
  EXPECT_EQ(data.y, plain.y);
  ASSERT_EQ(data.x.n_rows(), static_cast<std::int64_t>(plain.y.size()));
  int widest = 0;
  std::size_t k = 0;
  const internal::FeatureStore& store = data.x.store();
  for (std::size_t n = 0; n < plain.rows.size(); ++n) {
    ASSERT_EQ(store.row_start[n + 1] - store.row_start[n], static_cast<std::int64_t>(plain.rows[n].size()));
    for (const auto& [column, value] : plain.rows[n]) {
      ASSERT_EQ(store.column[k], column);
      ASSERT_EQ(store.value[k], value);
      widest = std::max(widest, column + 1);
      ++k;
    }
  }
  EXPECT_EQ(data.x.n_columns(), widest);
}

INSTANTIATE_TEST_SUITE_P(Shared, RealLibsvm, ::testing::Values("a9a", "mushrooms"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace velbo

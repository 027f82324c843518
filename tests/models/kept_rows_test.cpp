// Subsamples of rows that lie in a large mapped file.
#include "models/kept_rows.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>

#include "support/scratch.h"

namespace velbo::internal {
namespace {

// A gigabyte and a little, nearly all of it holes that no disk holds.
constexpr std::int64_t kColumns = 1024, kRows = (std::int64_t{1} << 30) / (4 * kColumns) + 1000;

std::string header() {
  std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(kRows) + ", " +
                           std::to_string(kColumns) + "), }";
  dictionary.append(128 - 10 - dictionary.size() - 1, ' ');
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + dictionary + "\n";
}

TEST(KeptRows, SubsamplesOfALargeMappedFileAreCopied) {
  const test::ScratchFolder folder;
  const std::string path = folder.file("x.npy", header());
  std::filesystem::resize_file(path, 128 + static_cast<std::uintmax_t>(kRows * kColumns * 4));
  GlmData data;
  data.x = FeatureMatrix::map_npy(path);
  data.n_rows = kRows;
  data.n_columns = kColumns;
  data.recipe.has_intercept = false;
  data.recipe.likelihood = Likelihood::gaussian;
  data.y.resize(static_cast<std::size_t>(kRows));
  std::iota(data.y.begin(), data.y.end(), 0);  // each row's number
  data.weights = data.y;
  const KeptRows<double> all(data, Context(), Centring(std::vector<double>(kColumns, 0.0), false));
  EXPECT_EQ(all.rows().x, data.x.store().x);
  const Key key = make_key(3, Purpose::test);
  constexpr std::int64_t wanted = 50;
  {
    // What a copy of the chosen rows has to hold, at their ends.
    const KeptRows<double> chosen = all.subsample(wanted, key);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (std::int64_t i = 0; i < wanted; ++i) {
      const auto row = static_cast<std::int64_t>(chosen.rows().y[i]);
      for (const std::int64_t column : {std::int64_t{0}, kColumns - 1}) {
        const auto value = static_cast<float>(row + column);
        file.seekp(128 + 4 * (row * kColumns + column));
        file.write(reinterpret_cast<const char*>(&value), sizeof value);
      }
    }
    ASSERT_TRUE(file.good());
  }
  const KeptRows<double> sample = all.subsample(wanted, key);
  const Rows<double> rows = sample.rows();
  EXPECT_EQ(rows.n_rows, wanted);
  EXPECT_EQ(rows.index, nullptr);
  EXPECT_NE(rows.x, data.x.store().x);
  EXPECT_DOUBLE_EQ(rows.scale, static_cast<double>(kRows) / wanted);
  const float* const x = static_cast<const float*>(rows.x);
  for (std::int64_t i = 0; i < wanted; ++i) {
    const double row = rows.y[i];
    EXPECT_GE(row, static_cast<double>(kRows * i / wanted));
    EXPECT_LT(row, static_cast<double>(kRows * (i + 1) / wanted));
    EXPECT_EQ(rows.weights[i], row);
    EXPECT_EQ(x[i * rows.stride], static_cast<float>(row));
    EXPECT_EQ(x[i * rows.stride + 1], 0);
    EXPECT_EQ(x[i * rows.stride + kColumns - 1], static_cast<float>(row + kColumns - 1));
  }
  // Too many to copy: read where they are.
  const Rows<double> many = all.subsample(kRows / 2, key).rows();
  EXPECT_EQ(many.x, data.x.store().x);
}

}  // namespace
}  // namespace velbo::internal

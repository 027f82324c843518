// Matrices of predictors in mapped files and sparse ones.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "data/feature_store.h"
#include "data/mapped_file.h"
#include "data/npy_writer.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/data.h"
#include "velbo/table.h"

namespace velbo {
namespace {

using internal::Element;
using test::error_of;
using test::ScratchFolder;
using Numbers = std::vector<double>;

const std::string kFolder = std::string(VELBO_TEST_DATA_DIR) + "/npy/";

Numbers all_of(const FeatureMatrix& x) {
  Numbers out;
  Numbers row(static_cast<std::size_t>(x.n_columns()));
  for (std::int64_t n = 0; n < x.n_rows(); ++n) {
    x.row(n, row);
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

std::string refusal_of_file(const std::string& path) {
  return error_of([&] { (void)FeatureMatrix::map_npy(path); }, path);
}

TEST(MapNpy, FloatsAreUsedWhereTheyLie) {
  for (const std::string type : {"f4", "f8"}) {
    const FeatureMatrix x = FeatureMatrix::map_npy(kFolder + "two_by_three_" + type + ".npy");
    EXPECT_TRUE(x.store().is_mapped) << type;
    EXPECT_EQ(x.store().element, type == "f4" ? Element::float32 : Element::float64);
    EXPECT_EQ(x.n_rows(), 2);
    EXPECT_EQ(x.n_columns(), 3);
    EXPECT_FALSE(x.is_sparse());
    EXPECT_EQ(all_of(x), (Numbers{0, 1, 2, 100, 50, 7})) << type;
  }
  const FeatureMatrix vector = FeatureMatrix::map_npy(kFolder + "vector.npy");
  EXPECT_TRUE(vector.store().is_mapped);
  EXPECT_EQ(vector.n_rows(), 4);
  EXPECT_EQ(vector.n_columns(), 1);
}

TEST(MapNpy, OtherTypesAndOrdersAreRead) {
  for (const std::string type : {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}) {
    const FeatureMatrix x = FeatureMatrix::map_npy(kFolder + "two_by_three_" + type + ".npy");
    EXPECT_FALSE(x.store().is_mapped) << type;
    EXPECT_EQ(all_of(x), (Numbers{0, 1, 2, 100, 50, 7})) << type;
  }
  const FeatureMatrix fortran = FeatureMatrix::map_npy(kFolder + "two_by_three_fortran.npy");
  EXPECT_FALSE(fortran.store().is_mapped);
  EXPECT_EQ(all_of(fortran), (Numbers{0, 1. / 7, 2. / 7, 100. / 7, 50. / 7, 1}));
  const FeatureMatrix none = FeatureMatrix::map_npy(kFolder + "no_rows.npy");
  EXPECT_EQ(none.n_rows(), 0);
  EXPECT_EQ(none.n_columns(), 3);
}

// Old versions of NumPy padded headers to 16 bytes, and others write none: data may lie anywhere.
TEST(MapNpy, DataThatAreNotAlignedAreRead) {
  const ScratchFolder folder;
  for (std::size_t pad = 0; pad < 9; ++pad) {
    const std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2)}" + std::string(pad, ' ');
    std::string bytes = std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header;
    const Numbers values = {1.5, -2.5};
    bytes.append(reinterpret_cast<const char*>(values.data()), 16);
    const FeatureMatrix x = FeatureMatrix::map_npy(folder.file("a.npy", bytes));
    EXPECT_EQ(all_of(x), values);
    EXPECT_EQ(x.store().is_mapped, (10 + header.size()) % 8 == 0);
  }
}

TEST(MapNpy, SaysWhatReadNpySays) {
  const ScratchFolder folder;
  std::vector<std::string> paths = {"/nowhere/a.npy", kFolder, folder.file("empty.npy", "")};
  for (const char* name : {"big_endian", "objects", "text", "half", "records", "complex", "scalar", "cube"})
    paths.push_back(kFolder + name + ".npy");
  const std::string whole = test::read_bytes(kFolder + "two_by_three_f8.npy");
  for (std::size_t n = 1; n < whole.size(); n += 3)
    paths.push_back(folder.file("cut" + std::to_string(n) + ".npy", whole.substr(0, n)));
  paths.push_back(folder.file("long.npy", whole + "x"));
  for (const std::string& path : paths) {
    const std::string text = refusal_of_file(path);
    EXPECT_NE(text, "nothing") << path;
    EXPECT_EQ(text, error_of([&] { (void)read_npy(path); }, path));
  }
  EXPECT_EQ(refusal_of_file(folder.file("cut.npy", whole.substr(0, whole.size() - 1))),
            "file| FILE: is cut off: it holds 47 bytes of data, expected 48");
}

TEST(MapNpy, IntegersThatDoNotFitIntoMemoryAreRefusedBeforeReading) {
  const ScratchFolder folder;
  const std::string header = "{'descr': '<i4', 'fortran_order': False, 'shape': (1000000000, 1000), }     \n";
  const std::string path =
      folder.file("a.npy", std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header);
  const std::string text = refusal_of_file(path);
  EXPECT_TRUE(
      text.starts_with("file| FILE: is in Fortran order or not of float32 or float64, so it must be read into "
                       "memory, which takes 8000.0 GB of "))
      << text;
}

TEST(MapNpy, AFileThatChangesIsNoticed) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.npy");
  write_npy(path, Numbers(2000, 1.0), 1000, 2);
  const FeatureMatrix x = FeatureMatrix::map_npy(path);
  ASSERT_NE(x.store().file, nullptr);
  EXPECT_NO_THROW(x.store().file->check_unchanged());
  std::filesystem::resize_file(path, 16000);  // the rest of its last page reads as zeros from now on
  EXPECT_EQ(error_of([&] { x.store().file->check_unchanged(); }, path),
            "file| FILE: changed while it was used: it has 16000 bytes now and had 16128");
  std::filesystem::resize_file(path, 16128);
  EXPECT_EQ(error_of([&] { x.store().file->check_unchanged(); }, path), "file| FILE: was written to while it was used");
}

// What replaces a file by renaming (as velbo does) leaves what was mapped as it is.
TEST(MapNpy, AReplacedFileStays) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.npy");
  write_npy(path, Numbers{1, 2}, 1, 2);
  const FeatureMatrix x = FeatureMatrix::map_npy(path);
  write_npy(path, Numbers{3, 4, 5, 6}, 2, 2);
  EXPECT_EQ(all_of(x), (Numbers{1, 2}));
  EXPECT_NO_THROW(x.store().file->check_unchanged());
}

TEST(NpyWriter, Float32) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.npy");
  internal::NpyWriter file(path, 2, 3, true);
  file.write(Numbers{0, 1, 2});
  EXPECT_FALSE(std::filesystem::exists(path));
  file.write(Numbers{100, 50, 7});
  file.finish();
  EXPECT_EQ(test::read_bytes(path), test::read_bytes(kFolder + "two_by_three_f4.npy"));
  internal::NpyWriter large(path, 2, 2, true);
  large.write(Numbers{1, HUGE_VAL});
  EXPECT_EQ(error_of(
                [&] {
                  large.write(Numbers{1, -1e300});
                },
                path),
            "data| FILE: the value of row 1, column 1 is -1e+300, too large for float32");
  EXPECT_EQ(error_of([&] { large.finish(); }, path).substr(0, 8), "internal");
}

TEST(SparseMatrix, Rows) {
  const FeatureMatrix x = FeatureMatrix::sparse(4, {0, 2, 2, 5}, {1, 3, 0, 1, 2}, {5, -6, 7, 8, 9});
  EXPECT_TRUE(x.is_sparse());
  EXPECT_EQ(x.n_rows(), 3);
  EXPECT_EQ(x.n_columns(), 4);
  EXPECT_EQ(all_of(x), (Numbers{0, 5, 0, -6, 0, 0, 0, 0, 7, 8, 9, 0}));
  const Numbers b = {1, 10, 100, 1000};
  EXPECT_EQ(internal::dot_row(x.store(), 0, b.data(), 0.5), 50 - 6000 + 0.5);
  EXPECT_EQ(internal::dot_row(x.store(), 1, b.data()), 0);
  EXPECT_EQ(internal::dot_row(x.store(), 2, b.data()), 987);
  EXPECT_EQ(FeatureMatrix::sparse(0, {0}, {}, {}).n_rows(), 0);
}

TEST(SparseMatrix, Refusals) {
  const auto refusal = [](std::vector<std::int64_t> start, std::vector<std::int32_t> column, Numbers value) {
    return error_of([&] { (void)FeatureMatrix::sparse(3, start, column, value); });
  };
  EXPECT_EQ(refusal({0, 2}, {0, 2}, {1, 2}), "nothing");
  for (const auto& start : std::vector<std::vector<std::int64_t>>{{}, {1, 2}, {0, 1}, {0, 3}})
    EXPECT_TRUE(refusal(start, {0, 2}, {1, 2}).starts_with("shape| sparse x of 3 columns has 2 values"));
  EXPECT_TRUE(refusal({0, 2}, {0}, {1, 2}).starts_with("shape| sparse x of 3 columns has 2 values, 1 columns"));
  EXPECT_EQ(refusal({0, 2, 1, 2}, {0, 2}, {1, 2}), "shape| sparse x: row 1 is from 2 to 1 of 2 values");
  EXPECT_EQ(refusal({0, 5, 2}, {0, 2}, {1, 2}), "shape| sparse x: row 0 is from 0 to 5 of 2 values");
  const std::string expected = ", expected them increasing and below 3";
  EXPECT_EQ(refusal({0, 0, 2}, {1, 1}, {1, 2}), "shape| sparse x: row 1 has column 1 after 1" + expected);
  EXPECT_EQ(refusal({0, 2}, {2, 1}, {1, 2}), "shape| sparse x: row 0 has column 1 after 2" + expected);
  EXPECT_EQ(refusal({0, 2}, {1, 3}, {1, 2}), "shape| sparse x: row 0 has column 3 after 1" + expected);
  EXPECT_EQ(refusal({0, 2}, {-1, 2}, {1, 2}), "shape| sparse x: row 0 has column -1 after -1" + expected);
  EXPECT_EQ(refusal({0, 1, 2}, {0, 2}, {1, std::nan("")}), "data| x[1, 2] is nan, expected a finite number");
  EXPECT_EQ(refusal({0, 2}, {0, 2}, {-HUGE_VAL, 1}), "data| x[0, 0] is -inf, expected a finite number");
}

}  // namespace
}  // namespace velbo

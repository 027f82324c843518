// .npy files: those of tests/data/npy are NumPy's own (make_arrays.py).
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/table.h"

namespace velbo {
namespace {

using test::error_of;
using test::ScratchFolder;
using Numbers = std::vector<double>;

const std::string kFolder = std::string(VELBO_TEST_DATA_DIR) + "/npy/";

std::string refusal_of_file(const std::string& path) {
  return error_of([&] { (void)read_npy(path); }, path);
}

std::string refusal(std::string_view bytes) {
  const ScratchFolder folder;
  return refusal_of_file(folder.file("a.npy", bytes));
}

// A file of format 1.0 with this header.
std::string file_with(const std::string& header, std::size_t n_data = 0) {
  std::string bytes = "\x93NUMPY";
  bytes += '\x01';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xFFU);
  bytes += static_cast<char>(header.size() >> 8U);
  return bytes + header + std::string(n_data, '\0');
}

TEST(ReadNpy, EveryTypeOfNumPy) {
  for (const std::string type : {"f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}) {
    const NpyArray array = read_npy(kFolder + "two_by_three_" + type + ".npy");
    EXPECT_EQ(array.n_rows, 2) << type;
    EXPECT_EQ(array.n_columns, 3) << type;
    EXPECT_EQ(array.n_dimensions, 2) << type;
    EXPECT_EQ(array.values, (Numbers{0, 1, 2, 100, 50, 7})) << type;
  }
  EXPECT_EQ(read_npy(kFolder + "two_by_three_bool.npy").values, (Numbers{0, 0, 1, 1, 1, 1}));
}

TEST(ReadNpy, OrdersVersionsAndShapes) {
  EXPECT_EQ(read_npy(kFolder + "two_by_three_fortran.npy").values, (Numbers{0, 1. / 7, 2. / 7, 100. / 7, 50. / 7, 1}));
  EXPECT_EQ(read_npy(kFolder + "version_2.npy").values, (Numbers{0, 1, 2, 100, 50, 7}));
  EXPECT_EQ(read_npy(kFolder + "version_3.npy").values, (Numbers{0, 1, 2, 100, 50, 7}));
  const NpyArray vector = read_npy(kFolder + "vector.npy");
  EXPECT_EQ(vector.n_dimensions, 1);
  EXPECT_EQ(vector.n_rows, 4);
  EXPECT_EQ(vector.n_columns, 1);
  EXPECT_EQ(vector.values[1], -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(vector.values[2]));
  EXPECT_EQ(vector.values[3], 5e-324);
  const NpyArray none = read_npy(kFolder + "no_rows.npy");
  EXPECT_EQ(none.n_rows, 0);
  EXPECT_EQ(none.n_columns, 3);
}

TEST(ReadNpy, WhatIsNotAnArrayOfNumbers) {
  EXPECT_EQ(refusal_of_file(kFolder + "big_endian.npy"),
            "file| FILE: its type is \">f8\": big-endian, expected little-endian (numpy: "
            "a.astype(a.dtype.newbyteorder('<')))");
  EXPECT_EQ(refusal_of_file(kFolder + "objects.npy"),
            "file| FILE: its type is \"|O\": Python objects, expected numbers");
  EXPECT_EQ(refusal_of_file(kFolder + "text.npy"), "file| FILE: its type is \"<U2\": text, expected numbers");
  EXPECT_EQ(refusal_of_file(kFolder + "half.npy"),
            "file| FILE: its type is \"<f2\", expected float32, float64, an integer or bool");
  EXPECT_EQ(refusal_of_file(kFolder + "records.npy"), "file| FILE: is an array of records, expected numbers");
  EXPECT_EQ(refusal_of_file(kFolder + "complex.npy"),
            "file| FILE: its type is \"<c16\": complex numbers, expected real ones");
  EXPECT_EQ(refusal_of_file(kFolder + "archive.npz"),
            "file| FILE: is a .npz archive, expected one array (numpy.save writes one)");
}

TEST(ReadNpy, WrongNumberOfDimensions) {
  EXPECT_EQ(refusal_of_file(kFolder + "scalar.npy"), "shape| FILE: has 0 dimensions, expected 1 or 2");
  EXPECT_EQ(refusal_of_file(kFolder + "cube.npy"), "shape| FILE: has 3 dimensions, expected 1 or 2");
}

TEST(ReadNpy, Paths) {
  EXPECT_EQ(refusal_of_file("/nowhere/a.npy"), "file| FILE: cannot be read: No such file or directory");
  EXPECT_EQ(refusal_of_file(kFolder), "file| FILE: is a directory, expected a file");
  EXPECT_EQ(refusal(""), "file| FILE: is empty, expected a .npy array");
  EXPECT_EQ(refusal("x,y\n1,2\n"), "file| FILE: is not a .npy array: it begins with \"x,y\\n1,2\\n\"");
}

TEST(ReadNpy, EveryCutOffFileIsRefused) {
  const std::string whole = test::read_bytes(kFolder + "two_by_three_f8.npy");
  for (std::size_t n = 1; n < whole.size(); ++n) {
    const std::string text = refusal(std::string_view(whole).substr(0, n));
    EXPECT_TRUE(text.starts_with("file| FILE: is ")) << n << ": " << text;
  }
  EXPECT_EQ(refusal(whole.substr(0, whole.size() - 1)),
            "file| FILE: is cut off: it holds 47 bytes of data, expected 48");
  EXPECT_EQ(refusal(whole + "x"), "file| FILE: holds more than the 48 bytes of data of its shape");
}

TEST(ReadNpy, HeadersThatLie) {
  const auto with_shape = [](const std::string& shape) {
    return file_with("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }\n", 8);
  };
  EXPECT_EQ(refusal(with_shape("(1,)")), "nothing");
  EXPECT_EQ(refusal(with_shape("(1L, 1L)")), "nothing");
  // Nothing is allocated for what is not there.
  EXPECT_EQ(refusal(with_shape("(1000000000000, 1000)")),
            "file| FILE: is cut off: it holds 8 bytes of data, expected 8000000000000000");
  EXPECT_EQ(refusal(with_shape("(9223372036854775807, 9223372036854775807)")),
            "file| FILE: its shape is too large for any array");
  EXPECT_EQ(refusal(with_shape("(99999999999999999999,)")), "file| FILE: its shape is too large for any array");
  EXPECT_EQ(refusal(with_shape("(4294967296, 4294967296)")), "file| FILE: its shape is too large for any array");
  for (const std::string shape : {"(-1,)", "(1", "1", "(1.5,)", "('a',)", "(1,,)", "(1 1)", ""}) {
    EXPECT_EQ(refusal(with_shape(shape)), "file| FILE: is not a .npy array: its header is malformed") << shape;
  }
  for (const std::string header :
       {"", "{", "{}", "{'descr': '<f8'}", "{'a': 1}", "[]", "{'descr: 1", "{'descr': '<f8', 'fortran_order': 1}"}) {
    EXPECT_EQ(refusal(file_with(header)), "file| FILE: is not a .npy array: its header is malformed") << header;
  }
  EXPECT_EQ(refusal(std::string("\x93NUMPY\x02\0\xFF\xFF\xFF\xFF{}", 14)),
            "file| FILE: is not a .npy array: its header is 4294967295 bytes long");
  EXPECT_EQ(refusal(std::string("\x93NUMPY\x09\0\x02\0{}", 12)),
            "file| FILE: is a .npy array of format 9, expected 1 to 3");
}

TEST(WriteNpy, RoundTripAndAlignedHeader) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.npy");
  const Numbers values = {1, -0.0, 1e300, 5e-324, std::numeric_limits<double>::infinity(), 3};
  write_npy(path, values, 3, 2);
  const NpyArray array = read_npy(path);
  EXPECT_EQ(array.n_rows, 3);
  EXPECT_EQ(array.n_columns, 2);
  EXPECT_EQ(array.values, values);
  EXPECT_TRUE(std::signbit(array.values[1]));
  const std::string bytes = test::read_bytes(path);
  EXPECT_EQ((bytes.size() - values.size() * sizeof(double)) % 64, 0U);
  EXPECT_EQ(folder.n_files(), 1U);
  write_npy(path, {}, 0, 4);
  EXPECT_EQ(read_npy(path).n_columns, 4);
}

// The bytes are those of numpy.save.
TEST(WriteNpy, SameBytesAsNumPy) {
  const ScratchFolder folder;
  write_npy(folder.file("a.npy"), Numbers{0, 1, 2, 100, 50, 7}, 2, 3);
  EXPECT_EQ(test::read_bytes(folder.file("a.npy")), test::read_bytes(kFolder + "two_by_three_f8.npy"));
}

TEST(WriteNpy, Refusals) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.npy");
  const Numbers six(6, 1.0);
  EXPECT_EQ(error_of([&] { write_npy(path, six, 2, 2); }, path), "shape| FILE: 6 values are not an array of 2 x 2");
  EXPECT_EQ(error_of([&] { write_npy(path, six, -2, -3); }, path), "shape| FILE: 6 values are not an array of -2 x -3");
  EXPECT_EQ(folder.n_files(), 0U);
  EXPECT_EQ(error_of([&] { write_npy("/dev/full", six, 2, 3); }),
            "io| /dev/full: writing failed: No space left on device");
}

}  // namespace
}  // namespace velbo

// posterior/plain_file.h - a posterior's file without velbo's own code, and files that are damaged but for their checksum.
#pragma once
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace velbo::test {

// Header and data as the format's description says, without velbo's own code.
struct PlainFile {
  nlohmann::json header;
  std::string data;
};

inline PlainFile read_plainly(const std::string& bytes) {
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8U | static_cast<unsigned char>(bytes.at(static_cast<std::size_t>(i)));
  EXPECT_EQ(length % 8, 0U);
  return {nlohmann::json::parse(bytes.substr(8, length)), bytes.substr(8 + length)};
}

inline std::vector<double> tensor(const PlainFile& file, const std::string& name) {
  const auto& entry = file.header.at(name);
  EXPECT_EQ(entry.at("dtype"), "F64");
  const std::size_t begin = entry.at("data_offsets")[0], end = entry.at("data_offsets")[1];
  std::vector<double> values((end - begin) / 8);
  std::memcpy(values.data(), file.data.data() + begin, end - begin);
  return values;
}

// What the file would be with another checksum-correct header: lets tests get past the checksum.
inline std::string with_header(const std::string& bytes, const std::string& from, const std::string& to) {
  const PlainFile file = read_plainly(bytes);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  std::string header = bytes.substr(8, length);
  const std::size_t at = header.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  header.replace(at, from.size(), to);
  const std::string key = "\"crc32\":\"";
  const std::size_t digits = header.find(key) + key.size();
  header.replace(digits, 8, "00000000");
  length = header.size();
  std::string all(8, '\0');
  std::memcpy(all.data(), &length, 8);
  all += header + file.data;
  char text[9];
  std::snprintf(text, sizeof text, "%08lx", crc32_z(0, reinterpret_cast<const Bytef*>(all.data()), all.size()));
  return all.replace(8 + digits, 8, text);
}

}  // namespace velbo::test

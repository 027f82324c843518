// tests/fuzz/fuzz.cpp
#include "fuzz/fuzz.h"

#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "velbo/error.h"

namespace velbo::fuzz {
namespace {

class Folder {
 public:
  Folder() {
    const char* chosen = std::getenv("TMPDIR");
    path_ = chosen != nullptr ? chosen : std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
    path_ += "/velbo-fuzz-XXXXXX";
    expect(::mkdtemp(path_.data()) != nullptr, "a scratch folder can be made");
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

void expect(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "\nBROKEN PROMISE: %s\n", promise);
  std::abort();
}

std::string scratch_path(std::string_view name) {
  static const Folder folder;
  return folder.path() + "/" + std::string(name);
}

std::string as_file(std::string_view bytes) {
  const std::string path = scratch_path("input");
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  expect(file.good(), "the scratch file can be written");
  return path;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool accepts(const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    const std::string_view message = error.what();
    expect(!message.empty(), "an error has a message");
    // A formula's error shows the formula and a caret below it, on lines of their own.
    expect(error.code() == ErrorCode::formula || message.find('\n') == std::string_view::npos,
           "an error's message is one line");
    expect(is_user_error(error.code()), "what is wrong with an input is the user's to mend");
    return false;
  }
}

std::string with_right_checksum(std::string bytes) {
  constexpr std::string_view key = "\"crc32\":\"";
  constexpr std::size_t digits = 8;
  const std::size_t at = bytes.find(key);
  if (at == std::string::npos || at + key.size() + digits > bytes.size()) return bytes;
  bytes.replace(at + key.size(), digits, digits, '0');
  const unsigned long crc =
      ::crc32(0, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  std::array<char, digits + 1> text{};
  std::snprintf(text.data(), text.size(), "%08lx", crc);
  return bytes.replace(at + key.size(), digits, text.data());
}

const Table& table() {
  static const Table made = [] {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    Table out;
    out.add_numbers("y", {0, 1, 1, 0, 1, 0, 1, 0});
    out.add_numbers("x1", {0.5, 1.25, -3, 4, 2, 0.125, 7, 1e-3});
    out.add_numbers("x2", {1e10, 2, nan, 4, 5, 6, 7, 8});
    out.add_numbers("my var", {3, 1, 4, 1, 5, 9, 2, 6});
    out.add_text("a", {"low", "high", "low", "mid", "high", "low", "mid", "mid"});
    out.add_text("b", {"no", "yes", "no", "yes", "", "no", "yes", "no"});
    return out;
  }();
  return made;
}

void expect_design_survives(const internal::Design& design) {
  using internal::MissingRows;
  const auto rows = design.evaluate<double>(table(), MissingRows::drop);
  expect(rows.x.size() == rows.row.size() * design.names().size(), "a row has a number for every column");
  for (const double value : rows.x) expect(std::isfinite(value), "a predictor is finite");
  const std::vector<double> outcome = design.evaluate_response(table(), rows.row);
  expect(outcome.size() == rows.row.size(), "a row has an outcome");

  const internal::Design again = internal::Design::from_json(nlohmann::json::parse(design.to_json().dump()));
  expect(again.names() == design.names(), "the columns' names survive JSON");
  expect(again.evaluate<double>(table(), MissingRows::drop).x == rows.x, "the numbers survive JSON");
  expect(again.to_json() == design.to_json(), "the JSON of what was read is the JSON that was read");
}

}  // namespace velbo::fuzz

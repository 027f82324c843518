// Random changes to formulas and to CSV and .npy files, from a fixed seed: whatever comes in, an Error or a result comes
// out.  Worth most under the address and undefined-behaviour sanitizers.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "formula/design.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/table.h"

namespace velbo::internal {
namespace {

using test::error_of;

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  const std::string& one_of(const std::vector<std::string>& list) { return list[below(list.size())]; }

  // Up to five insertions of a piece, removals, repetitions or changes of a byte.
  std::string change(std::string text, const std::vector<std::string>& pieces) {
    for (std::size_t i = 1 + below(5); i-- > 0;) {
      const std::size_t at = below(text.size() + 1);
      const std::size_t length = std::min(1 + below(6), text.size() - at);
      switch (below(4)) {
        case 0: text.insert(at, one_of(pieces)); break;
        case 1: text.erase(at, length); break;
        case 2: text.insert(at, text.substr(at, length)); break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(below(256));
      }
    }
    return text;
  }

 private:
  std::mt19937 random_;
};

// A file in memory: thousands of them on a disk would take their time.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    EXPECT_EQ(::write(descriptor_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// "nothing": fine.  A crash or another exception ends the test.
void expect_sound(const std::string& result, const std::string& input) {
  EXPECT_FALSE(result.starts_with("internal|") || result.starts_with("memory|") || result.starts_with("?"))
      << input << "\n"
      << result;
}

TEST(Fuzz, Formulas) {
  const Table table = read_csv(std::string(VELBO_TEST_DATA_DIR) + "/formula/table.csv");
  const std::vector<std::string> seeds = {"y ~ a*b + x1:x2 - 1",
                                          "y ~ (a + b + x1)^2 - a:b",
                                          "log(x1) ~ . - y",
                                          "y ~ I((x1 + x2)/2 - -x3*2):factor(cyl)",
                                          "b ~ scale(log(x1)) + `my var`/flag",
                                          "y ~ exp(-x1^2) + 0 + a/(x2 + x3)"};
  const std::vector<std::string> pieces = {
      "~", "+",     "-", "*", "/",  "^", "^2", ":",    "(", ")", "I(", "log(", "scale(", "factor(", "`",  ".",  "1",
      "0", "1e999", "a", "b", "x1", "y", "\"", "\xC3", "é", "|", "%",  ",",    " ",      "\n",      "-1", "^99"};
  Mutator mutator(7);
  int n_accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string formula = mutator.change(mutator.one_of(seeds), pieces);
    const std::string result = error_of([&] {
      const Design design = Design::make(formula, table, i % 2 == 0);
      const auto rows = design.evaluate<double>(table, MissingRows::drop);
      (void)design.evaluate_response(table, rows.row);
      for (const double value : rows.x) ASSERT_TRUE(std::isfinite(value));
      const Design again = Design::from_json(nlohmann::json::parse(design.to_json().dump()));
      ASSERT_EQ(again.evaluate<double>(table, MissingRows::drop).x, rows.x);
    });
    expect_sound(result, formula);
    if (result == "nothing") ++n_accepted;
  }
  EXPECT_GT(n_accepted, 1000);  // the changes are not all nonsense
}

TEST(Fuzz, CsvFiles) {
  const std::vector<std::string> seeds = {"x,y,z\n1,a,\"b,c\"\n2,\"q\"\"q\",d\n\n3,NA,\"e\nf\"\n",
                                          "\xEF\xBB\xBFid,v\r\n1,2\r\n2,x\r\n", "a\n1\n2\n"};
  const std::vector<std::string> pieces = {
      ",", "\"", "\"\"", "\n", "\r", "\r\n", "NA", "1e5", "-inf", " ", "\t", "x", std::string(1, '\0'), "\xFF"};
  Mutator mutator(8);
  int n_accepted = 0;
  for (int i = 0; i < 5'000; ++i) {
    const std::string bytes = mutator.change(mutator.one_of(seeds), pieces);
    const MemoryFile file(bytes);
    const std::string result = error_of([&] {
      const Table table = read_csv(file.path());
      for (const Column& column : table.columns()) {
        const auto n = static_cast<std::size_t>(table.n_rows());
        ASSERT_EQ(column.kind == ColumnKind::text ? n : column.numbers.size(), n);
        ASSERT_EQ(column.kind == ColumnKind::number ? n : column.codes.size(), n);
        ASSERT_TRUE(std::is_sorted(column.levels.begin(), column.levels.end()));
      }
    });
    expect_sound(result, bytes);
    if (result == "nothing") ++n_accepted;
  }
  EXPECT_GT(n_accepted, 500);
}

TEST(Fuzz, NpyFiles) {
  const std::string seed = test::read_bytes(std::string(VELBO_TEST_DATA_DIR) + "/npy/two_by_three_f8.npy");
  const std::vector<std::string> pieces = {"'", ",",    "(",     ")", "{", "}",  ":",  "9",
                                           "-", "True", "False", " ", "L", "\n", "<f4"};
  Mutator mutator(9);
  for (int i = 0; i < 5'000; ++i) {
    // Mostly in the header's text, where it matters.
    const std::string bytes = i % 4 == 0
                                  ? mutator.change(seed, pieces)
                                  : seed.substr(0, 10) + mutator.change(seed.substr(10, 70), pieces) + seed.substr(80);
    const MemoryFile file(bytes);
    expect_sound(error_of([&] {
                   const NpyArray array = read_npy(file.path());
                   ASSERT_EQ(static_cast<std::int64_t>(array.values.size()), array.n_rows * array.n_columns);
                 }),
                 bytes);
  }
}

}  // namespace
}  // namespace velbo::internal

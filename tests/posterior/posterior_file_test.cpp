// The posterior's file: what is in it, and what is refused.
#include <gtest/gtest.h>
#include <sys/mman.h>  // for memfd_create
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "formula/design.h"
#include "io/safetensors.h"
#include "posterior/make_posterior.h"
#include "posterior/plain_file.h"
#include "support/errors.h"
#include "support/scratch.h"

namespace velbo {
namespace {

using test::error_of;
using test::PlainFile;
using test::read_bytes;
using test::read_plainly;
using test::ScratchFolder;
using test::tensor;
using test::with_header;

Posterior table_posterior() {
  Table table;
  table.add_numbers("y", {0.5, 1, 0, 1.5});
  table.add_numbers("x", {1, 2, 3, 4.5});
  table.add_text("group", {"a", "b\"quote", "a", "b\"quote"});
  internal::GlmRecipe recipe;
  recipe.formula = "y ~ scale(x) + group";
  recipe.design = internal::Design::make(recipe.formula, table, false);
  recipe.names = recipe.design->names();
  recipe.names.emplace_back("sigma");
  return Posterior(std::make_shared<const PosteriorState>(
      PosteriorState{std::move(recipe),
                     GaussianFamily(FamilyKind::full_rank, 4),
                     {1.0 / 3, 10, 100, -1},
                     {0.1, 0, 0, 0, 0.01, 1e-300, 0, 0, 0.1, 0.2, 0.3, 0, 0.1, 0.1, 0.1, 7}}));
}

TEST(PosteriorFile, RoundTripIsBitExact) {
  const ScratchFolder folder;
  const Posterior q = table_posterior();
  q.save(folder.file("q.velbo"), "{\"a\": 1}");
  EXPECT_EQ(folder.n_files(), 1U);
  const Posterior r = Posterior::load(folder.file("q.velbo"));
  EXPECT_EQ(r.state().mean, q.state().mean);
  EXPECT_EQ(r.state().scale, q.state().scale);
  EXPECT_EQ(r.names(), q.names());
  EXPECT_EQ(r.formula(), q.formula());
  EXPECT_EQ(r.likelihood(), q.likelihood());
  EXPECT_EQ(r.family(), q.family());
  EXPECT_EQ(r.sample(50, 3), q.sample(50, 3));
  EXPECT_EQ(Posterior::load_summary_json(folder.file("q.velbo")), "{\"a\": 1}");
  r.save(folder.file("r.velbo"), "{\"a\": 1}");
  EXPECT_EQ(read_bytes(folder.file("q.velbo")), read_bytes(folder.file("r.velbo")));

  Table table;  // new rows go through the same design
  table.add_numbers("x", {7});
  table.add_text("group", {"b\"quote"});
  EXPECT_EQ(q.predict(table).mean, r.predict(table).mean);

  const Posterior mean_field = test::make_posterior(Likelihood::poisson, FamilyKind::mean_field, {1}, {2});
  mean_field.save(folder.file("m.velbo"));
  EXPECT_EQ(Posterior::load(folder.file("m.velbo")).state().scale, (std::vector<double>{2}));
  EXPECT_EQ(Posterior::load_summary_json(folder.file("m.velbo")), "");
}

TEST(PosteriorFile, KeepsTheOutcomesLabels) {
  const ScratchFolder folder;
  const std::string path = folder.file("q.velbo");
  const Posterior zero_one = test::make_posterior(Likelihood::bernoulli, FamilyKind::mean_field, {1}, {2});
  zero_one.save(path);
  EXPECT_FALSE(Posterior::load(path).labels());
  PosteriorState state = zero_one.state();
  state.recipe.labels = {-1, 1};
  Posterior(std::make_shared<const PosteriorState>(state)).save(path);
  EXPECT_EQ(Posterior::load(path).labels(), (std::array<double, 2>{-1, 1}));
  const auto refused = [&](const std::string& to) {
    (void)folder.file("q.velbo", with_header(read_bytes(path), "\\\"labels\\\":[-1.0,1.0]", to));
    return test::error_of([&] { (void)Posterior::load(path); });
  };
  EXPECT_NE(refused("\\\"labels\\\":[1.0,-1.0]").find("labels that are not two, increasing"), std::string::npos);
  Posterior(std::make_shared<const PosteriorState>(state)).save(path);
  EXPECT_NE(refused("\\\"labels\\\":[-1.0,1.0,5.0]").find("labels that are not two"), std::string::npos);
  Posterior(std::make_shared<const PosteriorState>(state)).save(path);
  EXPECT_NE(refused("\\\"labels\\\":[-1.0,\\\"b\\\"]").find(path), std::string::npos);
  // Older files have none.
  Posterior(std::make_shared<const PosteriorState>(state)).save(path);
  EXPECT_EQ(refused("\\\"no_labels\\\":[-1.0,1.0]"), "nothing");
  EXPECT_FALSE(Posterior::load(path).labels());
}

TEST(PosteriorFile, IsSafetensorsWithAChecksumThatAnyZlibCanCheck) {
  const ScratchFolder folder;
  const Posterior q = table_posterior();
  q.save(folder.file("q.velbo"));
  std::string bytes = read_bytes(folder.file("q.velbo"));
  const PlainFile file = read_plainly(bytes);
  EXPECT_EQ(tensor(file, "mean"), q.state().mean);
  EXPECT_EQ(tensor(file, "scale_tril"), q.state().scale);
  EXPECT_EQ(file.header.at("mean").at("shape"), (std::vector<int>{4}));
  EXPECT_EQ(file.header.at("scale_tril").at("shape"), (std::vector<int>{4, 4}));
  const auto& metadata = file.header.at("__metadata__");
  for (const auto& [key, value] : metadata.items()) EXPECT_TRUE(value.is_string()) << key;
  EXPECT_EQ(metadata.at("format"), "velbo.posterior");
  EXPECT_EQ(metadata.at("format_version"), "1");
  EXPECT_EQ(nlohmann::json::parse(metadata.at("recipe").get<std::string>()).at("formula"), "y ~ scale(x) + group");

  const std::string digits = metadata.at("crc32");
  const std::size_t at = bytes.find("\"crc32\":\"" + digits + "\"");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at + 9, 8, "00000000");
  char expected[9];
  std::snprintf(expected, sizeof expected, "%08lx",
                crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  EXPECT_EQ(digits, expected);
}

class Damaged : public ::testing::Test {
 protected:
  // "file| FILE: ..." for every damage; anything else fails the test.
  std::string load(const std::string& bytes) {
    const std::string& path = path_;
    EXPECT_EQ(::ftruncate(memory_, 0), 0);
    EXPECT_EQ(::pwrite(memory_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    const std::string full = error_of([&] { (void)Posterior::load(path); }, path);
    const std::string summary = error_of([&] { (void)Posterior::load_summary_json(path); }, path);
    if (!full.starts_with("file| FILE: ")) ADD_FAILURE() << full;
    if (full.find('\n') != std::string::npos) ADD_FAILURE() << "more than one line: " << full;
    if (summary != "nothing" && !summary.starts_with("file| FILE: ")) ADD_FAILURE() << summary;
    return full;
  }

  Damaged() {
    table_posterior().save(folder_.file("q.velbo"), "{}");
    bytes_ = read_bytes(folder_.file("q.velbo"));
  }
  ~Damaged() override { ::close(memory_); }

  ScratchFolder folder_;
  // A file in memory: tens of thousands of them on a disk take a minute.
  int memory_ = ::memfd_create("damaged", 0);
  std::string path_ = "/proc/self/fd/" + std::to_string(memory_);
  std::string bytes_;
};

TEST_F(Damaged, TruncatedAtEveryByte) {
  for (std::size_t n = 0; n < bytes_.size(); ++n) load(bytes_.substr(0, n));
  EXPECT_NE(load(bytes_.substr(0, bytes_.size() - 1)).find("is truncated"), std::string::npos);
  EXPECT_EQ(load(""), "file| FILE: is empty, expected a posterior file");
}

TEST_F(Damaged, EverySingleBit) {
  for (std::size_t i = 0; i < bytes_.size(); ++i)
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes_;
      flipped[i] = static_cast<char>(static_cast<unsigned char>(flipped[i]) ^ (1U << bit));
      load(flipped);
    }
}

TEST_F(Damaged, TrailingBytesAndGarbage) {
  load(bytes_ + '\0');
  std::mt19937_64 words(1);
  for (int i = 0; i < 2000; ++i) {
    std::string garbage(words() % 400, '\0');
    for (char& c : garbage) c = static_cast<char>(words());
    if (i % 2 == 0 && garbage.size() > 9) {  // a plausible length and the start of JSON
      const std::uint64_t length = garbage.size() - 8 - words() % (garbage.size() - 9);
      std::memcpy(garbage.data(), &length, 8);
      garbage[8] = '{';
    }
    load(garbage);
  }
  for (int i = 0; i < 2000; ++i) {  // several bytes of a good file
    std::string damaged = bytes_;
    for (std::uint64_t k = 0; k <= words() % 4; ++k) damaged[words() % damaged.size()] = static_cast<char>(words());
    if (damaged != bytes_) load(damaged);
  }
  std::string absurd = bytes_;
  for (std::size_t i = 0; i < 8; ++i) absurd[i] = '\xff';
  EXPECT_EQ(load(absurd), "file| FILE: is not a safetensors file (a saved posterior)");
}

TEST_F(Damaged, WellFormedButWrong) {
  const auto refuse = [&](const std::string& from, const std::string& to) {
    return load(with_header(bytes_, from, to));
  };
  EXPECT_NE(refuse("\"format_version\":\"1\"", "\"format_version\":\"5\"").find("has format version 5"),
            std::string::npos);
  EXPECT_NE(refuse("velbo.posterior", "velbo.checkpoint").find("not a posterior of velbo"), std::string::npos);
  EXPECT_NE(refuse("\"F64\"", "\"F32\"").find("not of type F64"), std::string::npos);
  EXPECT_NE(refuse("\"shape\":[4]", "\"shape\":[5]").find("whose shape"), std::string::npos);
  EXPECT_NE(refuse("\"shape\":[4]", "\"shape\":[2,2]").find("of the wrong shape"), std::string::npos);
  EXPECT_NE(refuse("\"shape\":[4]", "\"shape\":[4,9223372036854775807]").find("whose shape"), std::string::npos);
  EXPECT_NE(refuse("\"shape\":[4]", "\"shape\":[-4]").find("not lists of sizes"), std::string::npos);
  EXPECT_NE(refuse("[0,32]", "[8,40]").find("holes or overlaps"), std::string::npos);
  EXPECT_NE(refuse("[0,32]", "[32,0]").find("ends outside"), std::string::npos);
  EXPECT_NE(refuse("[32,160]", "[32,168]").find("ends outside"), std::string::npos);
  EXPECT_NE(refuse("\"mean\"", "\"meam\"").find("has no tensor"), std::string::npos);
  EXPECT_NE(refuse("gaussian", "gausiian").find("unknown likelihood"), std::string::npos);
  EXPECT_NE(refuse("full_rank", "mean_field").find("no tensor \"sd\""), std::string::npos);
  EXPECT_NE(refuse("\\\"sigma\\\"]", "\\\"sigma\\\",\\\"more\\\"]").find("does not fit"), std::string::npos);
  refuse("scale(x)", "scale(z)");
  refuse("\"recipe\":\"{", "\"recipe\":\"[");
}

TEST_F(Damaged, NumbersThatCannotBeAScale) {
  for (const double bad : {-1.0, 0.0, std::nan(""), HUGE_VAL}) {
    std::string damaged = bytes_;
    std::memcpy(damaged.data() + damaged.size() - 8, &bad, 8);
    load(with_header(damaged, "\"format\"", "\"format\""));
  }
}

TEST(PosteriorFileErrors, NameThePath) {
  EXPECT_EQ(error_of([] { (void)Posterior::load("/no/such/file"); }),
            "file| /no/such/file: cannot be read: No such file or directory");
  EXPECT_EQ(error_of([] { (void)Posterior::load("/"); }), "file| /: is a directory, expected a posterior file");
  EXPECT_EQ(error_of([] { (void)Posterior::load("/dev/zero"); }),
            "file| /dev/zero: is not a regular file, expected a posterior file");
  const Posterior q = table_posterior();
  EXPECT_TRUE(error_of([&] { q.save("/no/such/folder/q.velbo"); }).starts_with("file| /no/such/folder/q.velbo: "));
  if (::access("/dev/full", W_OK) == 0) {
    EXPECT_EQ(error_of([&] { q.save("/dev/full"); }), "io| /dev/full: writing failed: No space left on device");
  }
}

// Arrays without elements, as states of engines have, leave the checksum right.
TEST(Safetensors, EmptyArraysKeepTheChecksum) {
  const test::ScratchFolder folder;
  const internal::Safetensors content{{{"format", "test"}},
                                      {{"z", {2}, {1, 2}}, {"none", {0, 3}, {}}, {"a", {1}, {3}}, {"last", {0}, {}}}};
  internal::write_safetensors(folder.file("f"), content);
  const internal::Safetensors back = internal::read_safetensors(folder.file("f"));
  ASSERT_EQ(back.tensors.size(), 4U);
  EXPECT_EQ(back.tensors[1].shape, (std::vector<std::int64_t>{0, 3}));
  EXPECT_EQ(back.tensors[2].values, std::vector<double>{3});
}

}  // namespace
}  // namespace velbo

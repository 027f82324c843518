// The posterior's file where the outcome has levels.
#include <gtest/gtest.h>

#include "posterior/make_posterior.h"
#include "posterior/plain_file.h"
#include "support/errors.h"
#include "support/scratch.h"

namespace velbo {
namespace {

using test::read_bytes;
using test::read_plainly;
using test::ScratchFolder;
using test::with_header;

TEST(PosteriorFile, KeepsTheOutcomesLevels) {
  const ScratchFolder folder;
  const std::string path = folder.file("q.velbo");
  const std::vector<std::string> levels = {"low", "b\"quote", "high"};
  const auto save = [&](Likelihood likelihood) {
    const bool ordinal = likelihood == Likelihood::ordinal;
    const Posterior q = test::make_posterior(likelihood, FamilyKind::mean_field, {1, 2, 3, 4}, {1, 1, 1, 1}, levels);
    q.save(path);
    EXPECT_EQ(read_plainly(read_bytes(path)).header.at("__metadata__").at("format_version"), "4");
    const Posterior r = Posterior::load(path);
    EXPECT_EQ(r.levels(), levels);
    EXPECT_EQ(r.state().recipe.n_columns(), 2);
    EXPECT_EQ(r.state().recipe.n_coefficients(), ordinal ? 2 : 4);
    EXPECT_EQ(r.sample(9), q.sample(9));
    EXPECT_EQ(r.predict(test::matrix({0.5, 2}, ordinal ? 2 : 1), {}, {}).mean,
              q.predict(test::matrix({0.5, 2}, ordinal ? 2 : 1), {}, {}).mean);
  };
  const auto refused = [&](Likelihood likelihood, const std::string& from, const std::string& to) {
    save(likelihood);
    (void)folder.file("q.velbo", with_header(read_bytes(path), from, to));
    return test::error_of([&] { (void)Posterior::load(path); });
  };
  const std::string all = "\\\"levels\\\":[\\\"low\\\",\\\"b\\\\\\\"quote\\\",\\\"high\\\"]";
  for (const Likelihood likelihood : {Likelihood::ordinal, Likelihood::categorical}) {
    for (const char* const to : {"\\\"levels\\\":[]", "\\\"levels\\\":[\\\"low\\\"]",
                                 "\\\"levels\\\":[\\\"low\\\",\\\"low\\\",\\\"high\\\"]", "\\\"no\\\":1"})
      EXPECT_NE(refused(likelihood, all, to).find("levels that are not at least two, each once"), std::string::npos)
          << to;
    EXPECT_NE(
        refused(likelihood, std::string(name(likelihood)), "bernoulli").find("levels of an outcome that has none"),
        std::string::npos);
  }
  EXPECT_NE(
      refused(Likelihood::ordinal, "\\\"has_intercept\\\":false", "\\\"has_intercept\\\":true").find("an intercept"),
      std::string::npos);
  EXPECT_NE(refused(Likelihood::categorical, "\\\"has_offset\\\":false", "\\\"has_offset\\\":true").find("an offset"),
            std::string::npos);
  EXPECT_NE(refused(Likelihood::categorical, all, "\\\"levels\\\":[\\\"a\\\",\\\"b\\\",\\\"c\\\",\\\"d\\\"]")
                .find("not as many for each level"),
            std::string::npos);
}

}  // namespace
}  // namespace velbo

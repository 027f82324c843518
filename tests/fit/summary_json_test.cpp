// The summary as JSON: schema 1 complete, and back again.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "fit/make_summary.h"
#include "support/errors.h"

namespace velbo {
namespace {

using Json = nlohmann::json;
using test::error_of;

TEST(SummaryJson, HasEveryFieldOfTheSchema) {
  const Json json = Json::parse(test::make_summary().to_json());
  EXPECT_EQ(json.at("schema"), 1);
  EXPECT_EQ(json.at("velbo_version"), "0.1.0");
  EXPECT_EQ(json.at("model").at("formula"), "switch ~ distance + arsenic");
  EXPECT_EQ(json.at("model").at("priors"),
            Json({{"Intercept", "normal(0, 10)"}, {"distance", "normal(0, 0.0649710527)"}}));
  for (const char* key : {"n_rows", "n_rows_dropped", "n_latents"})
    EXPECT_TRUE(json.at("model").at(key).is_number_integer()) << key;
  const Json& fit = json.at("fit");
  for (const char* key :
       {"engine", "engine_reason", "family", "estimator", "device", "device_reason", "scalar", "message"})
    EXPECT_TRUE(fit.at(key).is_string()) << key;
  for (const char* key : {"threads", "seed", "steps", "gradient_evaluations", "rows_read", "rejected_steps"})
    EXPECT_TRUE(fit.at(key).is_number_integer()) << key;
  EXPECT_EQ(fit.at("seed").get<std::uint64_t>(), 18446744073709551615U);
  EXPECT_EQ(fit.at("status"), "converged");
  EXPECT_EQ(fit.at("converged"), true);
  EXPECT_EQ(fit.at("full_passes"), 3.0);
  for (const char* key : {"read", "fit", "diagnose", "total"})
    EXPECT_TRUE(fit.at("seconds").at(key).is_number_float()) << key;
  const Json& quality = json.at("quality");
  for (const char* key : {"elbo", "elbo_se", "k_hat", "error_sd"})
    EXPECT_TRUE(quality.at(key).is_number_float()) << key;
  EXPECT_EQ(quality.at("verdict"), "good");
  EXPECT_EQ(quality.at("advice"), "");
  ASSERT_EQ(json.at("parameters").size(), 2U);
  EXPECT_EQ(json.at("parameters")[0].at("name"), "Intercept");
  for (const char* key : {"mean", "sd", "q05", "q25", "q50", "q75", "q95"})
    EXPECT_TRUE(json.at("parameters")[1].at(key).is_number_float()) << key;
  EXPECT_TRUE(json.at("parameters")[1].at("corrected_mean").is_null());
  EXPECT_TRUE(json.at("parameters")[1].at("linear_response_sd").is_null());
  EXPECT_TRUE(json.at("quality").at("linear_response_k_hat").is_null());
}

// Fields that were added later are read, and may be missing.
TEST(SummaryJson, KeepsTheLinearResponse) {
  Summary s = test::make_summary();
  s.quality.linear_response_k_hat = 0.25;
  s.parameters[0].linear_response_sd = 0.125;
  const Summary back = Summary::from_json(s.to_json());
  EXPECT_EQ(back.quality.linear_response_k_hat, 0.25);
  EXPECT_EQ(back.parameters[0].linear_response_sd, 0.125);
  EXPECT_TRUE(std::isnan(back.parameters[1].linear_response_sd));
  Json older = Json::parse(s.to_json());
  older["quality"].erase("linear_response_k_hat");
  for (Json& parameter : older["parameters"]) parameter.erase("linear_response_sd");
  EXPECT_TRUE(std::isnan(Summary::from_json(older.dump()).parameters[0].linear_response_sd));
}

TEST(SummaryJson, RoundTripGivesTheSameText) {
  const std::string text = test::make_summary().to_json();
  EXPECT_EQ(Summary::from_json(text).to_json(), text);
  Summary other = test::make_summary();
  other.fit.status = Status::interrupted;
  other.quality.verdict = Verdict::unreliable;
  other.model.priors[0].prior = Prior::student_t(3, 0, 2.5);
  EXPECT_EQ(Summary::from_json(other.to_json()).to_json(), other.to_json());
  EXPECT_EQ(Summary::from_json(other.to_json()).fit.status, Status::interrupted);
  EXPECT_TRUE(Summary::from_json(text).model.priors[1].is_default);
  EXPECT_FALSE(Summary::from_json(text).model.priors[0].is_default);
}

TEST(SummaryJson, NotFiniteIsNullAndReadsBackAsNaN) {
  Summary s = test::make_summary();
  s.quality.k_hat = std::nan("");
  s.quality.error_sd = std::numeric_limits<double>::infinity();
  s.parameters[0].mean = -std::numeric_limits<double>::infinity();
  const Json json = Json::parse(s.to_json());
  EXPECT_TRUE(json.at("quality").at("k_hat").is_null());
  EXPECT_TRUE(json.at("quality").at("error_sd").is_null());
  EXPECT_TRUE(json.at("parameters")[0].at("mean").is_null());
  const Summary back = Summary::from_json(s.to_json());
  EXPECT_TRUE(std::isnan(back.quality.error_sd) && std::isnan(back.parameters[0].mean));
}

TEST(SummaryJson, NamesThatAreNotUtf8DoNotBreakIt) {
  Summary s = test::make_summary();
  s.parameters[0].name = "Z\xfcrich";
  EXPECT_TRUE(Json::accept(s.to_json()));
}

TEST(SummaryJson, ReadsTheFirstSchemaAndLaterAdditions) {
  Json json = Json::parse(test::make_summary().to_json());
  json["fit"]["something_new"] = 1;
  json["quality"].erase("k_hat_se");
  json["model"].erase("default_priors");
  json.erase("warnings");
  EXPECT_EQ(Summary::from_json(json.dump()).quality.elbo, -1963.25);
}

TEST(SummaryJson, RefusesWhatIsNotASummary) {
  EXPECT_EQ(error_of([] { (void)Summary::from_json(""); }), "file| not the summary of a fit: it is not a JSON object");
  EXPECT_EQ(error_of([] { (void)Summary::from_json("{\"schema\": 2}"); }),
            "file| not the summary of a fit: its schema is 2, expected 1");
  const Json good = Json::parse(test::make_summary().to_json());
  for (const auto& [key, value] : good.items()) {
    if (key == "warnings") continue;
    Json bad = good;
    bad[key] = 17;
    EXPECT_TRUE(error_of([&] { (void)Summary::from_json(bad.dump()); }).starts_with("file| ")) << key;
    bad.erase(key);
    EXPECT_TRUE(error_of([&] { (void)Summary::from_json(bad.dump()); }).starts_with("file| ")) << key;
  }
  Json status = good;
  status["fit"]["status"] = "splendid";
  EXPECT_TRUE(error_of([&] { (void)Summary::from_json(status.dump()); }).starts_with("file| "));
}

}  // namespace
}  // namespace velbo

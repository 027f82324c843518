// topics/topic_file.cpp - a topic model as one safetensors file.
//
//   tensors   statistics [V, K] expected counts, alpha [K], alpha_statistics [K + 1]
//   metadata  format "velbo.topics", format_version "1", velbo_version, model (JSON: settings, documents, how the fit went),
//             vocabulary (JSON: words or nothing), crc32
#include <cmath>
#include <nlohmann/json.hpp>

#include "io/safetensors.h"
#include "topics/topic_state.h"
#include "topics/topics_model.h"
#include "velbo/error.h"
#include "velbo/topics.h"
#include "velbo/version.h"

namespace velbo {
namespace {

using internal::Safetensors;
using internal::TopicState;
using Json = nlohmann::ordered_json;

constexpr const char *kFormat = "velbo.topics", *kFormatVersion = "1";

Json to_json(const TopicState& s) {
  return {{"n_topics", s.settings.n_topics},
          {"n_words", s.n_words},
          {"n_documents", s.n_documents},
          {"alpha", s.settings.alpha},
          {"eta", s.settings.eta},
          {"learn_alpha", s.settings.learn_alpha},
          {"local_tolerance", s.settings.local_tolerance},
          {"local_iterations", s.settings.local_iterations},
          {"word_iterations", s.word_iterations},
          {"run", Json::parse(s.run.to_json())}};
}

void read_settings(const Json& json, TopicState& s) {
  json.at("n_topics").get_to(s.settings.n_topics);
  json.at("n_words").get_to(s.n_words);
  json.at("n_documents").get_to(s.n_documents);
  json.at("alpha").get_to(s.settings.alpha);
  json.at("eta").get_to(s.settings.eta);
  json.at("learn_alpha").get_to(s.settings.learn_alpha);
  json.at("local_tolerance").get_to(s.settings.local_tolerance);
  json.at("local_iterations").get_to(s.settings.local_iterations);
  json.at("word_iterations").get_to(s.word_iterations);
  s.run = ConjugateRun::from_json(json.at("run").dump());
}

void check_settings(const std::string& path, const TopicState& s) {
  const auto is_concentration = [](double a) {
    return a >= internal::kLeastConcentration && a <= internal::kMostConcentration;
  };
  if (s.settings.n_topics < 1 || s.settings.n_topics > 10000 || s.n_words < 1 || s.n_documents < 0 ||
      s.n_words > std::int64_t{1} << 31 || !is_concentration(s.settings.alpha) || !is_concentration(s.settings.eta) ||
      !(s.settings.local_tolerance > 0) || s.settings.local_iterations < 1)
    internal::fail_in_file(path, "has settings that no topic model has");
}

std::vector<double> take(const std::string& path, Safetensors& file, const char* tensor_name,
                         const std::vector<std::int64_t>& shape) {
  for (internal::Tensor& tensor : file.tensors) {
    if (tensor.name != tensor_name) continue;
    if (tensor.shape != shape)
      internal::fail_in_file(path, std::string("has a tensor \"") + tensor_name + "\" of the wrong shape");
    for (const double value : tensor.values)
      if (!std::isfinite(value))
        internal::fail_in_file(path, std::string("has a number in \"") + tensor_name + "\" that is not finite");
    return std::move(tensor.values);
  }
  internal::fail_in_file(path, std::string("has no tensor \"") + tensor_name + "\"");
}

void check_numbers(const std::string& path, const TopicState& s) {
  for (const double value : s.statistics)
    if (value < 0) internal::fail_in_file(path, "has a negative expected count");
  for (const double value : s.alpha)
    if (!(value > 0)) internal::fail_in_file(path, "has an alpha that is not positive");
  if (s.alpha_statistics.back() < 0) internal::fail_in_file(path, "has a negative number of documents");
  if (!s.vocabulary.empty() && static_cast<std::int64_t>(s.vocabulary.size()) != s.n_words)
    internal::fail_in_file(path, "has a vocabulary of another size");
}

}  // namespace

void TopicModel::save(const std::string& path) const {
  const TopicState& s = *state_;
  const std::int64_t k = s.settings.n_topics;
  Safetensors file;
  try {
    file.metadata = {{"format", kFormat},
                     {"format_version", kFormatVersion},
                     {"velbo_version", velbo::version()},
                     {"model", to_json(s).dump()},
                     {"vocabulary", Json(s.vocabulary).dump()}};
  } catch (const Json::exception&) {
    throw Error(ErrorCode::data,
                "a word of the vocabulary is not UTF-8 text, so the model cannot be saved; convert it to UTF-8");
  }
  file.tensors = {{"statistics", {s.n_words, k}, s.statistics},
                  {"alpha", {k}, s.alpha},
                  {"alpha_statistics", {k + 1}, s.alpha_statistics}};
  internal::write_safetensors(path, file);
}

TopicModel TopicModel::load(const std::string& path) {
  Safetensors file = internal::read_safetensors(path);
  if (internal::metadata_at(path, file, "format") != kFormat)
    internal::fail_in_file(path, "is a safetensors file, but not a topic model of velbo");
  if (const std::string& version = internal::metadata_at(path, file, "format_version"); version != kFormatVersion)
    internal::fail_in_file(path, "is a topic model of format " + version + ", this velbo reads " + kFormatVersion);
  auto state = std::make_shared<TopicState>();
  try {
    read_settings(Json::parse(internal::metadata_at(path, file, "model")), *state);
    Json::parse(internal::metadata_at(path, file, "vocabulary")).get_to(state->vocabulary);
  } catch (const Json::exception& error) {
    internal::fail_in_file(path, std::string("has metadata that cannot be read: ") + error.what());
  } catch (const Error& error) {
    internal::fail_in_file(path, std::string("has metadata that cannot be read: ") + error.what());
  }
  check_settings(path, *state);
  const std::int64_t k = state->settings.n_topics;
  state->statistics = take(path, file, "statistics", {state->n_words, k});
  state->alpha = take(path, file, "alpha", {k});
  state->alpha_statistics = take(path, file, "alpha_statistics", {k + 1});
  check_numbers(path, *state);
  state->derive();
  return TopicModel(std::move(state));
}

}  // namespace velbo

// topics/fit_topics.cpp - fits of topic models: options checked, the engine run, the posterior made.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "fit/fit_conjugate.h"
#include "topics/known_words.h"
#include "topics/topics_model.h"
#include "velbo/error.h"
#include "velbo/random.h"
#include "velbo/topics.h"

namespace velbo {
namespace {

using internal::TopicSettings;
using internal::TopicState;

constexpr std::int64_t kMostTopics = 10000, kBatchOfSvi = 1024;
constexpr std::int64_t kDocumentsOfAStart = 20, kTokensOfAStart = 200;  // of each topic

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::argument, "topics: " + what); }

double concentration(const char* what, double value, std::int64_t n_topics) {
  if (value == 0) return 1 / static_cast<double>(n_topics);
  if (!(value >= internal::kLeastConcentration && value <= internal::kMostConcentration))
    refuse(fmt::format("{} is {}, expected {} to {}, or 0 for 1 / K", what, value, internal::kLeastConcentration,
                       internal::kMostConcentration));
  return value;
}

TopicSettings settings_of(const TopicOptions& options) {
  const std::int64_t k = options.n_topics;
  if (k < 1 || k > kMostTopics) refuse(fmt::format("n_topics is {}, expected 1 to {}", k, kMostTopics));
  if (!(options.local_tolerance > 0) || std::isinf(options.local_tolerance))
    refuse(fmt::format("local_tolerance is {}, expected a positive number", options.local_tolerance));
  if (options.local_iterations < 1)
    refuse(fmt::format("local_iterations is {}, expected 1 or more", options.local_iterations));
  return {k,
          concentration("alpha", options.alpha, k),
          concentration("eta", options.eta, k),
          options.learn_alpha,
          options.local_tolerance,
          options.local_iterations};
}

void check_corpus(const Corpus& corpus) {
  if (corpus.n_documents() == 0) throw Error(ErrorCode::data, "topics: the corpus has no documents");
  if (corpus.n_words() == 0) throw Error(ErrorCode::data, "topics: the corpus has no words");
}

// Noise, and the words of documents of each topic's own, at random: topics that all look like the whole corpus lead coordinate ascent to
// poor optima.
std::vector<double> random_start(const Corpus& corpus, std::int64_t n_topics, std::uint64_t seed) {
  std::vector<double> out(static_cast<std::size_t>(corpus.n_words() * n_topics));
  standard_normals(fold_in(make_key(seed, Purpose::step), 1), 0, 0, 0, std::span<double>(out));
  for (double& value : out) value = std::exp(value / 10);
  const std::vector<std::int64_t> order = internal::document_order(corpus, seed);
  const auto each = std::clamp<std::int64_t>(corpus.n_documents() / n_topics, 1, kDocumentsOfAStart);
  std::size_t next = 0;
  for (std::int64_t k = 0; k < n_topics; ++k) {
    std::int64_t n_tokens = 0;
    for (std::int64_t i = 0; i < each && n_tokens < kTokensOfAStart; ++i, ++next)
      for (const WordCount& entry : corpus.document(order[next % order.size()])) {
        out[static_cast<std::size_t>(entry.word * n_topics + k)] += entry.count;
        n_tokens += entry.count;
      }
  }
  return out;
}

std::vector<double> given_start(const TopicOptions& options, const TopicSettings& settings, const Corpus& corpus) {
  const auto k_count = static_cast<std::size_t>(settings.n_topics),
             v_count = static_cast<std::size_t>(corpus.n_words());
  if (options.init) {
    const TopicState& init = options.init->state();
    if (init.settings.n_topics != settings.n_topics || init.n_words != corpus.n_words())
      refuse(fmt::format("init has {} topics of {} words, but the fit has {} of {}", init.settings.n_topics,
                         init.n_words, settings.n_topics, corpus.n_words()));
    if (!init.vocabulary.empty() && !corpus.vocabulary().empty() && init.vocabulary != corpus.vocabulary())
      refuse("init has another vocabulary than the corpus");
    return init.statistics;
  }
  const std::vector<double>& topics = options.initial_topics;
  if (topics.empty()) return random_start(corpus, settings.n_topics, options.fit.seed);
  if (topics.size() != k_count * v_count)
    refuse(fmt::format("initial_topics has {} elements, expected {} topics times {} words", topics.size(), k_count,
                       v_count));
  std::vector<double> out(topics.size());
  for (std::size_t k = 0; k < k_count; ++k)
    for (std::size_t v = 0; v < v_count; ++v) {
      const double lambda = topics[k * v_count + v];
      if (!(lambda > 0) || std::isinf(lambda))
        refuse(fmt::format("initial_topics of topic {}, word {} is {}, expected a positive number", k, v, lambda));
      out[v * k_count + k] = std::max(0.0, lambda - settings.eta);
    }
  return out;
}

internal::Identity identity_of(const Corpus& corpus, const TopicSettings& settings, const TopicState* earlier,
                               const TopicOptions& options) {
  internal::Identity out = {{"model", "topics"},
                            {"topics", std::to_string(settings.n_topics)},
                            {"documents", std::to_string(corpus.n_documents())},
                            {"words", std::to_string(corpus.n_words())},
                            {"alpha", fmt::format("{:a}{}", settings.alpha, settings.learn_alpha ? ", learnt" : "")},
                            {"eta", fmt::format("{:a}", settings.eta)},
                            {"local", fmt::format("{:a}, {}", settings.local_tolerance, settings.local_iterations)},
                            {"earlier documents", std::to_string(earlier != nullptr ? earlier->n_documents : 0)},
                            {"start", options.init                     ? "a model"
                                      : options.initial_topics.empty() ? "random"
                                                                       : "topics"}};
  if (!options.fit.checkpoint.empty() || !options.fit.resume.empty())
    out["data"] = fmt::format("{:08x}", internal::corpus_checksum(corpus.store()));
  return out;
}

template <class T>
TopicModel fit_in(const Corpus& corpus, const TopicSettings& settings, const TopicState* earlier,
                  const TopicOptions& options) {
  const Context context(options.fit.device.value_or(Device{}), options.fit.threads);
  internal::TopicsModel<T> model(context, corpus, settings, earlier, options.fit.seed);
  std::vector<double> start;
  if (earlier != nullptr) {
    start.assign(earlier->statistics.size(), 0.0);  // the earlier topics themselves
  } else {
    start = given_start(options, settings, corpus);
  }
  start.resize(static_cast<std::size_t>(model.n_statistics()), 0.0);
  internal::ConjugateFit fit = internal::fit_conjugate(model, std::move(start), options.fit, context,
                                                       identity_of(corpus, settings, earlier, options));
  fit.run.device_reason =
      options.fit.device ? "asked for" : "no fit of topic models has been timed on a CUDA device, so auto stays here";
  auto state = std::make_shared<TopicState>();
  state->settings = settings;
  state->n_words = corpus.n_words();
  state->n_documents = corpus.n_documents();
  const std::ptrdiff_t n_entries = corpus.n_words() * settings.n_topics;
  state->statistics.assign(fit.statistics.begin(), fit.statistics.begin() + n_entries);
  state->alpha_statistics.assign(fit.statistics.begin() + n_entries, fit.statistics.end());
  if (earlier != nullptr) {
    state->n_documents += earlier->n_documents;
    for (std::size_t i = 0; i < state->statistics.size(); ++i) state->statistics[i] += earlier->statistics[i];
    for (std::size_t i = 0; i < state->alpha_statistics.size(); ++i)
      state->alpha_statistics[i] += earlier->alpha_statistics[i];
  }
  for (double& value : state->statistics) value = std::max(0.0, value);
  state->alpha = model.alpha();
  state->vocabulary = corpus.vocabulary().empty() && earlier != nullptr ? earlier->vocabulary : corpus.vocabulary();
  state->run = std::move(fit.run);
  state->word_iterations = model.word_iterations();
  state->derive();
  return TopicModel(std::move(state));
}

TopicModel fit_resolved(const Corpus& corpus, const TopicSettings& settings, const TopicState* earlier,
                        const TopicOptions& options) {
  check_corpus(corpus);
  TopicOptions resolved = options;
  const std::int64_t n = corpus.n_documents();
  const std::int64_t batch =
      options.fit.engine == ConjugateEngine::svi ? std::min(n, kBatchOfSvi) : std::max<std::int64_t>(1, (n + 9) / 10);
  resolved.fit = internal::resolve(options.fit, n, batch);
  if (resolved.fit.scalar == Scalar::automatic) resolved.fit.scalar = Scalar::float32;
  try {
    return resolved.fit.scalar == Scalar::float32 ? fit_in<float>(corpus, settings, earlier, resolved)
                                                  : fit_in<double>(corpus, settings, earlier, resolved);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::memory, fmt::format("out of memory: {} topics of {} words and {} documents, engine {}",
                                               settings.n_topics, corpus.n_words(), n, name(resolved.fit.engine)));
  }
}

}  // namespace

TopicModel fit_topics(const Corpus& corpus, const TopicOptions& options) {
  if (options.init && !options.initial_topics.empty()) refuse("init and initial_topics exclude each other");
  return fit_resolved(corpus, settings_of(options), nullptr, options);
}

TopicModel partial_fit(const TopicModel& model, const Corpus& corpus, const PartialFitOptions& options) {
  const internal::KnownCorpus known = internal::known_words(model.state(), corpus, options.unknown_words, true);
  TopicState earlier = model.state();
  earlier.n_words = known.corpus.n_words();
  earlier.statistics.resize(static_cast<std::size_t>(earlier.n_words * earlier.settings.n_topics), 0.0);
  TopicOptions with;
  with.n_topics = earlier.settings.n_topics;
  with.fit = options.fit;
  return fit_resolved(known.corpus, earlier.settings, &earlier, with);
}

}  // namespace velbo

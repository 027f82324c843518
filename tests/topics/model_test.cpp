// Fits of topic models through the public interface, and what a fitted model says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/errors.h"
#include "support/scratch.h"
#include "topics/simulated_corpus.h"
#include "velbo/topics.h"

namespace velbo {
namespace {

using test::corpus_of;
using test::error_of;
using test::ScratchFolder;
using test::simulate_corpus;
using test::SimulatedCorpus;

TopicOptions options_of(std::int64_t n_topics, ConjugateEngine engine = ConjugateEngine::automatic) {
  TopicOptions options;
  options.n_topics = n_topics;
  options.fit.engine = engine;
  options.fit.max_passes = 30;
  options.fit.tolerance = 1e-4;
  return options;
}

// Of each true topic the largest cosine with a fitted one.
double worst_match(const std::vector<double>& truth, const std::vector<double>& fitted, std::size_t n_topics) {
  const std::size_t v_count = truth.size() / n_topics;
  double worst = 1;
  for (std::size_t a = 0; a < n_topics; ++a) {
    double best = 0;
    for (std::size_t b = 0; b < n_topics; ++b) {
      double product = 0, of_a = 0, of_b = 0;
      for (std::size_t v = 0; v < v_count; ++v) {
        product += truth[a * v_count + v] * fitted[b * v_count + v];
        of_a += truth[a * v_count + v] * truth[a * v_count + v];
        of_b += fitted[b * v_count + v] * fitted[b * v_count + v];
      }
      best = std::max(best, product / std::sqrt(of_a * of_b));
    }
    worst = std::min(worst, best);
  }
  return worst;
}

TEST(TopicFits, EveryEngineRecoversTheTopics) {
  const SimulatedCorpus simulated = simulate_corpus(1500, 200, 5, 60, 21);
  for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi})
    for (const bool learn : {false, true}) {
      SCOPED_TRACE(testing::Message() << name(engine) << (learn ? ", alpha learnt" : ""));
      TopicOptions options = options_of(5, engine);
      options.learn_alpha = learn;
      options.fit.max_passes = 60;
      if (engine == ConjugateEngine::svi) options.fit.batch_size = 100;
      // Other starts may end with two topics in one: the best of three is looked at.
      double best = 0;
      for (options.fit.seed = 1; options.fit.seed <= 3; ++options.fit.seed)
        best = std::max(best, worst_match(simulated.topics, fit_topics(simulated.corpus, options).topics(), 5));
      EXPECT_GT(best, 0.98);
    }
}

TEST(TopicFits, SameBitsWhateverTheThreads) {
  const Corpus corpus = simulate_corpus(400, 150, 4, 40, 3).corpus;
  for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi}) {
    TopicOptions options = options_of(7, engine);
    options.learn_alpha = true;
    options.fit.max_passes = 5;
    options.fit.threads = 1;
    const TopicModel one = fit_topics(corpus, options);
    options.fit.threads = 3;
    const TopicModel three = fit_topics(corpus, options);
    EXPECT_EQ(one.topic_parameters(), three.topic_parameters());
    EXPECT_EQ(one.alpha(), three.alpha());
    EXPECT_EQ(one.run().elbo, three.run().elbo);
    EXPECT_EQ(one.transform(corpus, {.threads = 1}), one.transform(corpus, {.threads = 4}));
  }
}

TEST(TopicFits, FloatIsCloseToDouble) {
  const Corpus corpus = simulate_corpus(300, 150, 4, 40, 3).corpus;
  TopicOptions options = options_of(6, ConjugateEngine::cavi);
  options.fit.max_passes = 4;
  options.fit.scalar = Scalar::float32;
  const TopicModel in_float = fit_topics(corpus, options);
  EXPECT_EQ(in_float.run().scalar, "float");
  options.fit.scalar = Scalar::float64;
  const TopicModel in_double = fit_topics(corpus, options);
  EXPECT_NEAR(in_float.run().elbo, in_double.run().elbo, 1e-4 * std::abs(in_double.run().elbo));
  const std::vector<double> a = in_float.topics(), b = in_double.topics();
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-3 * (0.01 + b[i])) << i;
}

TEST(TopicFits, AnInterruptedFitGoesOnWithTheSameBits) {
  const Corpus corpus = simulate_corpus(200, 80, 3, 30, 13).corpus;
  for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi}) {
    SCOPED_TRACE(name(engine));
    const ScratchFolder folder;
    TopicOptions options = options_of(4, engine);
    options.learn_alpha = true;
    options.fit.batch_size = engine == ConjugateEngine::cavi ? 0 : 33;
    options.fit.max_passes = 6;
    const TopicModel whole = fit_topics(corpus, options);
    TopicOptions cut = options;
    cut.fit.checkpoint = folder.file("state");
    std::int64_t steps = 0;
    cut.fit.progress = [&](const StepReport&) { return ++steps < 3; };
    EXPECT_EQ(fit_topics(corpus, cut).run().status, Status::interrupted);
    TopicOptions rest = options;
    rest.fit.resume = folder.file("state");
    const TopicModel resumed = fit_topics(corpus, rest);
    EXPECT_EQ(resumed.topic_parameters(), whole.topic_parameters());
    EXPECT_EQ(resumed.alpha(), whole.alpha());
    EXPECT_EQ(resumed.run().elbo, whole.run().elbo);
    EXPECT_EQ(resumed.run().elbo_trace, whole.run().elbo_trace);
    rest.n_topics = 5;
    EXPECT_NE(error_of([&] { fit_topics(corpus, rest); }).find("is of a fit with"), std::string::npos);
  }
}

TEST(TopicFits, AMappedCorpusIsTheSameAsOneInMemory) {
  const ScratchFolder folder;
  const Corpus corpus = simulate_corpus(150, 60, 3, 30, 4).corpus;
  save_corpus(folder.file("c.corpus"), corpus);
  const Corpus mapped = Corpus::read(folder.file("c.corpus"));
  const TopicOptions options = options_of(4, ConjugateEngine::svi);
  EXPECT_EQ(fit_topics(mapped, options).topic_parameters(), fit_topics(corpus, options).topic_parameters());
}

TEST(TopicFits, OddCorporaAreFittedOrRefused) {
  // More topics than words and documents, empty documents, a word that is never there.
  const Corpus corpus = corpus_of(4, {{}, {{0, 3}}, {{1, 1}, {3, 2}}, {}});
  for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi})
    for (const bool learn : {false, true}) {
      TopicOptions options = options_of(20, engine);
      options.learn_alpha = learn;
      const TopicModel model = fit_topics(corpus, options);
      EXPECT_TRUE(std::isfinite(model.run().elbo));
      for (const double p : model.topics()) EXPECT_TRUE(p > 0 && p < 1);
      const std::vector<double> shares = model.transform(corpus);
      for (std::size_t d = 0; d < 4; ++d) {
        double sum = 0;
        for (std::size_t k = 0; k < 20; ++k) sum += shares[d * 20 + k];
        EXPECT_NEAR(sum, 1, 1e-6);
      }
      double total_alpha = 0;
      for (const double a : model.alpha()) total_alpha += a;
      for (std::size_t k = 0; k < 20; ++k) EXPECT_NEAR(shares[k], model.alpha()[k] / total_alpha, 1e-5);
      // Words that are never there are as likely in each topic as the prior and the other words leave them.
      EXPECT_TRUE(std::isfinite(model.complete_documents(corpus).log_predictive));
    }
  // No tokens at all.
  const TopicModel nothing = fit_topics(corpus_of(3, {{}, {}}), options_of(2));
  EXPECT_NEAR(nothing.run().elbo, 0, 1e-9);
  EXPECT_TRUE(std::isnan(nothing.complete_documents(corpus_of(3, {{}})).log_predictive));

  EXPECT_EQ(error_of([&] { fit_topics(corpus, {}); }), "argument| topics: n_topics is 0, expected 1 to 10000");
  EXPECT_EQ(error_of([&] { fit_topics(Corpus(), options_of(2)); }), "data| topics: the corpus has no documents");
  EXPECT_EQ(error_of([&] { fit_topics(corpus_of(0, {{}}), options_of(2)); }), "data| topics: the corpus has no words");
  TopicOptions wrong = options_of(2);
  wrong.alpha = -1;
  EXPECT_EQ(error_of([&] { fit_topics(corpus, wrong); }),
            "argument| topics: alpha is -1, expected 1e-06 to 1000000, or 0 for 1 / K");
  wrong = options_of(2);
  wrong.eta = NAN;
  EXPECT_NE(error_of([&] { fit_topics(corpus, wrong); }).find("eta is nan"), std::string::npos);
  wrong = options_of(2);
  wrong.initial_topics = {1, 2, 3};
  EXPECT_EQ(error_of([&] { fit_topics(corpus, wrong); }),
            "argument| topics: initial_topics has 3 elements, expected 2 topics times 4 words");
  wrong.initial_topics = {1, 2, 3, 4, 5, 6, 0, 8};
  EXPECT_EQ(error_of([&] { fit_topics(corpus, wrong); }),
            "argument| topics: initial_topics of topic 1, word 2 is 0, expected a positive number");
  wrong = options_of(2);
  wrong.fit.device = Device{DeviceKind::cuda, 99};
  EXPECT_EQ(error_of([&] { fit_topics(corpus, wrong); }).rfind("device| device cuda:99 is not usable", 0), 0U)
      << error_of([&] { fit_topics(corpus, wrong); });
}

// A model of known numbers: the topics that a fit starts from, after a fit to nothing.
TopicModel known_model(const std::vector<double>& lambda, std::int64_t n_words,
                       std::vector<std::string> vocabulary = {}) {
  TopicOptions options = options_of(static_cast<std::int64_t>(lambda.size()) / n_words, ConjugateEngine::svi);
  options.initial_topics = lambda;
  options.eta = 0.5;
  options.alpha = 0.4;
  options.fit.delay = 1e12;  // a step of nothing
  options.fit.forgetting = 1;
  options.fit.max_passes = 1;
  options.fit.scalar = Scalar::float64;
  return fit_topics(corpus_of(n_words, {{}}, std::move(vocabulary)), options);
}

TEST(TopicModels, TopWordsLiftAndWeightsAreTheDefinitions) {
  const TopicModel model = known_model({4, 3, 2, 1, 1, 1, 1, 7}, 4, {"a", "b", "c", "d"});
  // Expected counts: lambda less eta.
  const std::vector<double> weights = model.topic_weights();
  EXPECT_NEAR(weights[0], 8.0 / 16, 1e-9);
  const std::vector<TopWord> words = model.top_words(0, 2);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0].text, "a");
  EXPECT_EQ(words[1].text, "b");
  EXPECT_NEAR(words[0].probability, 0.4, 1e-9);
  EXPECT_NEAR(words[0].lift, 0.4 / (0.5 * 0.4 + 0.5 * 0.1), 1e-9);
  EXPECT_EQ(model.top_words(1, 100).size(), 4U);
  EXPECT_EQ(model.top_words(1, 3)[1].text, "a");  // as probable as b and c: the first of them
  EXPECT_EQ(error_of([&] { (void)model.top_words(2); }), "argument| topic is 2, expected 0 to 1");
}

TEST(TopicModels, CoherenceIsTheDefinition) {
  const TopicModel model = known_model({9, 7, 5, 1, 1, 1, 9, 7}, 4);
  // Topic 0: words 0, 1, 2; topic 1: words 2, 3, 0.
  const Corpus corpus = corpus_of(4, {{{0, 2}, {1, 1}}, {{0, 1}}, {{1, 1}, {2, 4}}, {{0, 1}, {1, 2}}, {{3, 1}}});
  const TopicCoherence got = model.coherence(corpus, 3);
  // D(0) = 3, D(1) = 3, D(2) = 1, D(3) = 1; D(0, 1) = 2, D(1, 2) = 1, all others 0.
  EXPECT_NEAR(got.umass[0], (std::log(3.0 / 3) + std::log(1.0 / 3) + std::log(2.0 / 3)) / 3, 1e-12);
  EXPECT_NEAR(got.npmi[0], (std::log(0.4 / 0.36) / -std::log(0.4) - 1 + std::log(0.2 / 0.12) / -std::log(0.2)) / 3,
              1e-12);
  EXPECT_NEAR(got.umass[1], (std::log(1.0 / 1) + std::log(1.0 / 1) + std::log(1.0 / 1)) / 3, 1e-12);
  EXPECT_NEAR(got.npmi[1], -1, 1e-12);
  EXPECT_EQ(error_of([&] { (void)model.coherence(corpus, 1); }),
            "argument| coherence of 1 words was asked for, expected at least 2");
}

TEST(TopicModels, DocumentCompletionIsTheDefinition) {
  const std::vector<double> lambda = {4, 3, 2, 1, 1, 1, 1, 7};
  const TopicModel model = known_model(lambda, 4);
  // Nothing observed: theta is the prior's mean.
  const Corpus empty = corpus_of(4, {{}, {}}), scored = corpus_of(4, {{{0, 2}}, {{3, 1}, {1, 1}}});
  const TopicUse use{.scalar = Scalar::float64};
  const DocumentCompletion none = model.complete_documents(empty, scored, use);
  EXPECT_EQ(none.n_tokens, 4);
  EXPECT_NEAR(none.log_predictive, (2 * std::log(0.25) + std::log(0.4) + std::log(0.2)) / 4, 1e-9);
  EXPECT_NEAR(none.perplexity, std::exp(-none.log_predictive), 1e-12);
  // Given halves the shares are those of transform().
  const Corpus observed = corpus_of(4, {{{0, 5}, {1, 2}}, {{3, 1}}});
  const std::vector<double> theta = model.transform(observed, use);
  const auto p = [&](std::size_t d, std::size_t v) {
    return theta[d * 2] * lambda[v] / 10 + theta[d * 2 + 1] * lambda[4 + v] / 10;
  };
  EXPECT_GT(theta[0], 0.7);
  EXPECT_NEAR(model.complete_documents(observed, scored, use).log_predictive,
              (2 * std::log(p(0, 0)) + std::log(p(1, 3)) + std::log(p(1, 1))) / 4, 1e-9);
  EXPECT_EQ(error_of([&] { (void)model.complete_documents(empty, corpus_of(4, {{}})); }),
            "shape| 2 documents are observed, but 1 scored");
}

TEST(TopicModels, HalvesAreHalves) {
  const Corpus corpus = simulate_corpus(300, 50, 3, 20, 5).corpus;
  const CorpusHalves halves = complete_halves(corpus, 7), other = complete_halves(corpus, 8);
  std::int64_t different = 0, first_observed = 0, n_even = 0;
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d) {
    std::vector<int> counts(50);
    int n = 0, n_observed = 0;
    for (const WordCount& entry : corpus.document(d)) {
      counts[static_cast<std::size_t>(entry.word)] += entry.count;
      n += entry.count;
    }
    for (const WordCount& entry : halves.observed.document(d)) {
      counts[static_cast<std::size_t>(entry.word)] -= entry.count;
      n_observed += entry.count;
    }
    for (const WordCount& entry : halves.scored.document(d))
      counts[static_cast<std::size_t>(entry.word)] -= entry.count;
    EXPECT_EQ(std::count(counts.begin(), counts.end(), 0), 50);
    EXPECT_EQ(n_observed, (n + 1) / 2);
    const auto a = halves.observed.document(d), b = other.observed.document(d);
    different += std::equal(a.begin(), a.end(), b.begin(), b.end()) ? 0 : 1;
    // Of documents with an even number of tokens the first one is in either half as often.
    if (n % 2 == 0) {
      ++n_even;
      const WordCount first = corpus.document(d).front();
      if (first.count == 1 && !a.empty() && a.front().word == first.word) ++first_observed;
    }
  }
  EXPECT_GT(different, 200);
  EXPECT_GT(first_observed, n_even / 10);
  EXPECT_LT(first_observed, n_even * 9 / 10);
}

TEST(TopicModels, SavedAndLoadedAreTheSame) {
  const ScratchFolder folder;
  const SimulatedCorpus simulated = simulate_corpus(100, 3, 2, 20, 5);
  std::vector<std::vector<WordCount>> documents;
  for (std::int64_t d = 0; d < 100; ++d)
    documents.emplace_back(simulated.corpus.document(d).begin(), simulated.corpus.document(d).end());
  const Corpus corpus = corpus_of(3, documents, {"eins", "zw\"ei", "dr\xC3\xBC"});
  TopicOptions options = options_of(2);
  options.learn_alpha = true;
  const TopicModel model = fit_topics(corpus, options);
  const std::string path = folder.file("model");
  model.save(path);
  const TopicModel loaded = TopicModel::load(path);
  EXPECT_EQ(loaded.topic_parameters(), model.topic_parameters());
  EXPECT_EQ(loaded.alpha(), model.alpha());
  EXPECT_EQ(loaded.vocabulary(), model.vocabulary());
  EXPECT_EQ(loaded.n_documents(), 100);
  EXPECT_EQ(loaded.run().elbo, model.run().elbo);
  EXPECT_EQ(loaded.run().elbo_trace, model.run().elbo_trace);
  EXPECT_EQ(loaded.run().status, model.run().status);
  EXPECT_EQ(loaded.transform(corpus), model.transform(corpus));
  // Further fits from either are the same too.
  EXPECT_EQ(partial_fit(loaded, corpus).topic_parameters(), partial_fit(model, corpus).topic_parameters());

  const std::string bytes = test::read_bytes(path);
  for (std::size_t at = 8; at < bytes.size(); at += 97) {
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 1);
    const std::string where = folder.file("broken", broken);
    EXPECT_EQ(error_of([&] { TopicModel::load(where); }).rfind("file| ", 0), 0U) << at;
  }
  const std::string cut = folder.file("cut", std::string_view(bytes).substr(0, bytes.size() / 2));
  EXPECT_EQ(error_of([&] { TopicModel::load(cut); }).rfind("file| ", 0), 0U);
}

TEST(PartialFits, OfOneTopicTheOrderOfDocumentsDoesNotMatter) {
  const Corpus a = corpus_of(3, {{{0, 3}, {2, 1}}, {{1, 2}}}), b = corpus_of(3, {{{2, 5}}, {{0, 1}, {1, 1}}});
  const Corpus both = corpus_of(3, {{{0, 3}, {2, 1}}, {{1, 2}}, {{2, 5}}, {{0, 1}, {1, 1}}});
  TopicOptions options = options_of(1);
  options.fit.scalar = Scalar::float64;
  const TopicModel first = fit_topics(a, options);
  const TopicModel second = partial_fit(first, b, {.fit = options.fit});
  const TopicModel whole = fit_topics(both, options);
  EXPECT_EQ(second.n_documents(), 4);
  for (std::size_t v = 0; v < 3; ++v) EXPECT_NEAR(second.topic_parameters()[v], whole.topic_parameters()[v], 1e-9);
  // The chain rule of evidence.
  EXPECT_NEAR(first.run().elbo + second.run().elbo, whole.run().elbo, 1e-9);
}

TEST(PartialFits, KeepAndImproveWhatIsKnown) {
  const SimulatedCorpus simulated = simulate_corpus(2000, 150, 4, 50, 31);
  std::vector<std::vector<WordCount>> parts[2];
  for (std::int64_t d = 0; d < 2000; ++d)
    parts[d < 400 ? 0 : 1].emplace_back(simulated.corpus.document(d).begin(), simulated.corpus.document(d).end());
  TopicOptions options = options_of(4);
  options.learn_alpha = true;
  options.fit.max_passes = 60;
  const TopicModel first = fit_topics(corpus_of(150, parts[0]), options);
  for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi}) {
    PartialFitOptions more;
    more.fit = options.fit;
    more.fit.engine = engine;
    more.fit.max_passes = 5;
    const TopicModel second = partial_fit(first, corpus_of(150, parts[1]), more);
    EXPECT_EQ(second.n_documents(), 2000);
    EXPECT_GT(worst_match(simulated.topics, second.topics(), 4), worst_match(simulated.topics, first.topics(), 4));
    for (std::size_t i = 1; engine != ConjugateEngine::svi && i < second.run().elbo_trace.size(); ++i)
      EXPECT_GE(second.run().elbo_trace[i], second.run().elbo_trace[i - 1] - 1e-6 * std::abs(second.run().elbo));
  }
}

TEST(PartialFits, UnknownWordsAreAnErrorOrAChoice) {
  const Corpus old_documents = corpus_of(3, {{{0, 3}, {2, 1}}, {{1, 2}}}, {"ant", "bee", "cat"});
  const Corpus new_documents = corpus_of(3, {{{0, 4}, {1, 1}}, {{2, 2}}}, {"dog", "cat", "ant"});
  const TopicModel model = fit_topics(old_documents, options_of(1));
  EXPECT_EQ(error_of([&] { partial_fit(model, new_documents); }),
            "data| document 0 has word \"dog\", which is not among the model's 3 words; leave such words out or, in "
            "partial_fit, let the vocabulary grow");
  const TopicModel grown = partial_fit(model, new_documents, {.unknown_words = UnknownWords::grow});
  EXPECT_EQ(grown.vocabulary(), (std::vector<std::string>{"ant", "bee", "cat", "dog"}));
  const std::vector<double> lambda = grown.topic_parameters();
  for (const auto& [v, count] : {std::pair<std::size_t, double>{0, 5}, {1, 2}, {2, 2}, {3, 4}})
    EXPECT_NEAR(lambda[v], model.eta() + count, 1e-5);
  const TopicModel left_out = partial_fit(model, new_documents, {.unknown_words = UnknownWords::leave_out});
  EXPECT_EQ(left_out.vocabulary(), model.vocabulary());
  EXPECT_NEAR(left_out.topic_parameters()[2], model.eta() + 2, 1e-5);

  EXPECT_EQ(error_of([&] { (void)model.transform(new_documents); }).substr(0, 36),
            "data| document 0 has word \"dog\", whi");
  EXPECT_EQ(error_of([&] { (void)model.transform(new_documents, {.unknown_words = UnknownWords::grow}); }),
            "argument| unknown_words is grow, expected error or leave_out: only partial_fit lets a vocabulary grow");
  EXPECT_EQ(model.transform(new_documents, {.unknown_words = UnknownWords::leave_out}).size(), 2U);
  const DocumentCompletion completion =
      model.complete_documents(new_documents, 1, {.unknown_words = UnknownWords::leave_out});
  EXPECT_EQ(completion.n_ignored, 4);
  // Without vocabularies ids are what counts.
  const TopicModel bare = fit_topics(corpus_of(3, {{{0, 3}, {2, 1}}}), options_of(1));
  EXPECT_EQ(error_of([&] {
              partial_fit(bare, corpus_of(5, {{{4, 1}}}));
            }).substr(0, 32),
            "data| document 0 has word 4, whi");
  EXPECT_EQ(partial_fit(bare, corpus_of(5, {{{4, 1}}}), {.unknown_words = UnknownWords::grow}).n_words(), 5);
  EXPECT_EQ(partial_fit(bare, corpus_of(2, {{{1, 1}}})).n_words(), 3);
}

TEST(TopicFits, WarmStartsBeginWhereTheModelEnded) {
  const Corpus corpus = simulate_corpus(300, 80, 4, 40, 17).corpus;
  TopicOptions options = options_of(4, ConjugateEngine::cavi);
  options.fit.max_passes = 40;
  const TopicModel first = fit_topics(corpus, options);
  TopicOptions again = options;
  again.init = first;
  again.fit.max_passes = 1;
  EXPECT_NEAR(fit_topics(corpus, again).run().elbo, first.run().elbo, 2e-3 * std::abs(first.run().elbo));
  again.n_topics = 5;
  EXPECT_EQ(error_of([&] { fit_topics(corpus, again); }),
            "argument| topics: init has 4 topics of 80 words, but the fit has 5 of 80");
}

// Real documents; topics that a person recognises are looked at in docs/topics.md.
TEST(TopicFits, OfNewsPredictHalvesOfDocuments) {
  const std::string folder = std::string(VELBO_SHARED_DATA_DIR) + "/corpora/";
  if (!std::ifstream(folder + "ap.dat")) GTEST_SKIP() << folder << " is not there";
  const Corpus corpus = Corpus::read(folder + "ap.dat", {.vocabulary = folder + "ap.vocab"});
  EXPECT_EQ(corpus.n_documents(), 2246);
  EXPECT_EQ(corpus.n_words(), 10473);
  EXPECT_EQ(corpus.n_tokens(), 435838);
  TopicOptions options = options_of(20, ConjugateEngine::svi);
  options.fit.batch_size = 256;
  options.fit.max_passes = 5;
  const TopicModel model = fit_topics(corpus, options), one = fit_topics(corpus, options_of(1));
  const double predictive = model.complete_documents(corpus).log_predictive;
  EXPECT_GT(predictive, one.complete_documents(corpus).log_predictive + 0.2);
  EXPECT_GT(predictive, -8.1);
}

}  // namespace
}  // namespace velbo

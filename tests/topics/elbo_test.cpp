// The ELBO of topic models, against closed forms and enumeration, and what the engines promise of it.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numeric>

#include "conjugate/dirichlet.h"
#include "engines/conjugate_engine.h"
#include "topics/simulated_corpus.h"
#include "topics/topics_model.h"

namespace velbo::internal {
namespace {

using test::corpus_of;
using test::simulate_corpus;

TopicSettings settings_of(std::int64_t n_topics, bool learn_alpha = false) {
  return {.n_topics = n_topics,
          .alpha = 0.3,
          .eta = 0.2,
          .learn_alpha = learn_alpha,
          .local_tolerance = 1e-3,
          .local_iterations = 100};
}

std::vector<double> start_of(const ConjugateModel& model, std::uint64_t seed, const TopicSettings& settings,
                             std::int64_t n_words) {
  std::mt19937_64 engine(seed);
  std::vector<double> out(static_cast<std::size_t>(model.n_statistics()));
  for (std::int64_t i = 0; i < n_words * settings.n_topics; ++i)
    out[static_cast<std::size_t>(i)] = std::gamma_distribution<double>(100, 0.01)(engine);
  return out;
}

TEST(TopicElbo, OfOneTopicIsTheLogEvidence) {
  const Corpus corpus = simulate_corpus(30, 70, 3, 25, 4).corpus;
  const TopicSettings settings = settings_of(1);
  std::vector<double> counts(70), prior(70, settings.eta);
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d)
    for (const WordCount& entry : corpus.document(d)) counts[static_cast<std::size_t>(entry.word)] += entry.count;
  const double log_evidence = dirichlet_categorical_log_evidence(prior, counts);
  TopicsModel<double> model(Context(), corpus, settings, nullptr, 1);
  Cavi cavi(model, start_of(model, 1, settings, 70));
  cavi.advance(1);
  EXPECT_NEAR(cavi.evaluate(), log_evidence, 1e-9);
  Memoized memoized(model, start_of(model, 1, settings, 70), {.batch_size = 7});
  memoized.advance(1);
  EXPECT_NEAR(memoized.evaluate(), log_evidence, 1e-9);
  Svi svi(model, start_of(model, 1, settings, 70), {.batch_size = 30, .delay = 0});
  svi.advance(1);
  EXPECT_NEAR(svi.evaluate(), log_evidence, 1e-9);
}

// Of tokens one after the other: all assignments of them to topics, whose evidence is closed-form.
double log_evidence(const Corpus& corpus, const TopicSettings& settings) {
  std::vector<std::pair<std::int64_t, std::int32_t>> tokens;
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d)
    for (const WordCount& entry : corpus.document(d))
      for (int i = 0; i < entry.count; ++i) tokens.emplace_back(d, entry.word);
  const auto k_count = static_cast<std::size_t>(settings.n_topics);
  const auto v_count = static_cast<std::size_t>(corpus.n_words());
  const std::vector<double> alpha(k_count, settings.alpha), eta(v_count, settings.eta);
  double total = 0;
  const auto n_codes = static_cast<std::size_t>(std::pow(k_count, tokens.size()));
  for (std::size_t code = 0; code < n_codes; ++code) {
    std::vector<std::vector<double>> of_document(static_cast<std::size_t>(corpus.n_documents()),
                                                 std::vector<double>(k_count));
    std::vector<std::vector<double>> of_topic(k_count, std::vector<double>(v_count));
    std::size_t rest = code;
    for (const auto& [d, v] : tokens) {
      of_document[static_cast<std::size_t>(d)][rest % k_count] += 1;
      of_topic[rest % k_count][static_cast<std::size_t>(v)] += 1;
      rest /= k_count;
    }
    double sum = 0;
    for (const auto& counts : of_document) sum += dirichlet_categorical_log_evidence(alpha, counts);
    for (const auto& counts : of_topic) sum += dirichlet_categorical_log_evidence(eta, counts);
    total += std::exp(sum);
  }
  return std::log(total);
}

TEST(TopicElbo, IsBelowTheLogEvidence) {
  const Corpus corpus = corpus_of(5, {{{0, 2}, {1, 1}}, {{2, 1}, {3, 2}}, {}, {{0, 1}, {4, 1}, {3, 1}}, {{1, 2}}});
  const TopicSettings settings = settings_of(2);
  const double evidence = log_evidence(corpus, settings);
  double best = -HUGE_VAL;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    TopicsModel<double> model(Context(), corpus, settings, nullptr, 1);
    Cavi cavi(model, start_of(model, seed, settings, 5));
    for (int i = 0; i < 100; ++i) {
      cavi.advance(1);
      ASSERT_LE(cavi.evaluate(), evidence);
    }
    best = std::max(best, cavi.evaluate());
  }
  // Not far below either: for eleven tokens within what a missing constant would be.
  EXPECT_GT(best, evidence - 4);
}

class NeverFalls : public ::testing::TestWithParam<bool> {};

TEST_P(NeverFalls, StepByStep) {
  const Corpus corpus = simulate_corpus(120, 90, 5, 30, 8).corpus;
  const TopicSettings settings = settings_of(5, GetParam());
  TopicsModel<double> model(Context(), corpus, settings, nullptr, 1), other(Context(), corpus, settings, nullptr, 1);
  Cavi cavi(model, start_of(model, 2, settings, 90));
  Memoized memoized(other, start_of(model, 2, settings, 90), {.batch_size = 25});
  std::vector<double> ends;
  for (ConjugateEngineBase* const engine :
       {static_cast<ConjugateEngineBase*>(&cavi), static_cast<ConjugateEngineBase*>(&memoized)}) {
    double last = -HUGE_VAL;
    for (int step = 0; step < 250; ++step) {
      engine->advance(1);
      const double elbo = engine->evaluate();
      ASSERT_GE(elbo, last - 1e-9 * std::abs(elbo)) << step;
      last = elbo;
    }
    ends.push_back(last);
  }
  // A model whose local factors start afresh finds at most as much, up to the local tolerance, and not much less.
  TopicsModel<double> fresh(Context(), corpus, settings, nullptr, 1);
  fresh.set_statistics(cavi.statistics());
  std::vector<double> again(cavi.statistics().size());
  const double elbo = fresh.local_step({0, 120}, false, again) + fresh.global_elbo();
  EXPECT_NEAR(elbo, cavi.evaluate(), 2e-3 * std::abs(elbo));
  EXPECT_NEAR(ends[0], ends[1], 0.02 * std::abs(ends[0]));
}
INSTANTIATE_TEST_SUITE_P(Alpha, NeverFalls, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "Learnt" : "Fixed"; });

// The ELBO from its parts: what the engines get from what does not move, and what the model says in one go.
TEST(TopicElbo, IsTheSumOfItsParts) {
  const Corpus corpus = simulate_corpus(60, 40, 3, 20, 6).corpus;
  for (const bool learn : {false, true}) {
    const TopicSettings settings = settings_of(3, learn);
    TopicsModel<double> model(Context(), corpus, settings, nullptr, 1);
    model.set_statistics(start_of(model, 3, settings, 40));
    std::vector<double> statistics(static_cast<std::size_t>(model.n_statistics()));
    const double local = model.local_step({0, 60}, true, statistics);
    const double rest = local - model.statistics_term(statistics);
    model.set_statistics(statistics);
    const double elbo = rest + model.statistics_term(statistics) + model.global_elbo();
    EXPECT_LT(local - 1e3, elbo);
    // By hand, for the globals that have just been set: -KL of topics by another function.
    double kl = 0;
    const std::vector<double> prior(40, settings.eta);
    for (std::size_t k = 0; k < 3; ++k) {
      std::vector<double> q(40);
      for (std::size_t v = 0; v < 40; ++v) q[v] = settings.eta + statistics[v * 3 + k];
      kl += dirichlet_kl(q, prior);
    }
    EXPECT_NEAR(model.global_elbo(), -kl, 1e-9 * kl);
  }
}

TEST(TopicElbo, AStochasticStepOfAllDocumentsIsCoordinateAscent) {
  const Corpus corpus = simulate_corpus(200, 80, 5, 30, 12).corpus;
  for (const bool learn : {false, true}) {
    const TopicSettings settings = settings_of(5, learn);
    TopicsModel<double> model(Context(), corpus, settings, nullptr, 1), other(Context(), corpus, settings, nullptr, 1);
    Cavi cavi(model, start_of(model, 5, settings, 80));
    Svi svi(other, start_of(model, 5, settings, 80), {.batch_size = 200, .delay = 0});
    cavi.advance(1);
    svi.advance(1);
    for (std::size_t i = 0; i < cavi.statistics().size(); ++i)
      ASSERT_NEAR(svi.statistics()[i], cavi.statistics()[i], 1e-12 * std::abs(cavi.statistics()[i])) << i;
    EXPECT_EQ(model.alpha(), other.alpha());
    if (learn) {
      EXPECT_NE(model.alpha()[0], 0.3);
    }
  }
}

// Alpha is where the ELBO's gradient by it vanishes, and a small move either way loses.
TEST(TopicElbo, TheLearntAlphaIsTheMaximiser) {
  const Corpus corpus = simulate_corpus(300, 60, 4, 40, 2, 0.15).corpus;
  const TopicSettings settings = settings_of(4, true);
  TopicsModel<double> model(Context(), corpus, settings, nullptr, 1);
  Cavi cavi(model, start_of(model, 5, settings, 60));
  cavi.advance(30);
  const std::size_t n = 60 * 4;
  const std::vector<double>& s = cavi.statistics();
  EXPECT_EQ(s[n + 4], 300);
  const auto objective = [&](const std::vector<double>& alpha) {
    double sum = -s[n + 4] * dirichlet_log_beta(alpha);
    for (std::size_t k = 0; k < 4; ++k) sum += (alpha[k] - 1) * s[n + k];
    return sum;
  };
  const double best = objective(model.alpha());
  for (std::size_t k = 0; k < 4; ++k)
    for (const double factor : {0.99, 1.01}) {
      std::vector<double> moved = model.alpha();
      moved[k] *= factor;
      EXPECT_LT(objective(moved), best);
    }
}

}  // namespace
}  // namespace velbo::internal

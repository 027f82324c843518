// The local step and the expectations behind it, against definitions in long double: on every device that has them (ops/device.h).
#include "topics/topic_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "conjugate/dirichlet.h"
#include "ops/device.h"
#include "topics/reference.h"
#include "topics/simulated_corpus.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {
namespace {

using test::corpus_of;
using test::digamma_long;
using test::expected_log_topics;
using test::Reference;
using test::reference;
using test::simulate_corpus;
using test::SimulatedCorpus;

class TopicStepTest : public DeviceTest {};

struct Case {
  std::size_t n_topics, n_words;
  int length;
  double alpha, eta;
};

template <class T>
void compare(const Case& c, double tolerance_of_test, int threads = 1) {
  SCOPED_TRACE(testing::Message() << c.n_topics << " topics, " << c.n_words << " words, length " << c.length);
  const Corpus corpus =
      simulate_corpus(c.n_topics < 50 ? 12 : 4, c.n_words, c.n_topics, c.length, 3 + c.n_topics).corpus;
  std::mt19937_64 engine(7);
  std::vector<double> statistics(c.n_words * c.n_topics), lambda;
  for (double& value : statistics) value = std::gamma_distribution<double>(0.3, 5)(engine);
  for (const double value : statistics) lambda.push_back(c.eta + value);
  std::vector<double> alpha(c.n_topics);
  for (std::size_t k = 0; k < c.n_topics; ++k) alpha[k] = c.alpha * (1 + 0.1 * static_cast<double>(k % 7));

  const auto k_count = static_cast<std::int64_t>(c.n_topics);
  TopicStep<T> step(test_context(threads), corpus.n_words(), k_count, 1e-3, 100);
  step.set_globals({corpus.n_words(), k_count, c.eta, nullptr, statistics.data()});
  step.set_alpha(alpha);
  std::vector<T> gamma(static_cast<std::size_t>(corpus.n_documents() * step.stride()), T(1));
  std::vector<double> sums(lambda.size()), expected_log(c.n_topics);
  typename TopicStep<T>::Job job;
  job.corpus = &corpus.store();
  job.units = {0, corpus.n_documents()};
  job.gamma = gamma.data();
  job.statistics = sums.data();
  job.expected_log = expected_log.data();
  const double value = step.run(job);
  if (step.keeps_gamma()) step.fetch_gamma(gamma.data());

  const std::vector<long double> log_topics = expected_log_topics(lambda, c.n_topics);
  long double value_sum = 0;
  std::vector<long double> sums_sum(lambda.size()), log_sum(c.n_topics);
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d) {
    const Reference r = reference(corpus.document(d), c.n_words, log_topics, alpha, 100, 1e-3);
    value_sum += r.value;
    for (std::size_t i = 0; i < sums_sum.size(); ++i) sums_sum[i] += r.statistics[i];
    for (std::size_t k = 0; k < c.n_topics; ++k) {
      log_sum[k] += r.expected_log[k];
      const double got = static_cast<double>(gamma[static_cast<std::size_t>(d * step.stride()) + k]);
      ASSERT_NEAR(got, static_cast<double>(r.gamma[k]), tolerance_of_test * (1 + static_cast<double>(r.gamma[k])))
          << "document " << d << ", topic " << k;
    }
  }
  EXPECT_NEAR(value, static_cast<double>(value_sum), tolerance_of_test * std::abs(static_cast<double>(value_sum)));
  double total = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    total += sums[i];
    ASSERT_NEAR(sums[i], static_cast<double>(sums_sum[i]), tolerance_of_test * (1 + sums[i])) << i;
  }
  EXPECT_NEAR(total, static_cast<double>(corpus.n_tokens()), tolerance_of_test * total);
  for (std::size_t k = 0; k < c.n_topics; ++k)
    ASSERT_NEAR(expected_log[k], static_cast<double>(log_sum[k]),
                tolerance_of_test * 100 * (1 + std::abs(expected_log[k])))
        << k;
}

const Case kCases[] = {{1, 30, 10, 0.5, 0.1},    {2, 40, 3, 1, 1},        {5, 60, 30, 0.2, 0.05},
                       {16, 300, 100, 0.1, 0.1}, {17, 50, 12, 0.3, 0.02}, {50, 800, 200, 0.02, 0.02},
                       {130, 700, 200, 0.1, 0.1}};

TEST_F(TopicStepTest, IsTheDefinitionInDouble) {
  for (const Case& c : kCases) compare<double>(c, 1e-11);
}

// The iteration ends by the same rule, but an iteration more or less moves gamma by the tolerance: looser.
TEST_F(TopicStepTest, IsTheDefinitionInFloat) {
  for (const Case& c : kCases) compare<float>(c, 2e-3);
}

TEST_F(TopicStepTest, ExpectationsAreThoseOfDirichlets) {
  const std::size_t n_topics = 7, n_words = 400;
  std::mt19937_64 engine(3);
  std::vector<double> statistics(n_topics * n_words), base(statistics.size()), other(statistics.size());
  for (double& value : statistics) value = std::pow(10, std::uniform_real_distribution<double>(-8, 5)(engine));
  for (double& value : base) value = std::gamma_distribution<double>(0.5)(engine);
  for (double& value : other) value = std::gamma_distribution<double>(2)(engine);
  for (const double* const earlier : {static_cast<const double*>(nullptr), static_cast<const double*>(base.data())}) {
    TopicStep<double> step(test_context(2), n_words, n_topics, 1e-3, 100);
    step.set_globals({n_words, n_topics, 0.01, earlier, statistics.data()});
    long double expected = 0, log_gamma_sum = 0, moved = 0;
    for (std::size_t k = 0; k < n_topics; ++k) {
      long double total = 0;
      const auto lambda = [&](std::size_t i) {
        return static_cast<long double>(0.01) + (earlier != nullptr ? base[i] : 0) + statistics[i];
      };
      for (std::size_t i = k; i < statistics.size(); i += n_topics) total += lambda(i);
      EXPECT_NEAR(step.total()[k], static_cast<double>(total), 1e-12 * static_cast<double>(total));
      for (std::size_t i = k; i < statistics.size(); i += n_topics) {
        expected += other[i] * (digamma_long(lambda(i)) - digamma_long(total));
        moved += statistics[i] * (digamma_long(lambda(i)) - digamma_long(total));
        log_gamma_sum += std::lgamma(lambda(i));
      }
    }
    EXPECT_NEAR(step.expected_log_sum(other.data()), static_cast<double>(expected),
                1e-12 * std::abs(static_cast<double>(expected)));
    double log_gamma_got = 0, moved_got = 0;
    for (std::size_t k = 0; k < n_topics; ++k) {
      log_gamma_got += step.log_gamma()[k];
      moved_got += step.expected()[k];
    }
    EXPECT_NEAR(log_gamma_got, static_cast<double>(log_gamma_sum),
                1e-12 * std::abs(static_cast<double>(log_gamma_sum)));
    EXPECT_NEAR(moved_got, static_cast<double>(moved), 1e-12 * std::abs(static_cast<double>(moved)));
  }
}

// Two topics that share no words, priors so small that no float holds what the words say of the other topic: the start has to be left
// alone by the first word's topic and found by the second's.
template <class T>
void underflow(double eta, double alpha, bool careful) {
  const std::size_t n_words = 4, k_count = 2;
  const Corpus corpus = corpus_of(n_words, {{{0, 3}}, {{0, 50}, {2, 1}}, {{0, 1}, {1, 1}, {2, 1}, {3, 1}}});
  const std::vector<double> statistics = {9, 0, 7, 0, 0, 8, 0, 11};
  std::vector<double> lambda;
  for (const double value : statistics) lambda.push_back(eta + value);
  TopicStep<T> step(test_context(), n_words, k_count, 1e-9, 1);
  step.set_globals({n_words, k_count, eta, nullptr, statistics.data()});
  step.set_alpha(std::vector<double>(k_count, alpha));
  // Where documents of the first topic alone would be; one document then brings a word of the other.
  std::vector<T> gamma(static_cast<std::size_t>(3 * step.stride()), T(1));
  if (careful)
    for (std::int64_t d = 0; d < 3; ++d) {
      gamma[static_cast<std::size_t>(d * step.stride())] = T(50 + alpha);
      gamma[static_cast<std::size_t>(d * step.stride()) + 1] = static_cast<T>(alpha);
    }
  std::vector<double> sums(lambda.size()), expected_log(k_count);
  typename TopicStep<T>::Job job;
  job.corpus = &corpus.store();
  job.units = {0, 3};
  job.gamma = gamma.data();
  job.statistics = sums.data();
  job.expected_log = expected_log.data();
  const double value = step.run(job);
  if (step.keeps_gamma()) step.fetch_gamma(gamma.data());
  EXPECT_TRUE(std::isfinite(value)) << value;
  double total = 0;
  for (const double sum : sums) {
    EXPECT_TRUE(sum >= 0 && std::isfinite(sum));
    total += sum;
  }
  EXPECT_NEAR(total, static_cast<double>(corpus.n_tokens()), 1e-4);
  for (const T g : gamma) EXPECT_TRUE(std::isfinite(g));
  for (const double sum : expected_log) EXPECT_TRUE(std::isfinite(sum));
}

TEST_F(TopicStepTest, NumbersTooSmallForTheArithmeticAreNoTrouble) {
  for (const double eta : {1e-6, 1e-3, 0.01})
    for (const double alpha : {1e-6, 1e-3, 0.02})
      for (const bool careful : {false, true}) {
        SCOPED_TRACE(testing::Message() << "eta " << eta << ", alpha " << alpha);
        underflow<float>(eta, alpha, careful);
        underflow<double>(eta, alpha, careful);
      }
}

TEST_F(TopicStepTest, TheCarefulWayIsTheSameStep) {
  const SimulatedCorpus simulated = simulate_corpus(20, 50, 4, 20, 9);
  const Corpus& corpus = simulated.corpus;
  std::vector<double> statistics(50 * 4, 0.5), lambda;
  for (std::size_t i = 0; i < statistics.size(); ++i) statistics[i] += simulated.topics[(i % 4) * 50 + i / 4] * 100;
  for (const double value : statistics) lambda.push_back(0.1 + value);
  const std::vector<double> alpha = {0.1, 0.2, 0.3, 0.4};
  std::vector<double> digamma_total(4), gamma(4), expected_log(4);
  for (std::size_t i = 0; i < lambda.size(); ++i) digamma_total[i % 4] += lambda[i];
  for (double& value : digamma_total) value = digamma_of(value);
  const std::vector<long double> log_topics = expected_log_topics(lambda, 4);
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d) {
    std::vector<double> sums(lambda.size());
    gamma.assign(4, 1);
    const double value =
        careful_document(corpus.document(d), {50, 4, 0.1, nullptr, statistics.data()}, digamma_total, alpha,
                         -dirichlet_log_beta(alpha), 1e-6, 100, gamma, expected_log, sums.data());
    const Reference r = reference(corpus.document(d), 50, log_topics, alpha, 100, 1e-6);
    EXPECT_NEAR(value, static_cast<double>(r.value), 1e-11 * std::abs(value));
    for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(gamma[k], static_cast<double>(r.gamma[k]), 1e-11);
    for (std::size_t i = 0; i < sums.size(); ++i) EXPECT_NEAR(sums[i], static_cast<double>(r.statistics[i]), 1e-11);
  }
}

TEST_F(TopicStepTest, SameBitsWhateverTheThreads) {
  const Corpus corpus = simulate_corpus(emulated() ? 60 : 9000, 300, 20, 40, 5).corpus;  // more than two blocks
  std::vector<std::vector<double>> results;
  for (const int threads : {1, 2, 5}) {
    std::vector<double> statistics(300 * 20);
    std::mt19937_64 engine(1);
    for (double& value : statistics) value = std::gamma_distribution<double>(1)(engine);
    TopicStep<float> step(test_context(threads), 300, 20, 1e-3, 30);
    step.set_globals({300, 20, 0.1, nullptr, statistics.data()});
    step.set_alpha(std::vector<double>(20, 0.1));
    std::vector<double> sums(statistics.size() + 20);
    TopicStep<float>::Job job;
    job.corpus = &corpus.store();
    job.units = {0, corpus.n_documents()};
    job.statistics = sums.data();
    job.expected_log = sums.data() + statistics.size();
    sums.push_back(step.run(job));
    sums.push_back(step.expected_log_sum(statistics.data()));
    results.push_back(sums);
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

}  // namespace
}  // namespace velbo::internal

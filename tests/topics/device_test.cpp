// Fits of topic models on a CUDA device against the same fits on the CPU: with VELBO_TEST_DEVICE=cuda on a device, or on the emulator
// where its plugin is named.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "conjugate/dirichlet.h"
#include "ops/device.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "topics/simulated_corpus.h"
#include "topics/topic_device.h"
#include "topics/topic_step.h"
#include "topics/topics_model.h"
#include "velbo/topics.h"

namespace velbo {
namespace {

using internal::TopicDevice;
using internal::TopicJob;
using test::corpus_of;
using test::simulate_corpus;

using OnCuda = internal::CudaTest;

TopicOptions options_of(std::int64_t n_topics, ConjugateEngine engine, Scalar scalar = Scalar::float64) {
  TopicOptions out;
  out.n_topics = n_topics;
  out.fit.engine = engine;
  out.fit.scalar = scalar;
  out.fit.max_passes = 3;
  out.fit.device = internal::test_device();
  if (engine != ConjugateEngine::cavi) out.fit.batch_size = 11;
  return out;
}

TopicOptions on_cpu(TopicOptions options) {
  options.fit.device = Device{};
  return options;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance * (1 + std::abs(b[i]))) << i;
}

constexpr ConjugateEngine kEngines[] = {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi};

TEST_F(OnCuda, FitsAreThoseOfTheCpu) {
  const Corpus corpus = simulate_corpus(24, 40, 3, 12, 8).corpus;
  for (const ConjugateEngine engine : kEngines)
    for (const bool learn : {false, true}) {
      SCOPED_TRACE(testing::Message() << name(engine) << ", alpha learnt: " << learn);
      TopicOptions options = options_of(3, engine);
      options.learn_alpha = learn;
      const TopicModel device = fit_topics(corpus, options), cpu = fit_topics(corpus, on_cpu(options));
      EXPECT_EQ(device.run().device, "cuda:0");
      EXPECT_EQ(device.run().device_reason, "asked for");
      EXPECT_NEAR(device.run().elbo, cpu.run().elbo, 1e-9 * std::abs(cpu.run().elbo));
      expect_near(device.run().elbo_trace, cpu.run().elbo_trace, 1e-9);
      // Where alpha is learnt, its Newton steps may end a step earlier or later.
      expect_near(device.topic_parameters(), cpu.topic_parameters(), learn ? 1e-7 : 1e-9);
      expect_near(device.alpha(), cpu.alpha(), learn ? 1e-7 : 0);
      EXPECT_EQ(device.word_iterations(), cpu.word_iterations());
      // The same bits again.
      const TopicModel again = fit_topics(corpus, options);
      EXPECT_EQ(again.topic_parameters(), device.topic_parameters());
      EXPECT_EQ(again.alpha(), device.alpha());
      EXPECT_EQ(again.run().elbo_trace, device.run().elbo_trace);

      options.fit.scalar = Scalar::float32;
      EXPECT_NEAR(fit_topics(corpus, options).run().elbo, fit_topics(corpus, on_cpu(options)).run().elbo,
                  1e-3 * std::abs(cpu.run().elbo));
    }
}

TEST_F(OnCuda, OfOneTopicTheElboIsTheLogEvidence) {
  const Corpus corpus = simulate_corpus(30, 70, 3, 25, 4).corpus;
  std::vector<double> counts(70), prior(70, 0.2);
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d)
    for (const WordCount& entry : corpus.document(d)) counts[static_cast<std::size_t>(entry.word)] += entry.count;
  const double log_evidence = internal::dirichlet_categorical_log_evidence(prior, counts);
  for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized}) {
    TopicOptions options = options_of(1, engine);
    options.eta = 0.2;
    EXPECT_NEAR(fit_topics(corpus, options).run().elbo, log_evidence, 1e-9);
  }
}

TEST_F(OnCuda, FurtherFitsAreThoseOfTheCpu) {
  const Corpus first = simulate_corpus(20, 30, 3, 15, 5).corpus, second = simulate_corpus(25, 30, 3, 15, 6).corpus;
  TopicOptions options = options_of(3, ConjugateEngine::cavi);
  options.learn_alpha = true;
  const TopicModel model = fit_topics(first, on_cpu(options));
  PartialFitOptions more;
  more.fit = options.fit;
  const TopicModel device = partial_fit(model, second, more);
  more.fit.device = Device{};
  const TopicModel cpu = partial_fit(model, second, more);
  EXPECT_NEAR(device.run().elbo, cpu.run().elbo, 1e-9 * std::abs(cpu.run().elbo));
  // Where alpha is learnt, its Newton steps may end a step earlier or later.
  expect_near(device.topic_parameters(), cpu.topic_parameters(), 1e-7);
  expect_near(device.alpha(), cpu.alpha(), 1e-7);
}

TEST_F(OnCuda, ResumedFitsAreThoseThatWereNeverInterrupted) {
  const test::ScratchFolder folder;
  const Corpus corpus = simulate_corpus(26, 30, 3, 15, 9).corpus;
  for (const ConjugateEngine engine : kEngines) {
    TopicOptions options = options_of(3, engine);
    options.learn_alpha = true;
    const TopicModel whole = fit_topics(corpus, options);
    TopicOptions part = options;
    part.fit.max_passes = 2;
    part.fit.checkpoint = folder.file("state");
    fit_topics(corpus, part);
    options.fit.resume = part.fit.checkpoint;
    const TopicModel resumed = fit_topics(corpus, options);
    EXPECT_EQ(resumed.topic_parameters(), whole.topic_parameters()) << name(engine);
    EXPECT_EQ(resumed.run().elbo, whole.run().elbo) << name(engine);
    EXPECT_NE(test::error_of([&] { fit_topics(corpus, on_cpu(options)); }).find("device"), std::string::npos);
  }
}

// Documents whose words the arithmetic cannot hold, among others: gamma starts in the topic that does not have them.
template <class T>
std::vector<double> in_logarithms(const Context& context) {
  const Corpus corpus = corpus_of(4, {{{0, 3}}, {{0, 50}, {2, 1}}, {}, {{0, 1}, {1, 1}, {2, 1}, {3, 1}}});
  const std::vector<double> statistics = {9, 0, 7, 0, 0, 8, 0, 11};
  internal::TopicStep<T> step(context, 4, 2, 1e-9, 1);
  step.set_globals({4, 2, 1e-6, nullptr, statistics.data()});
  step.set_alpha(std::vector<double>{1e-6, 1e-6});
  std::vector<T> gamma(static_cast<std::size_t>(4 * step.stride()), T(1));
  for (std::size_t d = 0; d < 4; ++d) {
    gamma[d * static_cast<std::size_t>(step.stride())] = T(50);
    gamma[d * static_cast<std::size_t>(step.stride()) + 1] = T(1e-6);
  }
  std::vector<double> sums(8 + 2), out;
  TopicJob<T> job;
  job.corpus = &corpus.store();
  job.units = {0, 4};
  job.gamma = gamma.data();
  job.statistics = sums.data();
  job.expected_log = sums.data() + 8;
  out.push_back(step.run(job));
  out.push_back(step.run(job));  // from where the first one ended
  out.insert(out.end(), sums.begin(), sums.end());
  if (step.keeps_gamma()) step.fetch_gamma(gamma.data());
  for (std::size_t d = 0; d < 4; ++d)
    for (std::size_t k = 0; k < 2; ++k)
      out.push_back(static_cast<double>(gamma[d * static_cast<std::size_t>(step.stride()) + k]));
  out.push_back(step.word_iterations());
  return out;
}

TEST_F(OnCuda, DocumentsInLogarithmsAreThoseOfTheCpu) {
  expect_near(in_logarithms<double>(internal::test_context()), in_logarithms<double>(Context()), 1e-11);
  expect_near(in_logarithms<float>(internal::test_context()), in_logarithms<float>(Context()), 1e-4);
  if (!internal::emulated()) return;
  setenv("VELBO_EMULATED_FREE", "0", 1);
  expect_near(in_logarithms<double>(internal::test_context()), in_logarithms<double>(Context()), 1e-11);
  unsetenv("VELBO_EMULATED_FREE");
}

// A state that is loaded takes the place of what the device has kept since.
TEST_F(OnCuda, LoadedLocalFactorsAreThoseOfTheState) {
  const Corpus corpus = simulate_corpus(20, 30, 3, 15, 2).corpus;
  internal::TopicsModel<double> model(internal::test_context(), corpus,
                                      {.n_topics = 3, .alpha = 0.3, .eta = 0.2, .local_iterations = 2}, nullptr, 1);
  std::vector<double> statistics(static_cast<std::size_t>(model.n_statistics()), 1.0);
  for (std::size_t i = 0; i < statistics.size(); ++i) statistics[i] += static_cast<double>(i * i % 7);
  model.set_statistics(statistics);
  const auto step = [&] {
    std::vector<double> out(statistics.size());
    out.push_back(model.local_step({0, 20}, true, std::span(out).first(statistics.size())));
    return out;
  };
  step();
  internal::EngineState state;
  model.save(state);
  const std::vector<double> second = step(), third = step();
  EXPECT_NE(second, third);
  model.load(state);
  EXPECT_EQ(step(), second);
  EXPECT_EQ(step(), third);
}

// What a step leaves, over documents in an order of their own.
template <class T>
struct Left {
  std::vector<T> gamma;
  std::vector<double> statistics, expected_log, numbers;
};
template <class T>
Left<T> steps(const Corpus& corpus, std::int64_t n_topics, std::int64_t most_documents, bool keep, int n_steps) {
  const std::int64_t n = corpus.n_documents(), n_words = corpus.n_words();
  TopicDevice<T> device(internal::test_context(), n_words, n_topics, most_documents);
  std::vector<double> statistics(static_cast<std::size_t>(n_words * n_topics)),
      sums(static_cast<std::size_t>(3 * n_topics));
  for (std::size_t i = 0; i < statistics.size(); ++i) statistics[i] = 1 + static_cast<double>(i * i % 17);
  device.set_globals({n_words, n_topics, 0.1, nullptr, statistics.data()},
                     {sums.data(), sums.data() + n_topics, sums.data() + 2 * n_topics});
  device.set_alpha(std::vector<double>(static_cast<std::size_t>(n_topics), 0.3));
  const std::int64_t stride = internal::topic_ops<T>(internal::test_context()).stride(n_topics);
  Left<T> out;
  out.gamma.assign(static_cast<std::size_t>(n * stride), T(1));
  out.statistics.resize(statistics.size());
  out.expected_log.resize(static_cast<std::size_t>(n_topics));
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < n; ++i) order.push_back((i * 7 + 3) % n);
  double word_iterations = 0;
  std::vector<std::int64_t> visited;
  for (int step = 0; step < n_steps; ++step) {
    TopicJob<T> job;
    job.corpus = &corpus.store();
    job.order = order.data();
    job.units = {0, n};
    if (keep) job.gamma = out.gamma.data();
    job.statistics = out.statistics.data();
    job.expected_log = out.expected_log.data();
    job.visit = [&](std::int64_t first, std::int64_t count, const T* gamma) {
      visited.push_back(first);
      out.numbers.insert(out.numbers.end(), gamma, gamma + count * stride);
    };
    out.numbers.push_back(device.run(job, {.tolerance = 1e-3, .max_iterations = 2}, word_iterations));
    EXPECT_EQ(visited.size(), static_cast<std::size_t>((step + 1) * ((n + most_documents - 1) / most_documents)));
  }
  out.numbers.push_back(word_iterations);
  if (device.keeps_gamma()) device.fetch_gamma(out.gamma.data());
  return out;
}

// In blocks or at once, whether or not anything stays on the device.
TEST_F(OnCuda, WhatStaysOnTheDeviceChangesNoBit) {
  const Corpus corpus = simulate_corpus(20, 30, 4, 15, 3).corpus;
  for (const bool keep : {false, true}) {
    const Left<double> blocks = steps<double>(corpus, 4, 7, keep, 3), once = steps<double>(corpus, 4, 20, keep, 3);
    EXPECT_EQ(blocks.numbers.back(), once.numbers.back());
    EXPECT_EQ(blocks.gamma, once.gamma);
    EXPECT_EQ(blocks.gamma[0] == 1, !keep);
    expect_near(blocks.statistics, once.statistics, 1e-13);
    expect_near(blocks.expected_log, once.expected_log, 1e-13);
    double total = 0;
    for (const double value : blocks.statistics) total += value;
    EXPECT_NEAR(total, 3 * static_cast<double>(corpus.n_tokens()), 1e-9 * total);
    if (!internal::emulated()) continue;
    for (const char* const free : {"0", "6000"}) {  // room for nothing, and for the local factors and some blocks
      setenv("VELBO_EMULATED_FREE", free, 1);
      const Left<double> streamed = steps<double>(corpus, 4, 7, keep, 3);
      unsetenv("VELBO_EMULATED_FREE");
      EXPECT_EQ(streamed.numbers, blocks.numbers);
      EXPECT_EQ(streamed.gamma, blocks.gamma);
      EXPECT_EQ(streamed.statistics, blocks.statistics);
      EXPECT_EQ(streamed.expected_log, blocks.expected_log);
    }
  }
}

}  // namespace
}  // namespace velbo

// Whole fits of hidden Markov models in float and double: on the CPU, with VELBO_TEST_DEVICE=cuda on that device, or on the emulator where
// its plugin is named (ops/device.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ops/device.h"
#include "sequences/hidden_markov_model.h"
#include "support/errors.h"
#include "support/plain_chain.h"
#include "support/scratch.h"
#include "velbo/hidden_markov.h"

namespace velbo {
namespace {

using namespace internal;

// Three states that stay with probability 0.9, far apart; sequences of 1 to 40 rows.
Sequences simulate(EmissionKind kind) {
  std::mt19937_64 engine(7);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<double> x;
  std::vector<std::int64_t> symbol, start;
  std::int64_t state = 0;
  for (std::int64_t n = 0; n < 300; ++n) {
    if (n % 41 == 0 || n == 7) start.push_back(n);
    if (uniform(engine) > 0.9) state = (state + 1) % 3;
    x.push_back(6 * static_cast<double>(state == 1) + 0.7 * normal(engine) + 100);
    x.push_back(5 * static_cast<double>(state == 2) + 0.7 * normal(engine));
    symbol.push_back(uniform(engine) < 0.85 ? state : 3);
  }
  return kind == EmissionKind::gaussian ? Sequences::numbers({x.data(), 300, 2, 2}, start)
                                        : Sequences::symbols(symbol, 4, start);
}

HiddenMarkovOptions options_for(Scalar scalar, ConjugateEngine engine = ConjugateEngine::cavi) {
  HiddenMarkovOptions out{.n_states = 3, .starts = 1};
  out.fit.engine = engine;
  out.fit.batch_size = engine == ConjugateEngine::cavi ? 0 : 3;
  out.fit.device = test_device();
  out.fit.scalar = scalar;
  out.fit.threads = 1;
  return out;
}

using HiddenMarkovOn = DeviceTest;

TEST_F(HiddenMarkovOn, FitsAreThoseOfTheCpuInDouble) {
  for (const EmissionKind kind : {EmissionKind::gaussian, EmissionKind::categorical})
    for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi}) {
      SCOPED_TRACE(testing::Message() << name(kind) << " " << name(engine));
      const Sequences x = simulate(kind);
      HiddenMarkovOptions on_host = options_for(Scalar::automatic, engine);
      on_host.fit.device = Device{};
      on_host.fit.max_passes = 8;
      const HiddenMarkov expected = fit_hidden_markov(x, on_host);
      EXPECT_EQ(expected.run().scalar, "double");
      for (const Scalar scalar : {Scalar::float64, Scalar::float32}) {
        HiddenMarkovOptions options = options_for(scalar, engine);
        options.fit.max_passes = 8;
        options.fit.tolerance = 1e-12;  // as many passes
        on_host.fit.tolerance = 1e-12;
        const HiddenMarkov wanted = fit_hidden_markov(x, on_host);
        const HiddenMarkov found = fit_hidden_markov(x, options);
        const double tolerance = scalar == Scalar::float64 ? 1e-9 : 2e-4;
        EXPECT_EQ(found.run().device, to_string(test_device()));
        EXPECT_EQ(found.run().device_reason, "asked for");
        EXPECT_EQ(found.run().scalar, name(scalar));
        EXPECT_NEAR(found.run().elbo, wanted.run().elbo, tolerance * std::abs(wanted.run().elbo));
        for (std::size_t i = 0; i < 9; ++i)
          EXPECT_NEAR(found.transition()[i], wanted.transition()[i], 50 * tolerance) << i;
        for (std::size_t i = 0; i < 3; ++i)
          EXPECT_NEAR(found.occupancy()[i], wanted.occupancy()[i], 300 * 50 * tolerance) << i;
        options.fit.threads = 3;
        const HiddenMarkov again = fit_hidden_markov(x, options);
        EXPECT_EQ(again.run().elbo_trace, found.run().elbo_trace);
        EXPECT_EQ(again.transition(), found.transition());
        EXPECT_EQ(again.occupancy(), found.occupancy());
      }
    }
}

// With globals that are all but known a pass adds the log likelihood: here by the sum over all paths.
TEST_F(HiddenMarkovOn, WithKnownParametersTheElboIsTheLikelihood) {
  constexpr double known = 1e11;
  const std::vector<std::int64_t> v = {0, 1, 1, 2, 0, 1};
  const HiddenMarkovPrior prior{.kind = EmissionKind::categorical, .n_states = 2, .width = 3};
  const std::vector<double> first = {0.3, 0.7}, step = {0.9, 0.1, 0.25, 0.75}, symbols = {0.6, 0.3, 0.1, 0.2, 0.2, 0.6};
  std::vector<double> statistics;
  const auto logs = [&](const std::vector<double>& of) {
    test::Numbers out;
    for (const double p : of) out.push_back(std::log(static_cast<long double>(p)));
    for (const double p : of) statistics.push_back(known * p);
    return out;
  };
  const test::Numbers log_first = logs(first), log_step = logs(step), log_symbol = logs(symbols);
  test::Numbers emission;
  for (const std::int64_t symbol : v)
    for (std::size_t state = 0; state < 2; ++state)
      emission.push_back(log_symbol[state * 3 + static_cast<std::size_t>(symbol)]);
  const auto expected = static_cast<double>(test::chain_by_enumeration(log_first, log_step, emission).log_total);
  for (const Scalar scalar : {Scalar::float64, Scalar::float32}) {
    HiddenMarkovModel model(Sequences::symbols(v, 3), prior, test_context(), scalar);
    model.set_statistics(statistics);
    std::vector<double> added(statistics.size());
    EXPECT_NEAR(model.local_step({0, 1}, true, added), expected,
                scalar == Scalar::float64 ? 1e-8 : 1e-4 * std::abs(expected));
  }
}

TEST_F(HiddenMarkovOn, NoPassLowersTheElbo) {
  for (const EmissionKind kind : {EmissionKind::gaussian, EmissionKind::categorical})
    for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized}) {
      HiddenMarkovOptions options = options_for(Scalar::float64, engine);
      options.n_states = 5;
      options.fit.max_passes = 12;
      const std::vector<double> trace = fit_hidden_markov(simulate(kind), options).run().elbo_trace;
      for (std::size_t i = 1; i < trace.size(); ++i) EXPECT_GE(trace[i], trace[i - 1] - 1e-10 * std::abs(trace[i]));
    }
}

TEST_F(HiddenMarkovOn, ResumedFitsHaveTheSameBitsAndRefuseOthers) {
  const test::ScratchFolder folder;
  const Sequences x = simulate(EmissionKind::gaussian);
  HiddenMarkovOptions options = options_for(Scalar::float32, ConjugateEngine::memoized);
  options.fit.max_passes = 6;
  const HiddenMarkov whole = fit_hidden_markov(x, options);
  options.fit.checkpoint = folder.file("half.velbo");
  options.fit.checkpoint_seconds = 0;
  options.fit.max_passes = 3;
  (void)fit_hidden_markov(x, options);
  options.fit.resume = options.fit.checkpoint;
  options.fit.checkpoint.clear();
  options.fit.max_passes = 6;
  const HiddenMarkov resumed = fit_hidden_markov(x, options);
  EXPECT_EQ(resumed.run().elbo_trace, whole.run().elbo_trace);
  EXPECT_EQ(resumed.transition(), whole.transition());
  options.fit.scalar = Scalar::float64;
  EXPECT_THAT(test::error_of([&] { (void)fit_hidden_markov(x, options); }), testing::HasSubstr("scalar"));
  options.fit.scalar = Scalar::float32;
  options.fit.device = Device{};
  if (!on_cpu()) {
    EXPECT_THAT(test::error_of([&] { (void)fit_hidden_markov(x, options); }), testing::HasSubstr("device"));
  }
}

TEST_F(HiddenMarkovOn, WhatADeviceCannotDoIsAnError) {
  const Sequences x = simulate(EmissionKind::categorical);
  HiddenMarkovOptions options = options_for(Scalar::float32);
  if (on_cpu()) {
    options.fit.device = Device{DeviceKind::cuda, 63};
    EXPECT_EQ(test::error_of([&] { (void)fit_hidden_markov(x, options); }).substr(0, 7), "device|");
    return;
  }
  const std::vector<std::int64_t> many(2100, 0);
  options.n_states = 2049;
  EXPECT_EQ(test::error_of([&] { (void)fit_hidden_markov(Sequences::symbols(many), options); }),
            "argument| n_states is 2049, expected at most 2048 on a device");
}

TEST_F(HiddenMarkovOn, AutomaticIsTheCpuInDouble) {
  HiddenMarkovOptions options = options_for(Scalar::automatic);
  options.fit.device.reset();
  options.fit.max_passes = 2;
  const HiddenMarkov fit = fit_hidden_markov(simulate(EmissionKind::categorical), options);
  EXPECT_EQ(fit.run().device, "cpu");
  EXPECT_EQ(fit.run().scalar, "double");
  EXPECT_THAT(fit.run().device_reason, testing::HasSubstr("has not been measured"));
}

}  // namespace
}  // namespace velbo

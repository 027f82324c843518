// Hidden Markov models: closed forms, sums over all paths, simulated truth, and everything a fit leaves.
#include "velbo/hidden_markov.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "conjugate/dirichlet.h"
#include "engines/conjugate_engine.h"
#include "sequences/hidden_markov_model.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/context.h"

namespace velbo {
namespace {

using namespace internal;

const std::vector<std::int64_t> kStarts = {0, 120, 300, 301};

// Three states that stay with probability 0.9; their means, in two dimensions, and what they like to say of four symbols.
struct Simulated {
  std::vector<double> x;
  std::vector<std::int64_t> symbol, state;
};
constexpr double kMeans[3][2] = {{0, 0}, {4, 1}, {-1, 5}};
constexpr double kSymbols[3][4] = {{0.85, 0.05, 0.05, 0.05}, {0.05, 0.05, 0.1, 0.8}, {0.02, 0.5, 0.46, 0.02}};

Simulated simulate(std::int64_t n, unsigned seed = 3) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  Simulated out;
  std::int64_t s = 0;
  for (std::int64_t t = 0; t < n; ++t) {
    if (uniform(engine) > 0.9) s = (s + (uniform(engine) < 0.7 ? 1 : 2)) % 3;
    out.state.push_back(s);
    for (int j = 0; j < 2; ++j) out.x.push_back(kMeans[s][j] + 0.7 * normal(engine));
    double u = uniform(engine);
    std::int64_t v = 0;
    while (v < 3 && (u -= kSymbols[s][v]) > 0) ++v;
    out.symbol.push_back(v);
  }
  return out;
}

Sequences numbers(const Simulated& s, std::vector<std::int64_t> start = kStarts) {
  const auto n = static_cast<std::int64_t>(s.state.size());
  return Sequences::numbers({s.x.data(), n, 2, 2}, std::move(start));
}
Sequences symbols(const Simulated& s, std::vector<std::int64_t> start = kStarts) {
  return Sequences::symbols(s.symbol, 4, std::move(start));
}

HiddenMarkovPrior prior_of(EmissionKind kind, std::int64_t k) {
  HiddenMarkovPrior out{.kind = kind, .n_states = k, .width = kind == EmissionKind::gaussian ? 2 : 4};
  out.initial = 0.7;
  out.transition = 0.9;
  out.sticky = 0.5;
  out.emission = 0.6;
  out.mean_precision = 0.3;
  out.degrees_of_freedom = 3.5;
  out.centre = {1, -2};
  out.scale = {2, 0.8};
  return out;
}

TEST(HiddenMarkov, OneStateReachesTheEvidence) {
  const Simulated s = simulate(50);
  const std::vector<std::int64_t> start = {0, 20};
  {
    HiddenMarkovModel model(numbers(s, start), prior_of(EmissionKind::gaussian, 1), Context({}, 1));
    Cavi cavi(model, model.starting_statistics({1}));
    cavi.advance(1);
    const NormalWishartFactor prior{0.3, Eigen::Vector2d(1, -2),
                                    WishartFactor(3.5, Eigen::Vector2d(2, 0.8).asDiagonal())};
    const Eigen::Map<const Eigen::Matrix<double, 2, Eigen::Dynamic>> x(s.x.data(), 2, 50);
    const double expected = normal_wishart_log_evidence(
        prior, normal_wishart_posterior(prior, 50, x.rowwise().sum(), x * x.transpose()), 50);
    EXPECT_NEAR(cavi.evaluate(), expected, 1e-11 * std::abs(expected));
  }
  HiddenMarkovModel model(symbols(s, start), prior_of(EmissionKind::categorical, 1), Context({}, 1));
  Cavi cavi(model, model.starting_statistics({1}));
  cavi.advance(1);
  std::vector<double> counts(4);
  for (const std::int64_t v : s.symbol) counts[static_cast<std::size_t>(v)] += 1;
  EXPECT_NEAR(cavi.evaluate(), dirichlet_categorical_log_evidence(std::vector<double>(4, 0.6), counts), 1e-10);
}

// Sum over all paths of a closed form: Dirichlets integrated out.
TEST(HiddenMarkov, TheElboIsBelowTheEvidenceAndNearIt) {
  const std::vector<std::int64_t> v = {0, 0, 0, 3, 3, 3, 3, 0, 0};
  const HiddenMarkovPrior prior = prior_of(EmissionKind::categorical, 2);
  double evidence = 0;
  for (unsigned code = 0; code < 512; ++code) {
    const auto state = [&](std::size_t t) { return (code >> t) & 1U; };
    std::vector<double> initial(2), step(4), emission(8);
    for (std::size_t t = 0; t < 9; ++t) {
      (t == 0 || t == 5 ? initial[state(t)] : step[state(t - 1) * 2 + state(t)]) += 1;  // two sequences
      emission[state(t) * 4 + static_cast<std::size_t>(v[t])] += 1;
    }
    double sum = dirichlet_categorical_log_evidence(std::vector{0.7, 0.7}, initial);
    for (std::size_t s = 0; s < 2; ++s) {
      std::vector<double> row(2, 0.9);
      row[s] += 0.5;
      sum += dirichlet_categorical_log_evidence(row, std::span(step).subspan(s * 2, 2)) +
             dirichlet_categorical_log_evidence(std::vector<double>(4, 0.6), std::span(emission).subspan(s * 4, 4));
    }
    evidence += std::exp(sum);
  }
  double best = -1e300;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    HiddenMarkovModel model(Sequences::symbols(v, 4, {0, 5}), prior, Context({}, 1));
    Cavi cavi(model, model.starting_statistics({seed}));
    cavi.advance(200);
    best = std::max(best, cavi.evaluate());
    EXPECT_LT(cavi.evaluate(), std::log(evidence));
  }
  EXPECT_GT(best, std::log(evidence) - 2.5);
}

// With globals that are all but known, what a sequence adds to the ELBO is its log likelihood: here by the same sum over paths.
TEST(HiddenMarkov, WithKnownParametersTheElboIsTheLikelihood) {
  constexpr double known = 1e11;
  const std::vector<std::int64_t> v = {0, 3, 3, 1, 2, 0};
  HiddenMarkovModel model(Sequences::symbols(v, 4), prior_of(EmissionKind::categorical, 3), Context({}, 1));
  const double step[3][3] = {{0.9, 0.07, 0.03}, {0.03, 0.9, 0.07}, {0.07, 0.03, 0.9}};
  const double first[3] = {0.2, 0.5, 0.3};
  std::vector<double> statistics;
  for (const double p : first) statistics.push_back(known * p);
  for (const auto& row : step)
    for (const double p : row) statistics.push_back(known * p);
  for (const auto& row : kSymbols)
    for (const double p : row) statistics.push_back(known * p);
  model.set_statistics(statistics);
  std::vector<double> added(statistics.size());
  const double found = model.local_step({0, 1}, true, added);
  double likelihood = 0;
  for (int code = 0; code < 729; ++code) {
    double p = 1;
    for (int t = 0, rest = code, before = -1; t < 6; ++t, rest /= 3) {
      const int s = rest % 3;
      p *= (t == 0 ? first[s] : step[before][s]) * kSymbols[s][v[static_cast<std::size_t>(t)]];
      before = s;
    }
    likelihood += p;
  }
  EXPECT_NEAR(found, std::log(likelihood), 1e-8);
}

TEST(HiddenMarkov, NoStepLowersTheElbo) {
  const Simulated s = simulate(400);
  for (const EmissionKind kind : {EmissionKind::gaussian, EmissionKind::categorical}) {
    const Sequences x = kind == EmissionKind::gaussian ? numbers(s) : symbols(s);
    HiddenMarkovModel model(x, prior_of(kind, 5), Context({}, 1));
    Cavi cavi(model, model.starting_statistics({4}));
    HiddenMarkovModel other(x, prior_of(kind, 5), Context({}, 1));
    Memoized memoized(other, other.starting_statistics({4}), {.batch_size = 1});
    for (ConjugateEngineBase* const engine :
         {static_cast<ConjugateEngineBase*>(&cavi), static_cast<ConjugateEngineBase*>(&memoized)}) {
      double last = -1e300;
      for (int i = 0; i < 60; ++i) {
        engine->advance(1);
        EXPECT_GE(engine->evaluate(), last - 1e-10 * std::abs(last)) << name(kind) << " " << i;
        last = engine->evaluate();
      }
    }
    HiddenMarkovModel all(x, prior_of(kind, 5), Context({}, 1));
    Svi svi(all, all.starting_statistics({4}), {.batch_size = x.n_sequences(), .delay = 0});
    svi.advance(1);
    HiddenMarkovModel again(x, prior_of(kind, 5), Context({}, 1));
    Cavi one(again, again.starting_statistics({4}));
    one.advance(1);
    for (std::size_t i = 0; i < one.statistics().size(); ++i)
      EXPECT_NEAR(svi.statistics()[i], one.statistics()[i], 1e-12 * (1 + std::abs(one.statistics()[i])));
  }
}

// States in the simulation's order: the permutation that puts each fitted mean or symbol's probability nearest to its truth.
std::vector<std::size_t> matched(const std::vector<double>& fitted, const double* truth, std::size_t width) {
  std::vector<std::size_t> out;
  for (std::size_t s = 0; s < 3; ++s) {
    double least = 1e300;
    std::size_t at = 0;
    for (std::size_t f = 0; f < 3; ++f) {
      double distance = 0;
      for (std::size_t j = 0; j < width; ++j) distance += std::pow(fitted[f * width + j] - truth[s * width + j], 2);
      if (distance < least) {
        least = distance;
        at = f;
      }
    }
    out.push_back(at);
  }
  return out;
}

// Means of some 600 rows each with sd 0.7: six z-scores below 4.5; shares within 0.06 are five sds or more.  A false alarm once in 20,000.
TEST(HiddenMarkovStatistical, FindsTheTruthAgain) {
  const Simulated s = simulate(2000);
  for (const EmissionKind kind : {EmissionKind::gaussian, EmissionKind::categorical}) {
    SCOPED_TRACE(name(kind));
    const bool gaussian = kind == EmissionKind::gaussian;
    const std::vector<std::int64_t> start = {0, 500, 1200};
    const Sequences x = gaussian ? numbers(s, start) : symbols(s, start);
    const HiddenMarkov fit = fit_hidden_markov(x, {.n_states = 3});
    EXPECT_TRUE(fit.run().converged()) << fit.run().message;
    EXPECT_EQ(fit.run().elbo_of_restarts.size(), 5U);
    EXPECT_EQ(fit.run().elbo, *std::max_element(fit.run().elbo_of_restarts.begin(), fit.run().elbo_of_restarts.end()));
    const std::vector<double> emissions = gaussian ? fit.means() : fit.symbol_probabilities();
    const std::size_t width = gaussian ? 2 : 4;
    const std::vector<std::size_t> at = matched(emissions, gaussian ? &kMeans[0][0] : &kSymbols[0][0], width);
    for (std::size_t k = 0; k < 3; ++k) {
      for (std::size_t j = 0; j < width; ++j) {
        const double found = emissions[at[k] * width + j], truth = gaussian ? kMeans[k][j] : kSymbols[k][j];
        EXPECT_NEAR(found, truth, gaussian ? 4.5 * 0.7 / std::sqrt(fit.occupancy()[at[k]]) : 0.11) << k << j;
      }
      EXPECT_NEAR(fit.transition()[at[k] * 3 + at[k]], 0.9, 0.06);
      if (gaussian) {
        EXPECT_NEAR(fit.covariances()[at[k] * 4 + 3], 0.49, 0.12);
        EXPECT_NEAR(fit.covariances()[at[k] * 4 + 1], 0, 0.1);
      }
    }
    EXPECT_GE(fit.occupancy()[0], fit.occupancy()[1]);
    EXPECT_GE(fit.occupancy()[1], fit.occupancy()[2]);
    const std::vector<std::int64_t> path = fit.most_probable_states(x);
    const std::vector<double> share = fit.state_probabilities(x);
    int right = 0;
    for (std::size_t t = 0; t < 2000; ++t) {
      right += static_cast<std::size_t>(path[t]) == at[static_cast<std::size_t>(s.state[t])] ? 1 : 0;
      EXPECT_NEAR(share[t * 3] + share[t * 3 + 1] + share[t * 3 + 2], 1, 1e-12);
    }
    EXPECT_GT(right, gaussian ? 1960 : 1500);
  }
}

// Of all sequences of three symbols.
TEST(HiddenMarkov, LogDensityIsADensity) {
  const HiddenMarkov fit = fit_hidden_markov(symbols(simulate(302)), {.n_states = 2});
  std::vector<std::int64_t> all, start;
  for (std::int64_t code = 0; code < 64; ++code) {
    start.push_back(static_cast<std::int64_t>(all.size()));
    for (const std::int64_t v : {code % 4, code / 4 % 4, code / 16}) all.push_back(v);
  }
  double sum = 0;
  for (const double log_p : fit.log_density(Sequences::symbols(all, 4, start))) sum += std::exp(log_p);
  EXPECT_NEAR(sum, 1, 1e-12);
}

// Of one row of numbers, by the trapezoid rule.
TEST(HiddenMarkov, LogDensityOfNumbersIsADensity) {
  std::vector<double> x;
  for (const double v : simulate(200).x) x.push_back(v);
  const HiddenMarkov fit = fit_hidden_markov(Sequences::numbers({x.data(), 400, 1, 1}), {.n_states = 2});
  std::vector<double> grid;
  std::vector<std::int64_t> start;
  for (double v = -40; v < 40; v += 0.01) {
    start.push_back(static_cast<std::int64_t>(grid.size()));
    grid.push_back(v);
  }
  const auto n = static_cast<std::int64_t>(grid.size());
  double sum = 0;
  for (const double log_p : fit.log_density(Sequences::numbers({grid.data(), n, 1, 1}, start))) sum += std::exp(log_p);
  EXPECT_NEAR(sum * 0.01, 1, 1e-9);
}

TEST(HiddenMarkov, PriorsAndTheOrderOfStates) {
  HiddenMarkovFactors factors(prior_of(EmissionKind::categorical, 2));
  factors.set_statistics(std::vector<double>(static_cast<std::size_t>(factors.n_statistics())));
  EXPECT_EQ(factors.initial(), (std::vector<double>{0.7, 0.7}));
  EXPECT_EQ(factors.transition(), (std::vector<double>{0.9 + 0.5, 0.9, 0.9, 0.9 + 0.5}));
  EXPECT_EQ(factors.global_elbo(), 0);
  const std::vector<double> statistics = {1, 2, /* steps */ 3, 4, 5, 6, /* symbols */ 10, 11, 12, 13, 20, 21, 22, 23};
  EXPECT_EQ(factors.reordered(statistics, {1, 0}),
            (std::vector<double>{2, 1, 6, 5, 4, 3, 20, 21, 22, 23, 10, 11, 12, 13}));
  EXPECT_EQ(factors.reordered(statistics, {0, 1}), statistics);
}

TEST(HiddenMarkov, FilesThreadsAndResumedFits) {
  const Simulated s = simulate(400);
  test::ScratchFolder folder;
  for (const EmissionKind kind : {EmissionKind::gaussian, EmissionKind::categorical}) {
    const Sequences x = kind == EmissionKind::gaussian ? numbers(s) : symbols(s);
    HiddenMarkovOptions options{.n_states = 3, .starts = 2};
    options.fit.threads = 1;
    const HiddenMarkov fit = fit_hidden_markov(x, options);
    options.fit.threads = 3;
    const HiddenMarkov same = fit_hidden_markov(x, options);
    EXPECT_EQ(same.run().elbo_trace, fit.run().elbo_trace);
    EXPECT_EQ(same.transition(), fit.transition());
    EXPECT_EQ(same.state_probabilities(x, 1), fit.state_probabilities(x, 3));
    const std::string path = folder.file("hmm.velbo");
    fit.save(path);
    const HiddenMarkov loaded = HiddenMarkov::load(path);
    EXPECT_EQ(loaded.transition(), fit.transition());
    EXPECT_EQ(loaded.initial(), fit.initial());
    EXPECT_EQ(loaded.log_density(x), fit.log_density(x));
    EXPECT_EQ(loaded.most_probable_states(x), fit.most_probable_states(x));
    EXPECT_EQ(loaded.names(), fit.names());
    EXPECT_EQ(loaded.run().elbo_trace, fit.run().elbo_trace);
    EXPECT_EQ(loaded.text(), fit.text());
    EXPECT_EQ(loaded.to_json(), fit.to_json());

    HiddenMarkovOptions stopped = options;
    stopped.starts = 1;
    const HiddenMarkov whole = fit_hidden_markov(x, stopped);
    stopped.fit.checkpoint = folder.file("half.velbo");
    stopped.fit.checkpoint_seconds = 0;
    stopped.fit.max_passes = 3;
    EXPECT_EQ(fit_hidden_markov(x, stopped).run().status, Status::max_steps);
    stopped.fit.resume = stopped.fit.checkpoint;
    stopped.fit.max_passes = 0;
    const HiddenMarkov resumed = fit_hidden_markov(x, stopped);
    EXPECT_EQ(resumed.run().elbo_trace, whole.run().elbo_trace);
    EXPECT_EQ(resumed.transition(), whole.transition());
  }
}

TEST(HiddenMarkov, DegenerateSequences) {
  // Equal rows, a column that does not vary, sequences of one row, more states than anything asks for.
  std::vector<double> x;
  for (int t = 0; t < 20; ++t) {
    x.push_back(t % 2);
    x.push_back(5);
  }
  const HiddenMarkov fit = fit_hidden_markov(Sequences::numbers({x.data(), 20, 2, 2}, {0, 1, 2, 19}), {.n_states = 6});
  EXPECT_TRUE(std::isfinite(fit.run().elbo));
  for (const double v : fit.means()) EXPECT_TRUE(std::isfinite(v));
  for (const double v : fit.covariances()) EXPECT_TRUE(v == v);
  const std::vector<std::int64_t> one = {0, 0, 0};
  const HiddenMarkov same = fit_hidden_markov(Sequences::symbols(one), {.n_states = 2});
  EXPECT_TRUE(std::isfinite(same.run().elbo));
  EXPECT_EQ(same.symbol_probabilities(), (std::vector<double>{1, 1}));
}

TEST(HiddenMarkov, RefusesWhatMakesNoSense) {
  std::vector<double> x = {1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> v = {0, 2, -1};
  const auto rows = [&](std::vector<std::int64_t> start) {
    return Sequences::numbers({x.data(), 3, 2, 2}, std::move(start));
  };
  EXPECT_EQ(test::error_of([&] {
              rows({0, 2, 2});
            }),
            "shape| start[2] is 2, expected a row behind 2: no sequence is empty");
  EXPECT_EQ(test::error_of([&] { rows({1}); }), "shape| start[0] is 1, expected 0");
  EXPECT_EQ(test::error_of([&] { rows({0, 3}); }), "shape| start[1] is 3, but there are 3 rows");
  EXPECT_EQ(test::error_of([&] { Sequences::symbols(v); }), "data| symbol[2] is -1, expected 0 to 2");
  EXPECT_EQ(test::error_of([&] { fit_hidden_markov(rows({}), {.n_states = 4}); }),
            "data| there are 3 rows, expected at least one for each of 4 states");
  EXPECT_EQ(test::error_of([&] { fit_hidden_markov(rows({}), {.degrees_of_freedom = 1}); }),
            "argument| degrees_of_freedom is 1, expected more than 1 of 2 columns");
  const HiddenMarkov fit = fit_hidden_markov(rows({}), {.n_states = 1});
  EXPECT_EQ(test::error_of([&] {
              (void)fit.log_density(Sequences::symbols(std::vector<std::int64_t>{0, 1}));
            }),
            "shape| the sequences are categorical, the model's emissions gaussian");
  x[3] = std::nan("");
  EXPECT_EQ(test::error_of([&] { rows({}); }),
            "data| x[1, 1] is nan, expected a finite number: missing values are not supported");
}

}  // namespace
}  // namespace velbo

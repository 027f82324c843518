// Engines of conjugate models on a mixture of Bernoulli vectors, small enough that every number has a second way to it.
#include "engines/conjugate_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "conjugate/dirichlet.h"

namespace velbo::internal {
namespace {

constexpr std::size_t kBits = 6;

// Statistics: N_k [K], then of each component the number of ones and of zeros of every bit, [K, kBits, 2].
class BernoulliMixture final : public ConjugateModel {
 public:
  BernoulliMixture(std::vector<std::vector<int>> rows, std::size_t n_components)
      : rows_(std::move(rows)), k_(n_components) {}

  [[nodiscard]] std::int64_t n_units() const override { return static_cast<std::int64_t>(rows_.size()); }
  [[nodiscard]] std::int64_t n_statistics() const override { return static_cast<std::int64_t>(k_ + k_ * kBits * 2); }

  void set_statistics(std::span<const double> statistics) override {
    posterior_.assign(statistics.begin(), statistics.end());
    for (double& value : posterior_) value += kPrior;
    expected_log_.resize(posterior_.size());
    dirichlet_expected_log({posterior_.data(), k_}, {expected_log_.data(), k_});
    for (std::size_t i = k_; i < posterior_.size(); i += 2)
      dirichlet_expected_log({posterior_.data() + i, 2}, {expected_log_.data() + i, 2});
  }

  double local_step(UnitRange units, bool /*keep*/, std::span<double> statistics) override {
    double sum = 0;
    for (std::int64_t n = units.begin; n < units.end; ++n) {
      const std::vector<int>& x = rows_[static_cast<std::size_t>(n)];
      std::vector<double> log_r(k_);
      for (std::size_t k = 0; k < k_; ++k) {
        log_r[k] = expected_log_[k];
        for (std::size_t j = 0; j < kBits; ++j) log_r[k] += expected_log_[at(k, j, x[j])];
      }
      const double most = *std::max_element(log_r.begin(), log_r.end());
      double total = 0;
      for (const double value : log_r) total += std::exp(value - most);
      const double log_total = most + std::log(total);
      sum += log_total;
      for (std::size_t k = 0; k < k_; ++k) {
        const double r = std::exp(log_r[k] - log_total);
        statistics[k] += r;
        for (std::size_t j = 0; j < kBits; ++j) statistics[at(k, j, x[j])] += r;
      }
    }
    return sum;
  }

  [[nodiscard]] double statistics_term(std::span<const double> statistics) const override {
    double sum = 0;
    for (std::size_t i = 0; i < statistics.size(); ++i) sum += statistics[i] * expected_log_[i];
    return sum;
  }

  [[nodiscard]] double global_elbo() const override {
    const std::vector<double> prior(std::max<std::size_t>(k_, 2), kPrior);
    double sum = -dirichlet_kl({posterior_.data(), k_}, {prior.data(), k_});
    for (std::size_t i = k_; i < posterior_.size(); i += 2)
      sum -= dirichlet_kl({posterior_.data() + i, 2}, {prior.data(), 2});
    return sum;
  }

  // Sum over all assignments of the closed-form evidence given them.
  [[nodiscard]] double log_evidence() const {
    const std::vector<double> prior(std::max<std::size_t>(k_, 2), kPrior);
    double total = 0;
    for (std::size_t code = 0; code < std::pow(k_, rows_.size()); ++code) {
      std::vector<double> counts(static_cast<std::size_t>(n_statistics()));
      for (std::size_t n = 0, rest = code; n < rows_.size(); ++n, rest /= k_) {
        counts[rest % k_] += 1;
        for (std::size_t j = 0; j < kBits; ++j) counts[at(rest % k_, j, rows_[n][j])] += 1;
      }
      double sum = dirichlet_categorical_log_evidence({prior.data(), k_}, {counts.data(), k_});
      for (std::size_t i = k_; i < counts.size(); i += 2)
        sum += dirichlet_categorical_log_evidence({prior.data(), 2}, {counts.data() + i, 2});
      total += std::exp(sum);
    }
    return std::log(total);
  }

 private:
  static constexpr double kPrior = 0.8;
  [[nodiscard]] std::size_t at(std::size_t k, std::size_t j, int bit) const {
    return k_ + (k * kBits + j) * 2 + static_cast<std::size_t>(bit);
  }

  std::vector<std::vector<int>> rows_;
  std::size_t k_;
  std::vector<double> posterior_, expected_log_;
};

std::vector<std::vector<int>> two_kinds_of_rows(std::size_t n) {
  std::mt19937_64 engine(5);
  std::vector<std::vector<int>> out(n, std::vector<int>(kBits));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < kBits; ++j)
      out[i][j] = std::bernoulli_distribution((j < kBits / 2) == (i % 2 == 0) ? 0.85 : 0.2)(engine) ? 1 : 0;
  return out;
}

std::vector<double> uneven_start(const ConjugateModel& model) {
  std::mt19937_64 engine(9);
  std::vector<double> out(static_cast<std::size_t>(model.n_statistics()));
  for (double& value : out) value = std::uniform_real_distribution<double>(0, 10)(engine);
  return out;
}

ConjugateSettings batches_of(std::int64_t size) { return {.batch_size = size}; }

TEST(ConjugateEngines, OneComponentReachesTheEvidenceInOneStep) {
  BernoulliMixture model(two_kinds_of_rows(11), 1);
  Cavi cavi(model, uneven_start(model));
  cavi.advance(1);
  EXPECT_NEAR(cavi.evaluate(), model.log_evidence(), 1e-12);
  Memoized memoized(model, uneven_start(model), batches_of(4));
  memoized.advance(1);
  EXPECT_NEAR(memoized.evaluate(), model.log_evidence(), 1e-12);
  Svi svi(model, uneven_start(model), {.batch_size = 11, .delay = 0});
  svi.advance(1);
  EXPECT_NEAR(svi.evaluate(), model.log_evidence(), 1e-12);
}

TEST(ConjugateEngines, TheElboIsABoundThatNeverFalls) {
  BernoulliMixture model(two_kinds_of_rows(9), 3);
  const double log_evidence = model.log_evidence();
  Cavi cavi(model, uneven_start(model));
  Memoized memoized(model, uneven_start(model), batches_of(2));
  for (ConjugateEngineBase* const engine :
       {static_cast<ConjugateEngineBase*>(&cavi), static_cast<ConjugateEngineBase*>(&memoized)}) {
    model.set_statistics(engine->statistics());
    double last = -1e300;
    for (int step = 0; step < 60; ++step) {
      engine->advance(1);
      const double elbo = engine->evaluate();
      EXPECT_GE(elbo, last - 1e-12 * std::abs(elbo)) << step;
      EXPECT_LE(elbo, log_evidence);
      last = elbo;
    }
    EXPECT_GT(engine->elbo_trace().size(), 5U);
    EXPECT_LE(engine->elbo_trace().back(), last);
    // At rest: the ELBO is what a pass over all units finds, and its statistics are those that the globals have.
    engine->advance(400);
    std::vector<double> again(engine->statistics().size());
    const double local = model.local_step({0, model.n_units()}, true, again);
    EXPECT_NEAR(local + model.global_elbo(), engine->evaluate(), 1e-9);
    for (std::size_t i = 0; i < again.size(); ++i) EXPECT_NEAR(again[i], engine->statistics()[i], 1e-6);
    EXPECT_LT(engine->report().error_sd, 1e-9);
  }
}

TEST(ConjugateEngines, StochasticStepsOfOneAndAllUnitsAreCoordinateAscent) {
  BernoulliMixture model(two_kinds_of_rows(40), 3);
  Cavi cavi(model, uneven_start(model));
  cavi.advance(1);
  Svi svi(model, uneven_start(model), {.batch_size = 40, .delay = 0});
  svi.advance(1);
  for (std::size_t i = 0; i < cavi.statistics().size(); ++i)
    EXPECT_NEAR(svi.statistics()[i], cavi.statistics()[i], 1e-12 * std::abs(cavi.statistics()[i]));
  // What a pass reports is the ELBO before its steps.
  model.set_statistics(uneven_start(model));
  std::vector<double> statistics(static_cast<std::size_t>(model.n_statistics()));
  const double local = model.local_step({0, 40}, false, statistics);
  EXPECT_NEAR(svi.elbo_trace().at(0), local + model.global_elbo(), 1e-10);
}

TEST(ConjugateEngines, StochasticStepsAverageWhatBatchesSayOfAll) {
  BernoulliMixture model(two_kinds_of_rows(40), 2);
  Svi svi(model, uneven_start(model), {.batch_size = 8, .delay = 3, .forgetting = 0.6, .seed = 4});
  svi.advance(1);
  // Which of the five batches it was: one of them explains the step.
  int explained = 0;
  for (std::int64_t b = 0; b < 5; ++b) {
    model.set_statistics(uneven_start(model));
    std::vector<double> batch(static_cast<std::size_t>(model.n_statistics()));
    model.local_step({b * 8, b * 8 + 8}, false, batch);
    const double rate = std::pow(4, -0.6);
    double worst = 0;
    for (std::size_t i = 0; i < batch.size(); ++i)
      worst =
          std::max(worst, std::abs((1 - rate) * uneven_start(model)[i] + rate * 5 * batch[i] - svi.statistics()[i]));
    explained += worst < 1e-12 ? 1 : 0;
  }
  EXPECT_EQ(explained, 1);
}

TEST(ConjugateEngines, StochasticPassesReachTheOptimum) {
  BernoulliMixture model(two_kinds_of_rows(600), 2);
  Cavi cavi(model, uneven_start(model));
  cavi.advance(200);
  Svi svi(model, uneven_start(model), {.batch_size = 30, .delay = 5});
  svi.advance(20 * 30);
  EXPECT_EQ(svi.elbo_trace().size(), 30U);
  EXPECT_EQ(svi.report().rows_read, 30 * 600);
  EXPECT_NEAR(svi.evaluate(), cavi.evaluate(), 0.5);
  EXPECT_LT(svi.evaluate(), cavi.evaluate());
}

// A fit that was saved and loaded goes on with the same bits.
TEST(ConjugateEngines, StatesAreWhole) {
  const auto rows = two_kinds_of_rows(21);
  const ConjugateSettings settings{.batch_size = 4, .delay = 1, .forgetting = 0.8, .seed = 2};
  for (int kind = 0; kind < 3; ++kind) {
    SCOPED_TRACE(kind);
    const auto make = [&](BernoulliMixture& model, std::vector<double> start) -> std::unique_ptr<ConjugateEngineBase> {
      if (kind == 0) return std::make_unique<Cavi>(model, std::move(start));
      if (kind == 1) return std::make_unique<Svi>(model, std::move(start), settings);
      return std::make_unique<Memoized>(model, std::move(start), settings);
    };
    BernoulliMixture model(rows, 3), other(rows, 3);
    const auto whole = make(model, uneven_start(model));
    whole->advance(9);
    EngineState state;
    whole->save(state);
    whole->advance(8);
    const auto resumed = make(other, std::vector<double>(static_cast<std::size_t>(other.n_statistics()), 1.0));
    resumed->load(state);
    resumed->advance(8);
    EXPECT_EQ(resumed->statistics(), whole->statistics());
    EXPECT_EQ(resumed->elbo_trace(), whole->elbo_trace());
    EXPECT_EQ(resumed->evaluate(), whole->evaluate());
    EXPECT_EQ(resumed->report().steps, whole->report().steps);
  }
}

// Proposes once each: to go on from statistics that are worse than any, and from those of a good fit.
class WithProposals final : public ConjugateModel {
 public:
  WithProposals(BernoulliMixture& model, std::vector<std::vector<double>> proposals)
      : model_(model), proposals_(std::move(proposals)) {}
  [[nodiscard]] std::int64_t n_units() const override { return model_.n_units(); }
  [[nodiscard]] std::int64_t n_statistics() const override { return model_.n_statistics(); }
  void set_statistics(std::span<const double> s) override { model_.set_statistics(s); }
  double local_step(UnitRange units, bool keep, std::span<double> s) override {
    return model_.local_step(units, keep, s);
  }
  [[nodiscard]] double statistics_term(std::span<const double> s) const override { return model_.statistics_term(s); }
  [[nodiscard]] double global_elbo() const override { return model_.global_elbo(); }
  bool propose(std::span<const double>, std::span<double> proposal) override {
    if (verdicts.size() == proposals_.size()) return false;
    std::copy(proposals_[verdicts.size()].begin(), proposals_[verdicts.size()].end(), proposal.begin());
    return true;
  }
  void judge(bool accepted) override { verdicts.push_back(accepted); }

  std::vector<bool> verdicts;

 private:
  BernoulliMixture& model_;
  std::vector<std::vector<double>> proposals_;
};

TEST(ConjugateEngines, ProposalsAreKeptWhereTheElboRises) {
  const auto rows = two_kinds_of_rows(60);
  BernoulliMixture model(rows, 2), other(rows, 2);
  Cavi best(other, uneven_start(other));
  best.advance(200);
  // Where both components are alike: a stationary point that coordinate ascent does not leave.
  std::vector<double> flat(static_cast<std::size_t>(model.n_statistics()), 30.0);
  std::vector<double> worse = flat;
  for (std::size_t i = 2; i < worse.size(); i += 2) worse[i] = i % 4 == 0 ? 0 : 1000;
  WithProposals with(model, {flat, worse, best.statistics(), flat});
  Memoized memoized(with, flat, {.batch_size = 7, .gain_before_moves = 1e-2});
  double last = -1e300;
  for (int step = 0; step < 200; ++step) {
    memoized.advance(1);
    EXPECT_GE(memoized.evaluate(), last - 1e-10);
    last = memoized.evaluate();
  }
  ASSERT_EQ(with.verdicts.size(), 4U);
  EXPECT_FALSE(with.verdicts[0]);
  EXPECT_TRUE(with.verdicts[2]);
  EXPECT_FALSE(with.verdicts[3]);
  EXPECT_NEAR(last, best.evaluate(), 1e-6);
  EXPECT_TRUE(std::is_sorted(memoized.elbo_trace().begin(), memoized.elbo_trace().end(),
                             [](double a, double b) { return a < b - 1e-10; }));
  // The statistics kept are those of the batches.
  std::vector<double> again(memoized.statistics().size());
  model.local_step({0, 60}, true, again);
  for (std::size_t i = 0; i < again.size(); ++i) EXPECT_NEAR(again[i], memoized.statistics()[i], 1e-5);
}

}  // namespace
}  // namespace velbo::internal

// engines/conjugate_engine.h - what cavi, svi and memoized have in common: statistics of the globals, and the trace of the ELBO.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "conjugate/conjugate_model.h"
#include "data/batch_order.h"
#include "engines/engine.h"

namespace velbo::internal {

struct ConjugateSettings {
  std::int64_t batch_size = 0;  // units; cavi takes all
  double delay = 1, forgetting = 0.7;
  std::uint64_t seed = 1;
  double gain_before_moves = 1e-3;  // memoized: nats a unit; passes that raise the ELBO by less are followed by trials
};

// report().error_sd is nats a unit that the last pass gained, which is what the tolerance of such a fit is in.
class ConjugateEngineBase : public Engine {
 public:
  // `statistics` [n_statistics]: where the fit starts.  stage: for progress.
  ConjugateEngineBase(ConjugateModel& model, std::vector<double> statistics, const char* stage);

  void advance(std::int64_t n_steps) final;
  [[nodiscard]] const EngineReport& report() const final { return report_; }
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

  // Of the globals' factors: prior plus this.
  [[nodiscard]] const std::vector<double>& statistics() const { return statistics_; }
  // The ELBO of each whole pass.
  [[nodiscard]] const std::vector<double>& elbo_trace() const { return trace_; }

 protected:
  // One update of the globals.
  virtual void step() = 0;
  // After a pass over all units whose ELBO was this: the report and the trace.
  void finish_pass(double elbo);
  // The ELBO of globals that the statistics have just been given to, `rest` being what does not move with them.
  [[nodiscard]] double elbo_of(double rest) const;

  ConjugateModel& model_;
  EngineReport report_;
  std::vector<double> statistics_, trace_;
};

// Coordinate ascent: a step is a pass over all units.
class Cavi final : public ConjugateEngineBase {
 public:
  Cavi(ConjugateModel& model, std::vector<double> statistics)
      : ConjugateEngineBase(model, std::move(statistics), "cavi") {}
  [[nodiscard]] double evaluate() override { return report_.elbo; }

 private:
  void step() override;

  std::vector<double> next_;
};

// Steps by random batches of consecutive units.
class Svi final : public ConjugateEngineBase {
 public:
  Svi(ConjugateModel& model, std::vector<double> statistics, const ConjugateSettings& settings);
  [[nodiscard]] double evaluate() override;  // a pass over all units
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

 private:
  void step() override;

  ConjugateSettings settings_;
  std::vector<double> batch_;
  BatchOrder order_;      // of batches, each pass anew
  double pass_elbo_ = 0;  // of this pass's batches so far: their estimates, weighted by units
};

// Steps by batches whose statistics are kept, and moves that the model proposes.
class Memoized final : public ConjugateEngineBase {
 public:
  Memoized(ConjugateModel& model, std::vector<double> statistics, const ConjugateSettings& settings);
  [[nodiscard]] double evaluate() override;
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

 private:
  [[nodiscard]] std::int64_t n_batches() const { return static_cast<std::int64_t>(rest_.size()); }
  // Visits batch b: its statistics and what of its ELBO does not move with the globals.
  void visit(std::int64_t b);
  [[nodiscard]] double elbo() const;
  void step() override;
  void add_up();
  // What the model proposes, a few trials after a pass.  While there may be more, the fit has not converged.
  void try_proposals();
  [[nodiscard]] std::span<double> batch(std::int64_t b) {
    return std::span(batches_).subspan(static_cast<std::size_t>(b) * statistics_.size(), statistics_.size());
  }

  ConjugateSettings settings_;
  std::vector<double> batches_;  // [n_batches, n_statistics]
  std::vector<double> rest_;     // [n_batches]
};

}  // namespace velbo::internal

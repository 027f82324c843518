// conjugate/conjugate_model.h - what the engines cavi, svi and memoized fit: models whose global factors are conjugate, so that
// their natural parameters are those of the prior plus expected sufficient statistics (Hoffman et al. 2013, equation 12).
//
// The statistics S [n_statistics], summed over all units, are therefore the whole variational state of the globals: coordinate ascent
// sets S to the sum of the units' statistics, stochastic natural-gradient steps average (their natural parameters and S move
// alike, equation 15), memoized steps replace a batch's part of the sum (Hughes and Sudderth 2013).
#pragma once
#include <cstdint>
#include <span>

#include "engines/engine_state.h"

namespace velbo::internal {

// Units begin .. end - 1: rows, documents or sequences.  Contiguous, so that kernels read what lies together; a model whose units
// come in an order that means something keeps them shuffled.
struct UnitRange {
  std::int64_t begin = 0, end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

class ConjugateModel {
 public:
  virtual ~ConjugateModel() = default;

  [[nodiscard]] virtual std::int64_t n_units() const = 0;
  [[nodiscard]] virtual std::int64_t n_statistics() const = 0;

  // The globals' factors become those of prior plus `statistics` [n_statistics]; expectations under them are what local_step() uses.
  // Parameters of priors that are learnt (empirical Bayes) become the best ones given `statistics`, which then hold what that takes.
  virtual void set_statistics(std::span<const double> statistics) = 0;

  // Brings the local factors of `units` to their optimum given the globals, adds their expected statistics to `statistics` and returns
  // sum over units of E_q[log p(x, local | globals)] - E_q[log q(local)].  Deterministic: the same bits for any number of threads.
  // `keep`: local factors that take iterations of their own start where this unit's last ones ended, without which coordinate ascent
  // is not monotone; else (svi) every unit starts afresh and nothing is kept.
  virtual double local_step(UnitRange units, bool keep, std::span<double> statistics) = 0;

  // The part of local_step()'s result that moves with the globals: E_q[eta(globals)]' statistics, linear in them.
  [[nodiscard]] virtual double statistics_term(std::span<const double> statistics) const = 0;

  // E_q[log p(globals)] - E_q[log q(globals)], that is -KL(q || prior).
  [[nodiscard]] virtual double global_elbo() const = 0;

  // Globals of another structure that memoized is to try, given the sums over all units: false where there are none worth it, else
  // their statistics into `proposal` [n_statistics].  It visits all units from there, keeps what came of it if the ELBO rose, and tells
  // by judge() whether it did.
  virtual bool propose(std::span<const double> /*statistics*/, std::span<double> /*proposal*/) { return false; }
  virtual void judge(bool /*accepted*/) {}

  // What a resumed fit needs beside the statistics, which it has been given before load(): local factors that were kept, and what
  // set_statistics() makes in more than one step.
  virtual void save(EngineState& /*state*/) const {}
  virtual void load(const EngineState& /*state*/) {}
};

}  // namespace velbo::internal

// sequences/sequence_step.h - the local step over some sequences: where their rows are, and the operation of the device.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "conjugate/conjugate_model.h"
#include "velbo/context.h"
#include "velbo/fit.h"
#include "velbo/hidden_markov.h"

namespace velbo::internal {

class HiddenMarkovFactors;

class SequenceStep {
 public:
  virtual ~SequenceStep() = default;
  // Adds expected statistics (HiddenMarkovFactors) of these sequences given the factors, and returns the logarithm of all paths' weight.
  virtual double add(UnitRange sequences, const HiddenMarkovFactors& factors, std::span<double> statistics) const = 0;
};

// Rows of numbers are less `centre` [D]; a device has them, as `scalar`, from here on.  Throws Error(memory) where it has no room.
std::unique_ptr<SequenceStep> make_sequence_step(const Sequences& x, std::span<const double> centre, Scalar scalar,
                                                 const Context& context);

}  // namespace velbo::internal

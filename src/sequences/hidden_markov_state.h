// sequences/hidden_markov_state.h - what a HiddenMarkov shares between its copies.
#pragma once
#include <memory>
#include <vector>

#include "sequences/hidden_markov_model.h"

namespace velbo {

struct HiddenMarkovState {
  internal::HiddenMarkovFactors factors;
  std::vector<double> statistics, occupancy;
  std::vector<std::string> names;
  ConjugateRun run;

  // Of these statistics, states in the order that they have there.
  HiddenMarkovState(internal::HiddenMarkovPrior prior, std::vector<double> of, std::vector<std::string> names_of = {},
                    ConjugateRun how = {});
};

}  // namespace velbo

// fit/fit_conjugate.h - models with conjugate globals in the fit loop.
#pragma once
#include <vector>

#include "conjugate/conjugate_model.h"
#include "fit/fit_loop.h"
#include "velbo/conjugate.h"
#include "velbo/context.h"

namespace velbo::internal {

// Options with every choice made, and checked.
// Throws Error(argument) for numbers that make no sense, naming the option.
ConjugateOptions resolve(const ConjugateOptions& options, std::int64_t n_units, std::int64_t default_batch_size);

struct ConjugateFit {
  std::vector<double> statistics;  // which the model has been given, too
  ConjugateRun run;                // without restarts and the device's reason
};

// From `statistics`; `options` are resolved.  `identity`: what of the model a resumed fit must share; options are added.
ConjugateFit fit_conjugate(ConjugateModel& model, std::vector<double> statistics, const ConjugateOptions& options,
                           const Context& context, Identity identity);

}  // namespace velbo::internal

// fit/summarise.h - what the summaries of all fits have in common.
#pragma once
#include "fit/diagnosis.h"
#include "fit/fit_loop.h"
#include "velbo/context.h"

namespace velbo::internal {

// What a diagnosis that was not made says: NaNs.
Diagnosis no_diagnosis();

// The summary of a fit whose loop ended after fit_seconds, but for what was chosen, the model and the warnings; judge() it then.
Summary summarise(const Outcome& outcome, const EngineReport& report, const Diagnosis& diagnosis,
                  const FitOptions& options, const Context& context, const Posterior& posterior, double fit_seconds,
                  const Stopwatch& watch);

// "low_rank:5", "full_rank".
std::string family_text(FamilyKind family, std::int64_t rank);

}  // namespace velbo::internal

// report/run_section.h - what every report of a conjugate model begins with.
#pragma once
#include "report/html_report.h"
#include "velbo/conjugate.h"

namespace velbo::internal {

// How the fit went, and the ELBO pass by pass.
void add_run(const ConjugateRun& run, HtmlReport& report);

}  // namespace velbo::internal

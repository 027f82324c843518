// velbo/distributions.h - log densities and log probabilities, to write a model's log density with.
//
// Stan's names and parameters (Stan Functions Reference), with all constants.  Every argument is a number or a scalar with
// derivatives, in any mixture; the result is the promoted scalar (velbo/scalar.h), so that `normal_lpdf(x, 0.0, 1.0)` of a
// Dual<float, N> is worked out in float, but of a plain float in double: write 0 and 1 there.  Derivatives are written out:
// only those by arguments that carry derivatives are gathered.
//
//   outside of the support           -infinity, with derivatives of 0
//   an invalid parameter, a NaN      NaN (a scale or shape that is not positive, anything infinite)
//
// On the edge of a support the value is the density's limit there; derivatives are not to be relied on.  A location or a
// log rate may be anything finite.  Outcomes are counted from 0.
//
// Formulas that lose their digits far out, or where large terms cancel (large counts, shapes and precisions), are
// replaced there by others: Loader 2000, "Fast and accurate computation of binomial probabilities".
#pragma once
#include "velbo/distributions/continuous.h"
#include "velbo/distributions/discrete.h"
#include "velbo/distributions/multivariate.h"
#include "velbo/distributions/positive.h"

// models/glm_checks.h - what an outcome must be for a likelihood, and which likelihood an outcome suggests.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "velbo/glm.h"

namespace velbo::internal {

// Where row n of the model's rows came from, for messages.
using PlaceOfRow = std::function<std::string(std::int64_t)>;

// bernoulli for an outcome of zeros and ones (or two text levels), gaussian for one that is not whole numbers.
// Throws Error(argument) naming the column and saying what it holds when that leaves a doubt.
Likelihood guess_likelihood(const std::string& outcome, std::span<const double> y, bool has_levels);

// The two values that y takes, the smaller first; nothing where it takes one, or more than two.
std::optional<std::array<double, 2>> two_labels(std::span<const double> y);

// Throws Error(data) with the place of the first value that the likelihood cannot have made: bernoulli 0 or 1, binomial
// 0 .. trials, poisson and negative_binomial 0, 1, 2 ..., gamma above 0, beta between 0 and 1; gaussian and student_t at least two different values where two or more rows have a weight.
void check_outcome(Likelihood likelihood, const std::string& outcome, std::span<const double> y,
                   std::span<const double> trials, std::span<const double> weights, const PlaceOfRow& place);

// Weights: not negative and finite, at least one positive.  Trials: whole and not negative.  Offset: finite.
void check_weights(const std::string& name, std::span<const double> weights, const PlaceOfRow& place);
void check_trials(const std::string& name, std::span<const double> trials, const PlaceOfRow& place);

}  // namespace velbo::internal

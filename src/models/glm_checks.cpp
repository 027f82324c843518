// models/glm_checks.cpp
#include "models/glm_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "velbo/error.h"

namespace velbo::internal {
namespace {

bool is_whole(double value) { return std::floor(value) == value; }

[[noreturn]] void refuse(const PlaceOfRow& place, std::size_t row, const std::string& what, double value,
                         const char* expected) {
  throw Error(ErrorCode::data,
              fmt::format("{}: {} is {}, expected {}", place(static_cast<std::int64_t>(row)), what, value, expected));
}

template <class Accept>
void expect_all(const PlaceOfRow& place, const std::string& what, std::span<const double> values, const char* expected,
                const Accept& accept) {
  for (std::size_t n = 0; n < values.size(); ++n)
    if (!accept(values[n])) refuse(place, n, what, values[n], expected);
}

}  // namespace

Likelihood guess_likelihood(const std::string& outcome, std::span<const double> y, bool has_levels) {
  if (has_levels) return Likelihood::bernoulli;
  const auto [least, most] = std::minmax_element(y.begin(), y.end());
  const std::string choices = "name one: --likelihood gaussian, bernoulli, binomial or poisson";
  if (y.empty() || *least == *most)
    throw Error(ErrorCode::argument,
                fmt::format("the likelihood cannot be guessed: outcome {} is constant{}; {}", outcome,
                            y.empty() ? std::string() : fmt::format(" ({} in every row)", *least), choices));
  if (std::all_of(y.begin(), y.end(), [](double v) { return v == 0 || v == 1; })) return Likelihood::bernoulli;
  if (!std::all_of(y.begin(), y.end(), is_whole)) return Likelihood::gaussian;
  throw Error(ErrorCode::argument,
              fmt::format("the likelihood cannot be guessed: outcome {} holds whole numbers from {} to {}; {}", outcome,
                          *least, *most, choices));
}

std::optional<std::array<double, 2>> two_labels(std::span<const double> y) {
  if (y.empty()) return std::nullopt;
  const auto [least, most] = std::minmax_element(y.begin(), y.end());
  const std::array<double, 2> labels = {*least, *most};
  if (labels[0] == labels[1]) return std::nullopt;
  const bool two = std::all_of(y.begin(), y.end(), [&](double v) { return v == labels[0] || v == labels[1]; });
  return two ? std::optional(labels) : std::nullopt;
}

void check_outcome(Likelihood likelihood, const std::string& outcome, std::span<const double> y,
                   std::span<const double> trials, std::span<const double> weights, const PlaceOfRow& place) {
  const std::string what = "outcome " + outcome;
  expect_all(place, what, y, "a finite number", [](double v) { return std::isfinite(v); });
  switch (likelihood) {
    case Likelihood::bernoulli:
      expect_all(place, what, y, "0 or 1 (likelihood bernoulli)", [](double v) { return v == 0 || v == 1; });
      return;
    case Likelihood::poisson:
      expect_all(place, what, y, "0, 1, 2, ... (likelihood poisson)", [](double v) { return v >= 0 && is_whole(v); });
      return;
    case Likelihood::negative_binomial:
      expect_all(place, what, y, "0, 1, 2, ... (likelihood negative_binomial)",
                 [](double v) { return v >= 0 && is_whole(v); });
      return;
    case Likelihood::gamma:
      expect_all(place, what, y, "a number above 0 (likelihood gamma)", [](double v) { return v > 0; });
      return;
    case Likelihood::beta:
      expect_all(place, what, y, "a number above 0 and below 1 (likelihood beta)",
                 [](double v) { return v > 0 && v < 1; });
      return;
    case Likelihood::binomial:
      for (std::size_t n = 0; n < y.size(); ++n)
        if (y[n] < 0 || y[n] > trials[n] || !is_whole(y[n]))
          throw Error(ErrorCode::data,
                      fmt::format("{}: {} is {}, expected a whole number from 0 to the row's {} trials",
                                  place(static_cast<std::int64_t>(n)), what, y[n], trials[n]));
      return;
    case Likelihood::gaussian:
    case Likelihood::student_t:
      // A constant outcome has no spread to learn sigma from: the posterior piles up at sigma = 0.
      {
        std::size_t counted = 0, first = 0, same = 0;
        for (std::size_t n = 0; n < y.size(); ++n) {
          if (!weights.empty() && weights[n] == 0) continue;
          if (counted++ == 0) first = n;
          same += y[n] == y[first] ? 1 : 0;
        }
        if (counted >= 2 && same == counted)
          throw Error(ErrorCode::data, fmt::format("{} is constant ({} in all {} rows): there is nothing to fit", what,
                                                   y[first], counted));
      }
      return;
    case Likelihood::categorical:  // models/outcome_levels.h
    case Likelihood::ordinal:
    case Likelihood::automatic: return;
  }
}

void check_weights(const std::string& name, std::span<const double> weights, const PlaceOfRow& place) {
  expect_all(place, "weight " + name, weights, "a finite number, 0 or more",
             [](double v) { return std::isfinite(v) && v >= 0; });
  if (!weights.empty() && std::all_of(weights.begin(), weights.end(), [](double v) { return v == 0; }))
    throw Error(ErrorCode::data, fmt::format("weights {}: all are 0, expected at least one positive weight", name));
}

void check_trials(const std::string& name, std::span<const double> trials, const PlaceOfRow& place) {
  expect_all(place, "trials " + name, trials, "a whole number, 0 or more",
             [](double v) { return std::isfinite(v) && v >= 0 && is_whole(v); });
}

}  // namespace velbo::internal

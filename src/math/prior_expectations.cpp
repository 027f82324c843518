#include "math/prior_expectations.h"

#include <cmath>
#include <numbers>

#include "math/prior_terms.h"
#include "math/special.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using Kind = Prior::Kind;
using prior_terms::degrees_of_freedom;

// log of Gamma((df + 1) / 2) / (Gamma(df / 2) sqrt(df pi)).
double student_t_constant(double df) {
  const double a = 0.5 * df;
  // The difference of the two log Gamma functions cancels for large df; there its series (DLMF 5.11.13).
  const double ratio =
      a > 1e3 ? 0.5 * std::log(a) - 1 / (8 * a) + 1 / (192 * a * a * a) : log_gamma(a + 0.5) - log_gamma(a);
  return ratio - 0.5 * std::log(df * std::numbers::pi);
}

// log P(X > 0) for the priors of the whole line.
double log_mass_above_zero(const Prior& prior) {
  const double t = prior.location / prior.scale;
  switch (prior.kind) {
    case Kind::normal: return log_normal_cdf(t);
    case Kind::laplace: return t >= 0 ? std::log1p(-0.5 * std::exp(-t)) : t - std::numbers::ln2;
    case Kind::student_t:
    case Kind::cauchy: return log_student_t_cdf(t, degrees_of_freedom(prior));
    default: return 0;
  }
}

}  // namespace

double log_prior_constant(const Prior& prior, bool positive) {
  constexpr double half_log_two_pi = 0.91893853320467274178;
  const double log_scale = std::log(prior.scale);
  const double cut = positive ? log_mass_above_zero(prior) : 0.0;
  switch (prior.kind) {
    case Kind::flat: return 0;
    case Kind::normal: return -half_log_two_pi - log_scale - cut;
    case Kind::half_normal: return std::numbers::ln2 - half_log_two_pi - log_scale;
    case Kind::student_t:
    case Kind::cauchy: return student_t_constant(degrees_of_freedom(prior)) - log_scale - cut;
    case Kind::half_student_t:
    case Kind::half_cauchy: return std::numbers::ln2 + student_t_constant(degrees_of_freedom(prior)) - log_scale;
    case Kind::laplace: return -std::numbers::ln2 - log_scale - cut;
    case Kind::exponential: return -log_scale;
    case Kind::gamma: return -log_gamma(prior.df) - prior.df * log_scale;
  }
  throw Error(ErrorCode::internal, "unknown kind of prior");
}

double log_prior_kernel(const Prior& prior, double x) {
  const double t = (x - prior.location) / prior.scale;
  switch (prior.kind) {
    case Kind::flat: return 0;
    case Kind::normal:
    case Kind::half_normal: return -0.5 * t * t;
    case Kind::student_t:
    case Kind::cauchy:
    case Kind::half_student_t:
    case Kind::half_cauchy: {
      const double df = degrees_of_freedom(prior);
      return -0.5 * (df + 1) * prior_terms::log_one_plus_square(x, prior.location, prior.scale * std::sqrt(df)).value;
    }
    case Kind::laplace: return -std::fabs(t);
    case Kind::exponential: return -t;
    case Kind::gamma: return (prior.df == 1 ? 0.0 : (prior.df - 1) * std::log(x)) - t;
  }
  throw Error(ErrorCode::internal, "unknown kind of prior");
}

double log_prior_slope(const Prior& prior, double x) {
  const double d = x - prior.location;
  switch (prior.kind) {
    case Kind::flat: return 0;
    case Kind::normal:
    case Kind::half_normal: return -d / prior.scale / prior.scale;
    case Kind::student_t:
    case Kind::cauchy:
    case Kind::half_student_t:
    case Kind::half_cauchy: {
      const double df = degrees_of_freedom(prior), width = prior.scale * std::sqrt(df), t = d / width;
      return -(df + 1) / width * (std::fabs(t) < 1e8 ? t / (1 + t * t) : 1 / t);
    }
    case Kind::laplace: return (d > 0 ? -1 : d < 0 ? 1 : 0) / prior.scale;
    case Kind::exponential: return -1 / prior.scale;
    case Kind::gamma: return (prior.df - 1) / x - 1 / prior.scale;
  }
  throw Error(ErrorCode::internal, "unknown kind of prior");
}

Expectation<double> expected_log_prior(const Prior& prior, double mean, double sd) {
  if (prior.is_positive())
    throw Error(ErrorCode::argument, prior.text() + " is a prior for a positive parameter, not for a coefficient");
  return expected_prior_term(prior, log_prior_constant(prior, false), mean, sd);
}

Expectation<double> expected_log_positive_prior(const Prior& prior, double mean, double sd) {
  return expected_positive_prior_term(prior, log_prior_constant(prior, true), mean, sd);
}

}  // namespace velbo::internal

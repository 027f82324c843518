// velbo/prior.h - prior distributions in Stan's parametrisation.
#pragma once
#include <string>
#include <string_view>

#include "velbo/export.h"

namespace velbo {

// flat is improper: density 1.  exponential, gamma, half_normal, half_cauchy and half_student_t live on (0, inf) and are for
// positive parameters only: sigma, nu, phi, shape.  The symmetric ones given for those are cut off at 0 and normalised there, so normal(0, 2) for sigma is
// half_normal(2): half priors are proper.
struct VELBO_EXPORT Prior {
  enum class Kind {
    flat,
    normal,
    student_t,
    cauchy,
    laplace,
    exponential,
    half_normal,
    half_cauchy,
    half_student_t,
    gamma
  };
  Kind kind = Kind::flat;
  double df = 0;        // degrees of freedom of (half_)student_t, the shape of gamma
  double location = 0;  // of normal, student_t, cauchy, laplace
  double scale = 1;     // > 0; the standard deviation of normal, the mean of exponential (1 / rate); 1 / rate of gamma

  static Prior flat() { return {}; }
  static Prior normal(double location, double scale) { return {Kind::normal, 0, location, scale}; }
  static Prior student_t(double df, double location, double scale) { return {Kind::student_t, df, location, scale}; }
  static Prior cauchy(double location, double scale) { return {Kind::cauchy, 1, location, scale}; }
  static Prior laplace(double location, double scale) { return {Kind::laplace, 0, location, scale}; }
  static Prior exponential(double rate) { return {Kind::exponential, 0, 0, 1 / rate}; }
  static Prior half_normal(double scale) { return {Kind::half_normal, 0, 0, scale}; }
  static Prior half_cauchy(double scale) { return {Kind::half_cauchy, 1, 0, scale}; }
  static Prior half_student_t(double df, double scale) { return {Kind::half_student_t, df, 0, scale}; }
  static Prior gamma(double shape, double rate) { return {Kind::gamma, shape, 0, 1 / rate}; }

  // "normal(0, 2.5)", "student_t(3, 0, 2.5)", "cauchy(0, 1)", "laplace(0, 1)" (also double_exponential),
  // "exponential(1)", "half_normal(1)" (also half-normal), "half_cauchy(1)", "half_student_t(3, 1)", "gamma(2, 0.1)",
  // "flat".
  // Throws Error(argument) that shows the text and says what was expected.
  static Prior parse(std::string_view text);
  // The same syntax back; parse(text()) gives an equal prior.
  [[nodiscard]] std::string text() const;
  // Lives on (0, inf) only.
  [[nodiscard]] bool is_positive() const noexcept;

  friend bool operator==(const Prior&, const Prior&) = default;
};

}  // namespace velbo

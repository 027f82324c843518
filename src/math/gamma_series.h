// math/gamma_series.h - digamma and log Gamma without branches, for loops over topics, on the host and on devices.
//
// Stirling's series (NIST DLMF 5.11.1, 5.11.2) at y = x + n, and the recurrence over n steps as one ratio of polynomials: with
// u = x (x + n - 1), the product of x .. x + n - 1 is that of u + i (n - 1 - i), and the sum of 1 / (x + i) its derivative over itself.
#pragma once
#include "velbo/math/elementary.h"

namespace velbo::internal {

inline constexpr double kGammaSeriesAlone = 64;  // from here on no recurrence is needed

template <class T>
struct ShiftedGamma {
  T y;        // where the series is taken
  T inverse;  // 1 / y
  T product;  // Gamma(y) / Gamma(x)
  T sum;      // digamma(y) - digamma(x)
};

VELBO_HD ShiftedGamma<float> shifted_gamma(float x) {
  const bool far = x > float(kGammaSeriesAlone);
  const float near = far ? 1.0F : x;
  const float u = near * (near + 5), a = u + 4, b = u + 6;
  const float product = u * a * b;
  const float y = far ? x : x + 6;
  const float both = 1 / (y * product);  // one division for two
  const float sum = (2 * near + 5) * (u * a + u * b + a * b) * (y * both);
  return {y, product * both, far ? 1.0F : product, far ? 0.0F : sum};
}

VELBO_HD ShiftedGamma<double> shifted_gamma(double x) {
  const bool far = x > kGammaSeriesAlone;
  const double near = far ? 1.0 : x;
  const double u = near * (near + 9), a = u + 8, b = u + 14, c = u + 18, d = u + 20;
  const double ua = u * a, bc = b * c, uabc = ua * bc;
  const double product = uabc * d;
  const double y = far ? x : x + 10;
  const double both = 1 / (y * product);
  const double sum = (2 * near + 9) * (uabc + d * (ua * (b + c) + bc * (u + a))) * (y * both);
  return {y, product * both, far ? 1.0 : product, far ? 0.0 : sum};
}

// log y - digamma(x) for the y of shifted_gamma(x): all that is left when e^digamma is wanted.
template <class T>
VELBO_HD T log_minus_digamma(const ShiftedGamma<T>& s) {
  const T inverse = s.inverse, square = inverse * inverse;
  if constexpr (sizeof(T) == sizeof(float)) {
    return s.sum + inverse * T(0.5) + square * (T(1.0 / 12) - square * (T(1.0 / 120) - square * T(1.0 / 252)));
  } else {
    return s.sum + inverse * T(0.5) +
           square * (T(1.0 / 12) +
                     square * (T(-1.0 / 120) +
                               square * (T(1.0 / 252) +
                                         square * (T(-1.0 / 240) +
                                                   square * (T(1.0 / 132) +
                                                             square * (T(-691.0 / 32760) + square * T(1.0 / 12)))))));
  }
}

// Devices have a logarithm of their own; the host's is one that a loop around it can be vectorised with.
VELBO_HD double log_positive(double x) {
#if defined(__CUDA_ARCH__)
  return log(x);
#else
  return log_any(x);
#endif
}

struct GammaTerms {
  double log_gamma, digamma;
};

VELBO_HD double digamma_at(double x) {
  const ShiftedGamma<double> s = shifted_gamma(x);
  return log_positive(s.y) - log_minus_digamma(s);
}

VELBO_HD GammaTerms gamma_terms(double x) {
  const ShiftedGamma<double> s = shifted_gamma(x);
  const double log_y = log_positive(s.y), inverse = s.inverse, square = inverse * inverse;
  const double series =
      inverse *
      (1.0 / 12 +
       square * (-1.0 / 360 +
                 square * (1.0 / 1260 +
                           square * (-1.0 / 1680 +
                                     square * (1.0 / 1188 + square * (-691.0 / 360360 + square * (1.0 / 156)))))));
  const double half_log_two_pi = 0.91893853320467274178;
  return {(s.y - 0.5) * log_y - s.y + half_log_two_pi + series - log_positive(s.product), log_y - log_minus_digamma(s)};
}

}  // namespace velbo::internal

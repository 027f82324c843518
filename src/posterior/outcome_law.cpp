// posterior/outcome_law.cpp
#include "posterior/outcome_law.h"

#include <cmath>
#include <limits>

#include "math/special.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

class StudentT final : public OutcomeLaw {  // aux: sigma, nu
 public:
  [[nodiscard]] double variance(double /*eta*/, const double* aux) const noexcept override {
    return aux[1] > 2 ? aux[0] * aux[0] * aux[1] / (aux[1] - 2) : infinity;
  }
  [[nodiscard]] double cdf(double y, double eta, const double* aux) const noexcept override {
    return std::exp(log_student_t_cdf((y - eta) / aux[0], aux[1]));
  }
  [[nodiscard]] double width(double /*eta*/, const double* aux) const noexcept override { return aux[0]; }
};

class NegativeBinomial final : public OutcomeLaw {  // aux: phi
 public:
  [[nodiscard]] bool is_count() const noexcept override { return true; }
  [[nodiscard]] double variance(double eta, const double* aux) const noexcept override {
    const double mu = std::exp(eta);
    return mu + mu * mu / aux[0];
  }
  // DLMF 8.17.24 with x = phi / (phi + mu).
  [[nodiscard]] double cdf(double y, double eta, const double* aux) const noexcept override {
    const double log_ratio = eta - std::log(aux[0]);  // of mu / phi
    const double log_sum =
        log_ratio > 0 ? log_ratio + std::log1p(std::exp(-log_ratio)) : std::log1p(std::exp(log_ratio));
    return incomplete_beta(aux[0], y + 1, -log_sum, log_ratio - log_sum);
  }
  [[nodiscard]] double width(double eta, const double* aux) const noexcept override {
    return std::sqrt(1 / (std::exp(eta) + 1) + 1 / aux[0]);
  }
};

class Gamma final : public OutcomeLaw {  // aux: shape
 public:
  [[nodiscard]] double variance(double eta, const double* aux) const noexcept override {
    return std::exp(2 * eta) / aux[0];
  }
  [[nodiscard]] double cdf(double y, double eta, const double* aux) const noexcept override {
    return incomplete_gamma(aux[0], aux[0] * y * std::exp(-eta));
  }
  [[nodiscard]] double width(double /*eta*/, const double* aux) const noexcept override {
    return std::sqrt(1 / aux[0] + 1 / (aux[0] * aux[0]));  // of log y: near sqrt(trigamma(shape))
  }
};

class Beta final : public OutcomeLaw {  // aux: phi
 public:
  [[nodiscard]] double variance(double eta, const double* aux) const noexcept override {
    return logistic(eta).slope / (1 + aux[0]);
  }
  [[nodiscard]] double cdf(double y, double eta, const double* aux) const noexcept override {
    const double mu = logistic(eta).sigmoid, rest = logistic(-eta).sigmoid;
    if (!(mu > 0)) return 1;  // all mass at an end
    if (!(rest > 0)) return y < 1 ? 0 : 1;
    return incomplete_beta(aux[0] * mu, aux[0] * rest, std::log(y), std::log1p(-y));
  }
  [[nodiscard]] double width(double eta, const double* aux) const noexcept override {
    const double a = aux[0] * logistic(eta).sigmoid, b = aux[0] * logistic(-eta).sigmoid;
    return std::sqrt(1 / a + 1 / (a * a) + 1 / b + 1 / (b * b));  // of logit y: near that of two log gammas
  }
};

template <class Law>
const OutcomeLaw* the() noexcept {
  static const Law law;
  return &law;
}

}  // namespace

const OutcomeLaw* outcome_law(Likelihood likelihood) noexcept {
  switch (likelihood) {
    case Likelihood::student_t: return the<StudentT>();
    case Likelihood::negative_binomial: return the<NegativeBinomial>();
    case Likelihood::gamma: return the<Gamma>();
    case Likelihood::beta: return the<Beta>();
    default: return nullptr;
  }
}

}  // namespace velbo::internal

// posterior/outcome_law.cpp
#include "posterior/outcome_law.h"

#include <cmath>
#include <limits>

#include "math/special.h"

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
    default: return nullptr;
  }
}

}  // namespace velbo::internal

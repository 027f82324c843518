// models/row_law.cpp - each likelihood is a density of velbo/distributions.h, differentiated forwards.
#include "models/row_law.h"

#include <array>

#include "models/glm_data.h"
#include "velbo/distributions.h"
#include "velbo/dual.h"

namespace velbo::internal {
namespace {

// Density: `static T at(double y, const T& eta, const T* aux)` for T = double and Dual, and `auxiliary`, an array.
template <class Density>
class LawOf final : public RowLaw {
 public:
  [[nodiscard]] std::span<const Auxiliary> auxiliary() const noexcept override { return Density::auxiliary; }

  [[nodiscard]] double log_density(double y, double eta, const double* aux, double* slope) const noexcept override {
    if (slope == nullptr) return Density::at(y, eta, aux);
    constexpr int n_aux = static_cast<int>(std::size(Density::auxiliary));
    static_assert(n_aux <= kMostAuxiliary);
    using Number = Dual<double, 1 + n_aux>;
    Number variables[n_aux];
    for (int a = 0; a < n_aux; ++a) variables[a] = Number::variable(aux[a], 1 + a);
    const Number out = Density::at(y, Number::variable(eta, 0), static_cast<const Number*>(variables));
    for (int i = 0; i <= n_aux; ++i) slope[i] = out.derivative[i];
    return out.value;
  }
};

struct StudentT {
  static inline const std::array auxiliary = {
      Auxiliary{"sigma", &GlmOptions::prior_sigma, Prior::exponential(1), 1, true},
      Auxiliary{"nu", &GlmOptions::prior_nu, Prior::gamma(2, 0.1), 10, false}};
  template <class T>
  static T at(double y, const T& eta, const T* aux) {
    return student_t_lpdf(y, aux[1], eta, aux[0]);
  }
};

struct NegativeBinomial {
  static inline const std::array auxiliary = {
      Auxiliary{"phi", &GlmOptions::prior_phi, Prior::exponential(0.1), 3, false}};
  template <class T>
  static T at(double y, const T& eta, const T* aux) {
    return neg_binomial_2_log_lpmf(y, eta, aux[0]);
  }
};

struct Gamma {  // of rate shape / mu
  static inline const std::array auxiliary = {
      Auxiliary{"shape", &GlmOptions::prior_shape, Prior::exponential(0.02), 2, false}};
  template <class T>
  static T at(double y, const T& eta, const T* aux) {
    return gamma_lpdf(y, aux[0], aux[0] * velbo::exp(-eta));
  }
};

struct Beta {  // of mu phi and (1 - mu) phi
  static inline const std::array auxiliary = {
      Auxiliary{"phi", &GlmOptions::prior_phi, Prior::exponential(0.01), 5, false}};
  template <class T>
  static T at(double y, const T& eta, const T* aux) {
    return beta_lpdf(y, aux[0] * velbo::sigmoid(eta), aux[0] * velbo::sigmoid(-eta));
  }
};

template <class Density>
const RowLaw* the() noexcept {
  static const LawOf<Density> law;
  return &law;
}

}  // namespace

const RowLaw* row_law(Likelihood likelihood) noexcept {
  switch (likelihood) {
    case Likelihood::student_t: return the<StudentT>();
    case Likelihood::negative_binomial: return the<NegativeBinomial>();
    case Likelihood::gamma: return the<Gamma>();
    case Likelihood::beta: return the<Beta>();
    case Likelihood::automatic:
    case Likelihood::gaussian:
    case Likelihood::bernoulli:
    case Likelihood::binomial:
    case Likelihood::poisson: break;
  }
  return nullptr;
}

std::int64_t n_auxiliary(Likelihood likelihood) {
  if (likelihood == Likelihood::gaussian) return 1;
  const RowLaw* const law = row_law(likelihood);
  return law == nullptr ? 0 : static_cast<std::int64_t>(law->auxiliary().size());
}

}  // namespace velbo::internal

// models/row_law.cpp - each likelihood is a density of velbo/distributions.h, differentiated forwards.
#include "models/row_law.h"

#include <array>
#include <cmath>

#include "models/glm_data.h"
#include "models/outcome_levels.h"
#include "velbo/distributions.h"
#include "velbo/dual.h"

namespace velbo::internal {
namespace {

// Density: `static T at(double y, const T& eta, const T* aux)` for T = double and Dual, and `auxiliary`, an array.
template <class Density>
class LawOf final : public RowLaw {
 public:
  [[nodiscard]] std::span<const Auxiliary> auxiliary() const noexcept override { return Density::auxiliary; }

  [[nodiscard]] AuxiliaryRange reads(double /*y*/, std::int64_t /*n_levels*/) const noexcept override {
    return {0, n_aux};
  }

  [[nodiscard]] double log_density(double y, std::int64_t /*n_levels*/, const double* eta, const double* aux,
                                   double* slope) const noexcept override {
    if (slope == nullptr) return Density::at(y, *eta, aux);
    using Number = Dual<double, 1 + n_aux>;
    Number variables[n_aux];
    for (int a = 0; a < n_aux; ++a) variables[a] = Number::variable(aux[a], 1 + a);
    const Number out = Density::at(y, Number::variable(*eta, 0), static_cast<const Number*>(variables));
    for (int i = 0; i <= n_aux; ++i) slope[i] = out.derivative[i];
    return out.value;
  }

 private:
  static constexpr int n_aux = static_cast<int>(std::size(Density::auxiliary));
  static_assert(n_aux <= kMostAuxiliary);
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

// A level's probability lies between the cutpoints on its two sides; the first and the last level have one.
class Ordinal final : public RowLaw {
 public:
  [[nodiscard]] std::span<const Auxiliary> auxiliary() const noexcept override {
    static const std::array all = {Auxiliary{"cutpoint", &GlmOptions::prior_intercept, Prior(), 0, false, true}};
    return all;
  }

  [[nodiscard]] AuxiliaryRange reads(double y, std::int64_t n_levels) const noexcept override {
    const auto level = static_cast<std::int64_t>(y);
    return {level == 0 ? 0 : level - 1, level == 0 || level == n_levels - 1 ? 1 : 2};
  }

  // As the outcome of two or three levels that these cutpoints are all of.
  [[nodiscard]] double log_density(double y, std::int64_t n_levels, const double* eta, const double* aux,
                                   double* slope) const noexcept override {
    const int count = reads(y, n_levels).count;
    const std::int64_t level = y == 0 ? 0 : 1;
    if (slope == nullptr) return ordered_logistic_lpmf(level, *eta, aux, count + 1);
    using Number = Dual<double, 1 + kMostAuxiliary>;
    Number cutpoints[kMostAuxiliary];
    for (int a = 0; a < count; ++a) cutpoints[a] = Number::variable(aux[a], 1 + a);
    const Number out =
        ordered_logistic_lpmf(level, Number::variable(*eta, 0), static_cast<const Number*>(cutpoints), count + 1);
    for (int i = 0; i <= count; ++i) slope[i] = out.derivative[i];
    return out.value;
  }
};

class Categorical final : public RowLaw {
 public:
  [[nodiscard]] std::span<const Auxiliary> auxiliary() const noexcept override { return {}; }
  [[nodiscard]] AuxiliaryRange reads(double /*y*/, std::int64_t /*n_levels*/) const noexcept override { return {}; }

  [[nodiscard]] double log_density(double y, std::int64_t n_levels, const double* eta, const double* /*aux*/,
                                   double* slope) const noexcept override {
    const auto level = static_cast<std::int64_t>(y);
    double all[kMostLevels];
    all[0] = 0;
    for (std::int64_t k = 1; k < n_levels; ++k) all[k] = eta[k - 1];
    const double value = categorical_logit_lpmf(level, static_cast<const double*>(all), n_levels);
    // [k = y] - P(k): from the logarithm, so that 1 - P has digits where P is near 1.
    for (std::int64_t k = 1; slope != nullptr && k < n_levels; ++k)
      slope[k - 1] = k == level ? -std::expm1(value) : -std::exp(value + (all[k] - all[level]));
    return value;
  }
};

template <class Law>
const RowLaw* the() noexcept {
  static const Law law;
  return &law;
}

}  // namespace

const RowLaw* row_law(Likelihood likelihood) noexcept {
  switch (likelihood) {
    case Likelihood::student_t: return the<LawOf<StudentT>>();
    case Likelihood::negative_binomial: return the<LawOf<NegativeBinomial>>();
    case Likelihood::gamma: return the<LawOf<Gamma>>();
    case Likelihood::beta: return the<LawOf<Beta>>();
    case Likelihood::categorical: return the<Categorical>();
    case Likelihood::ordinal: return the<Ordinal>();
    case Likelihood::automatic:
    case Likelihood::gaussian:
    case Likelihood::bernoulli:
    case Likelihood::binomial:
    case Likelihood::poisson: break;
  }
  return nullptr;
}

std::int64_t n_auxiliary(Likelihood likelihood, std::int64_t n_levels) {
  if (likelihood == Likelihood::gaussian) return 1;
  std::int64_t sum = 0;
  if (const RowLaw* const law = row_law(likelihood); law != nullptr)
    for (const Auxiliary& a : law->auxiliary()) sum += a.count(n_levels);
  return sum;
}

std::vector<std::string> auxiliary_names(Likelihood likelihood, std::int64_t n_levels) {
  std::vector<std::string> out;
  if (likelihood == Likelihood::gaussian) out.emplace_back("sigma");
  if (const RowLaw* const law = row_law(likelihood); law != nullptr)
    for (const Auxiliary& a : law->auxiliary())
      for (std::int64_t i = 1; i <= a.count(n_levels); ++i)
        out.push_back(a.are_cutpoints ? std::string(a.name) + "[" + std::to_string(i) + "]" : a.name);
  return out;
}

}  // namespace velbo::internal

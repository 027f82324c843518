// support/posteriordb_models.cpp
#include "support/posteriordb_models.h"

#include <cmath>
#include <stdexcept>

#include "support/posteriordb_regressions.h"
#include "velbo/distributions.h"
#include "velbo/functions.h"
#include "velbo/matrix_functions.h"

namespace velbo::test {
namespace {

struct Arma {
  Doubles y;

  template <class T>
  T operator()(const T* theta) const {  // mu, phi, theta, sigma
    const T &mu = theta[0], &phi = theta[1], &moving = theta[2], &sigma = theta[3];
    T sum = normal_lpdf(mu, 0, 10) + normal_lpdf(phi, 0, 2) + normal_lpdf(moving, 0, 2) + cauchy_lpdf(sigma, 0, 2.5);
    T error = y[0] - (mu + phi * mu);
    T squares = square(error);
    for (std::size_t t = 1; t < y.size(); ++t) {
      error = y[t] - (mu + phi * y[t - 1] + moving * error);
      squares += square(error);
    }
    const auto n = static_cast<double>(y.size());
    return sum - 0.5 * squares / square(sigma) - n * (log(sigma) + 0.5 * std::log(2 * M_PI));
  }
};

struct Garch {
  Doubles y;
  double first_sd;

  template <class T>
  T operator()(const T* theta) const {  // mu, alpha0, alpha1, beta1 / (1 - alpha1)
    const T &mu = theta[0], &alpha0 = theta[1], &alpha1 = theta[2];
    const T beta1 = theta[3] * (1.0 - alpha1);
    T sum = log1p(-alpha1);  // of beta1 instead of the share that it takes of what alpha1 leaves
    T variance = first_sd * first_sd;
    for (std::size_t t = 0; t < y.size(); ++t) {
      if (t > 0) variance = alpha0 + alpha1 * square(y[t - 1] - mu) + beta1 * variance;
      sum += normal_lpdf(y[t], mu, sqrt(variance));
    }
    return sum;
  }
};

struct EightSchools {
  Doubles y, sigma;
  bool centred;

  template <class T>
  T operator()(const T* theta) const {  // effects, mu, tau
    const T &mu = theta[8], &tau = theta[9];
    T sum = normal_lpdf(mu, 0, 5) + cauchy_lpdf(tau, 0, 5);
    for (std::size_t j = 0; j < 8; ++j) {
      sum += centred ? normal_lpdf(theta[j], mu, tau) : std_normal_lpdf(theta[j]);
      sum += normal_lpdf(y[j], centred ? theta[j] : mu + tau * theta[j], sigma[j]);
    }
    return sum;
  }
};

// Lower Cholesky factor of alpha^2 exp(-(x_i - x_j)^2 / (2 rho^2)) + noise [i = j].
template <class T, class Noise>
std::vector<T> kernel_factor(const Doubles& x, const T& rho, const T& alpha, const Noise& noise) {
  const std::size_t n = x.size();
  std::vector<T> k(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      k[i * n + j] = square(alpha) * exp(-0.5 * (x[i] - x[j]) * (x[i] - x[j]) / square(rho));
      if (i == j) k[i * n + j] += noise;
    }
  cholesky(k.data(), static_cast<std::int64_t>(n));
  return k;
}

struct GaussianProcess {
  Doubles x, y;

  template <class T>
  T operator()(const T* theta) const {  // rho, alpha, sigma
    const T &rho = theta[0], &alpha = theta[1], &sigma = theta[2];
    const std::vector<T> factor = kernel_factor(x, rho, alpha, sigma);
    const Doubles zero(y.size());
    Doubles workspace(y.size());
    return gamma_lpdf(rho, 25, 4) + normal_lpdf(alpha, 0, 2) + normal_lpdf(sigma, 0, 1) +
           multi_normal_cholesky_lpdf(y.data(), zero.data(), factor.data(), static_cast<std::int64_t>(y.size()),
                                      workspace.data());
  }
};

struct GaussianProcessCounts {
  Doubles x, counts;

  template <class T>
  T operator()(const T* theta) const {  // rho, alpha, f~
    const T &rho = theta[0], &alpha = theta[1];
    const T* whitened = theta + 2;
    const std::vector<T> factor = kernel_factor(x, rho, alpha, 1e-10);
    const std::size_t n = x.size();
    T sum = gamma_lpdf(rho, 25, 4) + normal_lpdf(alpha, 0, 2);
    for (std::size_t i = 0; i < n; ++i) {
      sum += std_normal_lpdf(whitened[i]);
      sum += poisson_log_lpmf(counts[i], dot(&factor[i * n], whitened, static_cast<std::int64_t>(i) + 1));
    }
    return sum;
  }
};

struct HiddenMarkov {
  Doubles y;

  template <class T>
  T operator()(const T* theta) const {  // theta1 [2], theta2 [2], mu [2]
    const T* mu = theta + 4;
    T sum = normal_lpdf(mu[0], 3, 1) + normal_lpdf(mu[1], 10, 1);
    const T to_first[2] = {log(theta[0]), log(theta[2])}, to_second[2] = {log(theta[1]), log(theta[3])};
    T first = normal_lpdf(y[0], mu[0], 1), second = normal_lpdf(y[0], mu[1], 1);
    for (std::size_t t = 1; t < y.size(); ++t) {
      const T next = log_sum_exp(first + to_first[0], second + to_first[1]) + normal_lpdf(y[t], mu[0], 1);
      second = log_sum_exp(first + to_second[0], second + to_second[1]) + normal_lpdf(y[t], mu[1], 1);
      first = next;
    }
    return sum + log_sum_exp(first, second);
  }
};

struct Mixture {
  Doubles y;

  template <class T>
  T operator()(const T* theta) const {  // mu [2], sigma [2], theta
    const T *mu = theta, *sigma = theta + 2, &weight = theta[4];
    T sum = normal_lpdf(mu[0], 0, 2) + normal_lpdf(mu[1], 0, 2) + normal_lpdf(sigma[0], 0, 2) +
            normal_lpdf(sigma[1], 0, 2) + beta_lpdf(weight, 5, 5);
    for (const double value : y)
      sum += log_mix(weight, normal_lpdf(value, mu[0], sigma[0]), normal_lpdf(value, mu[1], sigma[1]));
    return sum;
  }
};

Model eight_schools(const std::string& name, const nlohmann::json& data) {
  const bool centred = name == "eight_schools-eight_schools_centered";
  return {{real(centred ? "theta" : "theta_trans", {8}), real("mu"), positive("tau")},
          EightSchools{doubles(data.at("y")), doubles(data.at("sigma")), centred},
          name};
}

Model arma(const std::string& name, const nlohmann::json& data) {
  return {{real("mu"), real("phi"), real("theta"), positive("sigma")}, Arma{doubles(data.at("y"))}, name};
}

Model garch(const std::string& name, const nlohmann::json& data) {
  return {{real("mu"), positive("alpha0"), interval("alpha1", 0, 1), interval("share", 0, 1)},
          Garch{doubles(data.at("y")), data.at("sigma1")},
          name};
}

Model gp_regr(const std::string& name, const nlohmann::json& data) {
  return {{positive("rho"), positive("alpha"), positive("sigma")},
          GaussianProcess{doubles(data.at("x")), doubles(data.at("y"))},
          name};
}

Model gp_pois_regr(const std::string& name, const nlohmann::json& data) {
  return {{positive("rho"), positive("alpha"), real("f_tilde", {11})},
          GaussianProcessCounts{doubles(data.at("x")), doubles(data.at("k"))},
          name};
}

Model hmm(const std::string& name, const nlohmann::json& data) {
  return {{simplex("theta1", 2), simplex("theta2", 2), positive_ordered("mu", 2)},
          HiddenMarkov{doubles(data.at("y"))},
          name};
}

Model gauss_mix(const std::string& name, const nlohmann::json& data) {
  return {{ordered("mu", 2), positive("sigma", {2}), interval("theta", 0, 1)}, Mixture{doubles(data.at("y"))}, name};
}

struct Entry {
  const char* name;
  Model (*make)(const std::string& name, const nlohmann::json& data);
};

constexpr Entry kEntries[] = {{"arK-arK", autoregression},
                              {"arma-arma11", arma},
                              {"diamonds-diamonds", diamonds},
                              {"earnings-logearn_height_male", earnings},
                              {"earnings-logearn_interaction", earnings},
                              {"eight_schools-eight_schools_centered", eight_schools},
                              {"eight_schools-eight_schools_noncentered", eight_schools},
                              {"garch-garch11", garch},
                              {"gp_pois_regr-gp_pois_regr", gp_pois_regr},
                              {"gp_pois_regr-gp_regr", gp_regr},
                              {"hmm_example-hmm_example", hmm},
                              {"kidiq-kidscore_interaction", kidiq},
                              {"kidiq-kidscore_momhsiq", kidiq},
                              {"kilpisjarvi_mod-kilpisjarvi", kilpisjarvi},
                              {"low_dim_gauss_mix-low_dim_gauss_mix", gauss_mix},
                              {"mesquite-logmesquite_logvash", mesquite},
                              {"mesquite-mesquite", mesquite},
                              {"nes1980-nes", nes},
                              {"nes2000-nes", nes},
                              {"sblrc-blr", simulated}};

}  // namespace

std::vector<std::string> posteriordb_names() {
  std::vector<std::string> out;
  for (const Entry& entry : kEntries) out.emplace_back(entry.name);
  return out;
}

Model posteriordb_model(const std::string& name, const nlohmann::json& data) {
  for (const Entry& entry : kEntries)
    if (name == entry.name) return entry.make(name, data);
  throw std::invalid_argument("no posterior \"" + name + "\"");
}

}  // namespace velbo::test

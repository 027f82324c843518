// velbo/model.h - any differentiable model: named parameters and a log density, written in C++.
//
//   struct EightSchools {
//     std::array<double, 8> y, sigma;
//     template <class T>
//     T operator()(const T* theta) const {  // mu, tau, theta[1] .. theta[8]
//       const T mu = theta[0], tau = theta[1];
//       T sum = velbo::normal_lpdf(mu, 0, 5) + velbo::half_cauchy_lpdf(tau, 5);
//       for (std::size_t j = 0; j < 8; ++j) sum += velbo::normal_lpdf(theta[2 + j], mu, tau) + velbo::normal_lpdf(y[j], theta[2 + j], sigma[j]);
//       return sum;
//     }
//   };
//
//   const velbo::Model model({velbo::real("mu"), velbo::positive("tau"), velbo::real("theta", {8})}, EightSchools{...});
//   const velbo::Fit fit = velbo::fit(model);
//
// The density is of the constrained parameters theta, which lie one after the other in the order of their declaration
// (velbo/parameters.h); velbo adds the log Jacobians of the constraints.  Constants may be left out: the ELBO then lacks
// them.  Host, double.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "velbo/device_model.h"
#include "velbo/dual.h"
#include "velbo/export.h"
#include "velbo/parameters.h"
#include "velbo/plate.h"
#include "velbo/reverse.h"

namespace velbo {

namespace internal {
struct ModelState;
struct ModelMaker;
}  // namespace internal

// Writes the log density [S] of theta [S, n_constrained] row-major and, unless it is null, its gradient [S, n_constrained], for
// S = n_draws.  Called from several threads at once, for some of the draws at a time: what is written of a draw must not depend on
// which others it is asked for with.
using BatchLogDensity = std::function<void(std::int64_t n_draws, const double* theta, double* value, double* gradient)>;

namespace internal {

// The gradient of log_density at theta [n] by forward-mode differentiation, kWidth parameters at a time.
template <int kWidth, class LogDensity>
double differentiate(const LogDensity& log_density, std::int64_t n, const double* theta, double* gradient) {
  thread_local std::vector<Dual<double, kWidth>> variables;
  variables.resize(static_cast<std::size_t>(n));
  double value = 0;
  for (std::int64_t first = 0; first < n; first += kWidth) {
    for (std::int64_t i = 0; i < n; ++i) {
      const bool here = i >= first && i < first + kWidth;
      variables[static_cast<std::size_t>(i)] =
          Dual<double, kWidth>::variable(theta[i], here ? static_cast<int>(i - first) : -1);
    }
    const Dual<double, kWidth> result = log_density(static_cast<const Dual<double, kWidth>*>(variables.data()));
    value = result.value;
    for (std::int64_t i = first; i < n && i < first + kWidth; ++i) gradient[i] = result.derivative[i - first];
  }
  return value;
}

// A density that can be differentiated backwards, as any template of its scalar can; `static constexpr bool forward_only = true` keeps
// one from being asked.
template <class F>
concept ReverseDensity = !requires {
  requires F::forward_only;
}
&&requires(const F& f, const Reverse* x) {
  { f(x) } -> std::convertible_to<Reverse>;
};

// Up to here one pass forwards is quicker; with 16 parameters reverse mode already takes half the time of two (docs/performance.md).
inline constexpr std::int64_t kMostForward = 8;

template <class LogDensity>
double value_and_gradient(const LogDensity& log_density, std::int64_t n, const double* theta, double* gradient) {
  if (n <= 4) return differentiate<4>(log_density, n, theta, gradient);
  if constexpr (ReverseDensity<LogDensity>) {
    if (n > kMostForward) return gradient_by_reverse(log_density, n, theta, gradient);
  }
  return differentiate<8>(log_density, n, theta, gradient);
}

template <class LogDensity>
BatchLogDensity differentiated(LogDensity log_density, std::int64_t n) {
  return [log_density = std::move(log_density), n](std::int64_t n_draws, const double* theta, double* value,
                                                   double* gradient) {
    for (std::int64_t s = 0; s < n_draws; ++s)
      value[s] = gradient == nullptr ? log_density(theta + s * n)
                                     : value_and_gradient(log_density, n, theta + s * n, gradient + s * n);
  };
}

}  // namespace internal

template <class F>
concept DifferentiableDensity = requires(const F& f, const double* theta, const Dual<double, 4>* variables) {
  { f(theta) } -> std::convertible_to<double>;
  { f(variables) } -> std::convertible_to<Dual<double, 4>>;
};

// Immutable once made; copies share the state.  Usable from any number of threads where the density is.
class VELBO_EXPORT Model {
 public:
  // log_density(const T* theta) -> T for T = double, velbo::Dual and velbo::Reverse: differentiated automatically, forwards up to 8
  // parameters and backwards beyond.  It is copied, and called from several threads at once.  `name` stands in summaries.
  template <DifferentiableDensity LogDensity>
  Model(Parameters parameters, LogDensity log_density, std::string name = "model")
      : Model(std::move(parameters), std::move(log_density), std::vector<Plate>(), std::move(name)) {}
  // The same, plus the sums over the rows of plates (velbo/plate.h): then log_density is of the parameters alone, and is not scaled
  // in minibatches.  Throws Error(argument) for a plate that reads what is not there.
  template <DifferentiableDensity LogDensity>
  Model(Parameters parameters, LogDensity log_density, std::vector<Plate> plates, std::string name = "model")
      : Model(parameters, internal::differentiated(std::move(log_density), parameters.n_constrained()),
              std::move(plates), std::move(name), true) {}

  // A density with a gradient of the caller's own, which fit() checks at its start (check_gradient() anywhere).
  static Model with_gradient(Parameters parameters, BatchLogDensity log_density, std::string name = "model");

  // The same model with a side on CUDA devices (velbo/cuda/model.cuh makes it): with FitOptions::device its log joint is asked for there.
  // What `device` points to has to outlive all fits; `owner` is kept for as long as the model and its copies live, which is what functions
  // that make models need (velbo/calibration.h).  Throws Error(shape) where it is of another number of latents.
  [[nodiscard]] Model on_device(const VelboDeviceModel& device, std::shared_ptr<const void> owner = nullptr) const;
  [[nodiscard]] bool has_device_side() const noexcept;

  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] const Parameters& parameters() const noexcept;
  [[nodiscard]] std::int64_t n_latents() const noexcept;  // unconstrained
  [[nodiscard]] bool is_differentiated() const noexcept;  // automatically
  [[nodiscard]] const std::vector<Plate>& plates() const noexcept;
  [[nodiscard]] std::int64_t n_rows() const noexcept;  // of all plates

  // log p(theta(z)) + log |d theta / d z| for z [n_latents]; with a gradient [n_latents] in z.  Throws Error(shape).
  [[nodiscard]] double log_joint(std::span<const double> z) const;
  double log_joint(std::span<const double> z, std::span<double> gradient) const;

  [[nodiscard]] std::vector<PlateRows> plate_rows() const;

  // The log density of each row of the plates, one plate after the other, at constrained draws theta [S, n_constrained]:
  // [S, n_rows] row-major.  threads: 0 for all; the result does not depend on it.  Throws Error(shape), Error(argument) without plates.
  [[nodiscard]] std::vector<double> row_log_densities(MatrixView<const double> theta, int threads = 0) const;

  [[nodiscard]] const internal::ModelState& state() const noexcept { return *state_; }

 private:
  friend struct internal::ModelMaker;
  explicit Model(std::shared_ptr<const internal::ModelState> state) : state_(std::move(state)) {}
  Model(Parameters parameters, BatchLogDensity log_density, std::vector<Plate> plates, std::string name,
        bool differentiated);

  std::shared_ptr<const internal::ModelState> state_;
};

// The gradient of a model against central differences of its log joint at one point.
struct GradientCheck {
  bool passed = false;
  std::string message;              // what differs most, and how much; what was compared where all is well
  std::vector<double> gradient;     // [n_latents] as the model gives it
  std::vector<double> differences;  // [n_latents] by central differences
};

// At z [n_latents]; empty: at 0.1, -0.1, 0.1, ...  Differences beyond `tolerance`, relative to the larger of the two (and to
// what rounding of the log joint allows), fail.  Throws Error(shape), Error(argument) where the log joint is not finite.
VELBO_EXPORT GradientCheck check_gradient(const Model& model, std::span<const double> z = {}, double tolerance = 1e-5);

}  // namespace velbo

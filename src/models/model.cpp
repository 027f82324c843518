// models/model.cpp
#include "velbo/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/model_state.h"
#include "velbo/context.h"
#include "velbo/error.h"

namespace velbo {
namespace internal {

void ModelState::log_joint(std::int64_t n_draws, const double* z, double* value, double* gradient,
                           const How& how) const {
  const auto d = static_cast<std::size_t>(parameters.n_unconstrained());
  const auto n = static_cast<std::size_t>(parameters.n_constrained());
  const auto s = static_cast<std::size_t>(n_draws);
  // Kept between calls, but this call's own: the density may ask another model.
  struct Buffers {
    std::vector<double> theta, log_jacobian, grad_theta;
  };
  thread_local Buffers kept;
  Buffers mine = std::move(kept);
  auto& [theta, log_jacobian, grad_theta] = mine;
  theta.resize(s * n);
  log_jacobian.resize(s);
  if (gradient != nullptr) grad_theta.resize(s * n);
  for (std::size_t i = 0; i < s; ++i)
    log_jacobian[i] = parameters.constrain({z + i * d, d}, std::span(theta).subspan(i * n, n));
  double* const slopes = gradient == nullptr ? nullptr : grad_theta.data();
  log_density(n_draws, theta.data(), value, slopes);
  plates.add(n_draws, theta.data(), how.batch, how.workers, how.deadline, value, slopes);
  if (row_sum) row_sum->add(n_draws, theta.data(), how.workers, how.deadline, value, slopes);
  for (std::size_t i = 0; i < s; ++i) {
    value[i] += log_jacobian[i];
    if (gradient != nullptr)
      parameters.pull_back({z + i * d, d}, std::span<const double>(grad_theta).subspan(i * n, n),
                           {gradient + i * d, d});
  }
  kept = std::move(mine);
}

namespace {

void check_size(const char* what, std::size_t size, std::int64_t expected) {
  if (static_cast<std::int64_t>(size) != expected)
    throw Error(ErrorCode::shape, fmt::format("{} has {} elements, expected one a latent: {}", what, size, expected));
}

}  // namespace
}  // namespace internal

Model::Model(Parameters parameters, BatchLogDensity log_density, std::vector<Plate> plates, std::string name,
             bool differentiated) {
  if (!log_density) throw Error(ErrorCode::argument, fmt::format("the model \"{}\" has no log density", name));
  if (parameters.n_unconstrained() < 1)
    throw Error(ErrorCode::argument, fmt::format("the model \"{}\" has no parameters, expected at least one", name));
  internal::Plates bound(std::move(plates), parameters);
  state_ = std::make_shared<const internal::ModelState>(internal::ModelState{
      std::move(parameters), std::move(log_density), std::move(name), differentiated, std::move(bound)});
}

Model Model::with_gradient(Parameters parameters, BatchLogDensity log_density, std::string name) {
  return Model(std::move(parameters), std::move(log_density), {}, std::move(name), false);
}

Model Model::on_device(const VelboDeviceModel& device, std::shared_ptr<const void> owner) const {
  if (device.dimension != n_latents())
    throw Error(ErrorCode::shape, fmt::format("the device side of \"{}\" has {} latents, expected {}", name(),
                                              device.dimension, n_latents()));
  Model out(*this);
  internal::ModelState state = *state_;
  state.device = device;
  state.device_owner = std::move(owner);
  out.state_ = std::make_shared<const internal::ModelState>(std::move(state));
  return out;
}

bool Model::has_device_side() const noexcept { return state_->device.has_value(); }

const std::string& Model::name() const noexcept { return state_->name; }
const Parameters& Model::parameters() const noexcept { return state_->parameters; }
std::int64_t Model::n_latents() const noexcept { return state_->parameters.n_unconstrained(); }
bool Model::is_differentiated() const noexcept { return state_->differentiated; }
const std::vector<Plate>& Model::plates() const noexcept { return state_->plates.plates(); }
std::int64_t Model::n_rows() const noexcept { return state_->plates.n_rows(); }

double Model::log_joint(std::span<const double> z) const {
  internal::check_size("z", z.size(), n_latents());
  double value = 0;
  state_->log_joint(1, z.data(), &value, nullptr, {});
  return value;
}

double Model::log_joint(std::span<const double> z, std::span<double> gradient) const {
  internal::check_size("z", z.size(), n_latents());
  internal::check_size("the gradient", gradient.size(), n_latents());
  double value = 0;
  state_->log_joint(1, z.data(), &value, gradient.data(), {});
  return value;
}

std::vector<PlateRows> Model::plate_rows() const { return state_->plates.rows(); }

std::vector<double> Model::row_log_densities(MatrixView<const double> theta, int threads) const {
  if (n_rows() == 0)
    throw Error(ErrorCode::argument,
                fmt::format("\"{}\" has no plates, so no rows whose densities could be told apart", name()));
  if (theta.n_columns != parameters().n_constrained())
    throw Error(ErrorCode::shape, fmt::format("theta has {} columns, expected one a constrained parameter: {}",
                                              theta.n_columns, parameters().n_constrained()));
  std::vector<double> draws;
  for (std::int64_t s = 0; s < theta.n_rows; ++s)
    draws.insert(draws.end(), theta.data + s * theta.stride, theta.data + s * theta.stride + theta.n_columns);
  std::vector<double> out(static_cast<std::size_t>(theta.n_rows * n_rows()));
  state_->plates.row_values(theta.n_rows, draws.data(), Context(Device{}, threads).threads(), out.data());
  return out;
}

GradientCheck check_gradient(const Model& model, std::span<const double> z, double tolerance) {
  const auto d = static_cast<std::size_t>(model.n_latents());
  std::vector<double> at(z.begin(), z.end());
  if (z.empty())
    for (std::size_t i = 0; i < d; ++i) at.push_back(i % 2 == 0 ? 0.1 : -0.1);
  GradientCheck out{.passed = true, .message = {}, .gradient = std::vector<double>(d), .differences = {}};
  const double value = model.log_joint(at, out.gradient);
  if (!std::isfinite(value))
    throw Error(ErrorCode::argument,
                fmt::format("the log joint of \"{}\" is {} where its gradient is to be checked", model.name(), value));
  double worst = 0;
  for (std::size_t i = 0; i < d; ++i) {
    // The step at which rounding (eps |f| / h) and the cubic term (h^2) of a central difference are about equal.
    const double here = at[i], step = std::cbrt(std::numeric_limits<double>::epsilon()) * std::max(1.0, std::abs(here));
    at[i] = here + step;
    const double up = model.log_joint(at), above = at[i];
    at[i] = here - step;
    const double down = model.log_joint(at), below = at[i];
    at[i] = here;
    const double difference = (up - down) / (above - below), given = out.gradient[i];
    out.differences.push_back(difference);
    const double rounding = 16 * std::numeric_limits<double>::epsilon() * std::max(std::abs(up), std::abs(down)) / step;
    const double scale = std::max({std::abs(difference), std::abs(given), 1e-3});
    const double off = std::max(0.0, std::abs(given - difference) - rounding) / scale;
    if (off <= tolerance && std::isfinite(given)) continue;  // false for NaN
    out.passed = false;
    if (!out.message.empty() && !(off > worst)) continue;
    worst = off;
    out.message = fmt::format("d log joint / d {} is {:.6g} by the model and {:.6g} by central differences, at {} = {}",
                              model.parameters().unconstrained_names()[i], given, difference,
                              model.parameters().unconstrained_names()[i], here);
  }
  if (out.passed) out.message = fmt::format("{} derivatives agree with central differences to {:.0e}", d, tolerance);
  return out;
}

}  // namespace velbo

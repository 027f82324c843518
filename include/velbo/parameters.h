// velbo/parameters.h - the named parameters of a user's model, their constraints, and the way between them and z.
//
//   const velbo::Parameters parameters{velbo::real("mu"), velbo::positive("tau"), velbo::real("theta", {8})};
//
// A model's density is of theta, the constrained parameters, which lie one after the other in the order of their declaration,
// arrays and matrices row-major.  A fit is in z, the unconstrained coordinates in the same order (velbo/transform.h).
#pragma once
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "velbo/export.h"
#include "velbo/transform.h"

namespace velbo {

VELBO_EXPORT std::string_view name(Constraint constraint) noexcept;
// Throws Error(argument) listing the names there are.
VELBO_EXPORT Constraint parse_constraint(std::string_view text);

using Shape = std::vector<std::int64_t>;  // {}: one; {8}: eight; {3, 4}: three rows of four

struct VELBO_EXPORT Parameter {
  std::string name;  // letters, digits, '_' and '.', no digit first
  Constraint constraint = Constraint::real;
  Shape shape;                                              // how many numbers, vectors or matrices there are
  std::int64_t size = 1;                                    // K of a vector [K] or a matrix [K, K]; 1 for numbers
  double lower = -std::numeric_limits<double>::infinity();  // of lower and interval
  double upper = std::numeric_limits<double>::infinity();   // of upper and interval

  friend bool operator==(const Parameter&, const Parameter&) = default;
};

inline Parameter real(std::string name, Shape shape = {}) {
  return {std::move(name), Constraint::real, std::move(shape)};
}
inline Parameter lower(std::string name, double bound, Shape shape = {}) {
  return {std::move(name), Constraint::lower, std::move(shape), 1, bound};
}
inline Parameter positive(std::string name, Shape shape = {}) { return lower(std::move(name), 0, std::move(shape)); }
inline Parameter upper(std::string name, double bound, Shape shape = {}) {
  return {std::move(name), Constraint::upper, std::move(shape), 1, -std::numeric_limits<double>::infinity(), bound};
}
inline Parameter interval(std::string name, double lower, double upper, Shape shape = {}) {
  return {std::move(name), Constraint::interval, std::move(shape), 1, lower, upper};
}
inline Parameter simplex(std::string name, std::int64_t size, Shape shape = {}) {
  return {std::move(name), Constraint::simplex, std::move(shape), size};
}
inline Parameter ordered(std::string name, std::int64_t size, Shape shape = {}) {
  return {std::move(name), Constraint::ordered, std::move(shape), size};
}
inline Parameter positive_ordered(std::string name, std::int64_t size, Shape shape = {}) {
  return {std::move(name), Constraint::positive_ordered, std::move(shape), size};
}
inline Parameter unit_vector(std::string name, std::int64_t size, Shape shape = {}) {
  return {std::move(name), Constraint::unit_vector, std::move(shape), size};
}
inline Parameter correlation_cholesky(std::string name, std::int64_t size, Shape shape = {}) {
  return {std::move(name), Constraint::correlation_cholesky, std::move(shape), size};
}
inline Parameter covariance(std::string name, std::int64_t size, Shape shape = {}) {
  return {std::move(name), Constraint::covariance, std::move(shape), size};
}

// The one coordinate of z that an element of theta depends on, and whether the element grows with it.
struct Coordinate {
  std::int64_t z = 0;
  bool increasing = true;

  friend bool operator==(const Coordinate&, const Coordinate&) = default;
};

// Immutable; copies share everything.  Usable from any number of threads.
class VELBO_EXPORT Parameters {
 public:
  // Throws Error(argument) for names that are empty, of other characters or not unique, sizes below 1 (2 for simplex,
  // unit_vector and correlation_cholesky), bounds that are not finite or in order, and more than 2^31 elements in all.
  Parameters(std::vector<Parameter> parameters);  // NOLINT(google-explicit-constructor): a list of them will do
  Parameters(std::initializer_list<Parameter> parameters);  // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::vector<Parameter>& parameters() const& noexcept;
  [[nodiscard]] const std::vector<ParameterBlock>& blocks() const& noexcept;  // one a parameter, for device code
  void parameters() const&& = delete;  // a loop over those of a temporary would outlive them
  void blocks() const&& = delete;
  [[nodiscard]] std::int64_t n_unconstrained() const noexcept;  // elements of z
  [[nodiscard]] std::int64_t n_constrained() const noexcept;    // elements of theta

  // Of the elements of theta, counted from 1: "tau", "theta[8]", "Omega[1,2]"; of an array of vectors "p[3,2]".
  [[nodiscard]] std::vector<std::string> names() const;
  // What the coordinates are, for messages: "log(tau)", "logit(p)", "theta[8]"; "z of p[3,2]" where it takes a formula.
  [[nodiscard]] std::vector<std::string> unconstrained_names() const;

  // Position in parameters() and blocks(), and in theta.  Throw Error(argument) listing the names there are.
  [[nodiscard]] std::size_t index(std::string_view parameter) const;
  [[nodiscard]] std::int64_t offset(std::string_view parameter) const;

  // For element i of theta that is a strictly monotone function of one coordinate: numbers, the first element of a simplex
  // or an ordered vector, the first column of a correlation's factor below the diagonal, a covariance's element [1,1].
  // Throws Error(argument) unless 0 <= i < n_constrained().
  [[nodiscard]] std::optional<Coordinate> elementwise(std::int64_t i) const;

  // These throw Error(shape) when a span has another length than n_unconstrained() or n_constrained().

  // Writes theta and returns log |d theta / d z| (of a unit_vector: see velbo/transform.h).
  double constrain(std::span<const double> z, std::span<double> theta) const;
  // grad_z = (d theta / d z)' grad_theta + the gradient of log |d theta / d z|.
  void pull_back(std::span<const double> z, std::span<const double> grad_theta, std::span<double> grad_z) const;
  // A z with constrain(z) = theta (the only one, but for a unit_vector: there the one of length 1).  Throws Error(argument) that
  // names the element that breaks its constraint; sums, lengths and symmetry are taken with a tolerance of 1e-8.
  [[nodiscard]] std::vector<double> unconstrain(std::span<const double> theta) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace velbo

// models/parameter_names.cpp
#include "models/parameter_names.h"

#include <fmt/format.h>

namespace velbo::internal {
namespace {

Shape with_size(const Parameter& parameter) {
  Shape sizes = parameter.shape;
  const std::int64_t elements = transform::n_constrained(parameter.constraint, parameter.size);
  if (transform::is_elementwise(parameter.constraint)) return sizes;
  sizes.push_back(parameter.size);
  if (elements != parameter.size) sizes.push_back(parameter.size);
  return sizes;
}

// The element of a vector or matrix that a coordinate stands for: of a matrix the lower triangle has them row by row.
std::int64_t element_of(const Parameter& parameter, std::int64_t coordinate) {
  const bool diagonal = parameter.constraint == Constraint::covariance;
  if (!diagonal && parameter.constraint != Constraint::correlation_cholesky) return coordinate;
  std::int64_t row = diagonal ? 0 : 1, in_row = 1;
  for (; coordinate >= in_row; ++row, ++in_row) coordinate -= in_row;
  return row * parameter.size + coordinate;
}

}  // namespace

std::string indexed(const std::string& name, const Shape& sizes, std::int64_t i) {
  if (sizes.empty()) return name;
  std::string inside;
  for (std::size_t axis = sizes.size(); axis-- > 0; i /= sizes[axis]) {
    if (!inside.empty()) inside.insert(0, 1, ',');
    inside.insert(0, std::to_string(i % sizes[axis] + 1));
  }
  return name + "[" + inside + "]";
}

std::string element_name(const Parameter& parameter, std::int64_t i) {
  return indexed(parameter.name, with_size(parameter), i);
}

std::string coordinate_name(const Parameter& parameter, std::int64_t i) {
  const std::int64_t coordinates = transform::n_unconstrained(parameter.constraint, parameter.size);
  const std::int64_t elements = transform::n_constrained(parameter.constraint, parameter.size);
  std::string element = element_name(parameter, i / coordinates * elements + element_of(parameter, i % coordinates));
  switch (parameter.constraint) {
    case Constraint::real: return element;
    case Constraint::lower:
      if (parameter.lower == 0) return fmt::format("log({})", element);
      return parameter.lower > 0 ? fmt::format("log({} - {})", element, parameter.lower)
                                 : fmt::format("log({} + {})", element, -parameter.lower);
    case Constraint::upper:
      return parameter.upper == 0 ? fmt::format("log(-{})", element)
                                  : fmt::format("log({} - {})", parameter.upper, element);
    case Constraint::interval: return fmt::format("logit({})", element);
    default: return "z of " + element;
  }
}

}  // namespace velbo::internal

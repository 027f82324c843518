// models/parameters.cpp
#include "velbo/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "data/text.h"
#include "models/parameter_names.h"
#include "models/unconstrain.h"
#include "velbo/error.h"

namespace velbo {
namespace {

using transform::is_elementwise;

constexpr std::int64_t kMostElements = std::int64_t{1} << 31;
constexpr int kDirections = 8;                           // of derivatives at a time
constexpr std::size_t kMostKept = std::size_t{1} << 12;  // Duals that a thread keeps between calls: 300 kB

constexpr std::array<std::pair<Constraint, std::string_view>, 10> constraints = {{
    {Constraint::real, "real"},
    {Constraint::lower, "lower"},
    {Constraint::upper, "upper"},
    {Constraint::interval, "interval"},
    {Constraint::simplex, "simplex"},
    {Constraint::ordered, "ordered"},
    {Constraint::positive_ordered, "positive_ordered"},
    {Constraint::unit_vector, "unit_vector"},
    {Constraint::correlation_cholesky, "correlation_cholesky"},
    {Constraint::covariance, "covariance"},
}};

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::argument, message); }

// unknown parameter "Tau"; did you mean tau? (there are mu, tau)
[[noreturn]] void refuse_name(const char* what, std::string_view text, const std::vector<std::string>& names) {
  const std::string nearest = internal::nearest_name(text, names);
  refuse(fmt::format("unknown {} {}{} (there are {})", what, internal::quoted(text),
                     nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest),
                     names.empty() ? "none" : internal::listed(names)));
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void check_name(const std::string& name, std::size_t position) {
  if (name.empty()) refuse(fmt::format("parameter {} has an empty name, expected letters, digits, _ and .", position));
  const bool allowed = std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
  if (!allowed || is_digit(name.front()))
    refuse(fmt::format("parameter {} is named {}, expected letters, digits, _ and ., and no digit first", position,
                       internal::quoted(name)));
}

void check_bound(const Parameter& p, const char* which, double bound) {
  if (!std::isfinite(bound))
    refuse(fmt::format("{} has the {} bound {}, expected a finite number", p.name, which, bound));
}

void check_bounds(const Parameter& p) {
  const bool interval = p.constraint == Constraint::interval;
  if (p.constraint == Constraint::lower || interval) check_bound(p, "lower", p.lower);
  if (p.constraint == Constraint::upper || interval) check_bound(p, "upper", p.upper);
  if (!interval) return;
  if (!(p.lower < p.upper))
    refuse(fmt::format("{} has the bounds {} and {}, expected the lower one first", p.name, p.lower, p.upper));
  if (!std::isfinite(p.upper - p.lower))
    refuse(
        fmt::format("{} has the bounds {} and {}, expected a finite distance between them", p.name, p.lower, p.upper));
}

// The number of its numbers, vectors or matrices, after checks of it and of the size.
std::int64_t checked_count(const Parameter& p, std::int64_t room) {
  const bool takes_two = p.constraint == Constraint::simplex || p.constraint == Constraint::unit_vector ||
                         p.constraint == Constraint::correlation_cholesky;
  const std::int64_t least = takes_two ? 2 : 1;
  if (is_elementwise(p.constraint) && p.size != 1)
    refuse(fmt::format("{} has the size {}, expected 1: {} is a constraint of numbers, whose shape says how many",
                       p.name, p.size, name(p.constraint)));
  if (p.size < least)
    refuse(fmt::format("{} has the size {}, expected {} or more ({})", p.name, p.size, least, name(p.constraint)));
  for (const std::int64_t length : p.shape)
    if (length < 1)
      refuse(fmt::format("{} has the shape [{}], expected lengths of 1 or more", p.name, fmt::join(p.shape, ", ")));

  // Products that stay within the room do not overflow.
  const std::int64_t n_theta = p.size <= kMostElements ? transform::n_constrained(p.constraint, p.size) : p.size;
  std::int64_t count = 1;
  bool fits = n_theta <= room;
  for (const std::int64_t length : p.shape) {
    fits = fits && length <= room / n_theta / count;
    if (fits) count *= length;
  }
  if (!fits)
    refuse(fmt::format("{} takes the parameters past {} elements, the most there may be", p.name, kMostElements));
  return count;
}

void check_length(const char* what, std::size_t length, const char* of, std::int64_t expected) {
  if (static_cast<std::int64_t>(length) != expected)
    throw Error(ErrorCode::shape, fmt::format("{} has {} elements, expected the {} of {}", what, length, expected, of));
}

// grad_z of one number, vector or matrix, kWidth coordinates at a time; duals [n_z + n_theta].
template <int kWidth>
void pull_back_one(const ParameterBlock& block, std::int64_t n_z, std::int64_t n_theta, const double* z,
                   const double* grad_theta, double* grad_z, Dual<double, kWidth>* duals) {
  using Number = Dual<double, kWidth>;
  Number* const theta = duals + n_z;
  for (std::int64_t first = 0; first < n_z; first += kWidth) {
    const std::int64_t width = std::min<std::int64_t>(kWidth, n_z - first);
    for (std::int64_t i = 0; i < n_z; ++i) {
      const bool varies = i >= first && i < first + width;
      duals[i] = Number::variable(z[i], varies ? static_cast<int>(i - first) : -1);
    }
    Number sum = transform::constrain_one(block, static_cast<const Number*>(duals), theta);
    for (std::int64_t i = 0; i < n_theta; ++i)
      for (int d = 0; d < kWidth; ++d) sum.derivative[d] += grad_theta[i] * theta[i].derivative[d];
    for (std::int64_t d = 0; d < width; ++d) grad_z[first + d] = sum.derivative[d];
  }
}

void pull_back_block(const ParameterBlock& block, const double* z, const double* grad_theta, double* grad_z) {
  if (is_elementwise(block.constraint)) {
    std::array<Dual<double, 1>, 2> duals;
    for (std::int64_t i = 0; i < block.count; ++i)
      pull_back_one(block, 1, 1, z + i, grad_theta + i, grad_z + i, duals.data());
    return;
  }
  const std::int64_t n_z = transform::n_unconstrained(block.constraint, block.size);
  const std::int64_t n_theta = transform::n_constrained(block.constraint, block.size);
  const auto needed = static_cast<std::size_t>(n_z + n_theta);
  thread_local std::vector<Dual<double, kDirections>> kept;
  std::vector<Dual<double, kDirections>> large;
  std::vector<Dual<double, kDirections>>& duals = needed <= kMostKept ? kept : large;
  if (duals.size() < needed) duals.resize(needed);
  for (std::int64_t i = 0; i < block.count; ++i)
    pull_back_one(block, n_z, n_theta, z + i * n_z, grad_theta + i * n_theta, grad_z + i * n_z, duals.data());
}

}  // namespace

std::string_view name(Constraint constraint) noexcept {
  for (const auto& [value, text] : constraints)
    if (value == constraint) return text;
  return "?";
}

Constraint parse_constraint(std::string_view text) {
  std::vector<std::string> names;
  for (const auto& [value, name] : constraints) {
    if (name == text) return value;
    names.emplace_back(name);
  }
  refuse_name("constraint", text, names);
}

struct Parameters::State {
  std::vector<Parameter> parameters;
  std::vector<ParameterBlock> blocks;
  std::int64_t n_z = 0;
  std::int64_t n_theta = 0;
};

Parameters::Parameters(std::initializer_list<Parameter> parameters) : Parameters(std::vector<Parameter>(parameters)) {}

Parameters::Parameters(std::vector<Parameter> parameters) {
  State state;
  std::map<std::string_view, std::size_t> positions;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    check_name(p.name, i + 1);
    const auto [same, is_new] = positions.emplace(p.name, i + 1);
    if (!is_new)
      refuse(fmt::format("parameters {} and {} are both named {}, expected different names", same->second, i + 1,
                         internal::quoted(p.name)));
    check_bounds(p);
    ParameterBlock block{.constraint = p.constraint,
                         .count = 1,
                         .size = p.size,
                         .lower = p.lower,
                         .upper = p.upper,
                         .z_offset = state.n_z,
                         .theta_offset = state.n_theta};
    block.count = checked_count(p, kMostElements - std::max(state.n_z, state.n_theta));
    state.n_z += block.count * transform::n_unconstrained(p.constraint, p.size);
    state.n_theta += block.count * transform::n_constrained(p.constraint, p.size);
    state.blocks.push_back(block);
  }
  state.parameters = std::move(parameters);
  state_ = std::make_shared<const State>(std::move(state));
}

const std::vector<Parameter>& Parameters::parameters() const& noexcept { return state_->parameters; }
const std::vector<ParameterBlock>& Parameters::blocks() const& noexcept { return state_->blocks; }
std::int64_t Parameters::n_unconstrained() const noexcept { return state_->n_z; }
std::int64_t Parameters::n_constrained() const noexcept { return state_->n_theta; }

std::vector<std::string> Parameters::names() const {
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(state_->n_theta));
  for (std::size_t p = 0; p < state_->blocks.size(); ++p) {
    const ParameterBlock& block = state_->blocks[p];
    const std::int64_t n = block.count * transform::n_constrained(block.constraint, block.size);
    for (std::int64_t i = 0; i < n; ++i) out.push_back(internal::element_name(state_->parameters[p], i));
  }
  return out;
}

std::vector<std::string> Parameters::unconstrained_names() const {
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(state_->n_z));
  for (std::size_t p = 0; p < state_->blocks.size(); ++p) {
    const ParameterBlock& block = state_->blocks[p];
    const std::int64_t n = block.count * transform::n_unconstrained(block.constraint, block.size);
    for (std::int64_t i = 0; i < n; ++i) out.push_back(internal::coordinate_name(state_->parameters[p], i));
  }
  return out;
}

std::size_t Parameters::index(std::string_view parameter) const {
  std::vector<std::string> names;
  for (std::size_t p = 0; p < state_->parameters.size(); ++p)
    if (state_->parameters[p].name == parameter) return p;
  for (const Parameter& p : state_->parameters) names.push_back(p.name);
  refuse_name("parameter", parameter, names);
}

std::int64_t Parameters::offset(std::string_view parameter) const {
  return state_->blocks[index(parameter)].theta_offset;
}

std::optional<Coordinate> Parameters::elementwise(std::int64_t i) const {
  if (i < 0 || i >= state_->n_theta)
    refuse(fmt::format("element {} of the parameters was asked for, expected 0 to {}", i, state_->n_theta - 1));
  const auto after = std::upper_bound(state_->blocks.begin(), state_->blocks.end(), i,
                                      [](std::int64_t at, const ParameterBlock& b) { return at < b.theta_offset; });
  const ParameterBlock& block = *(after - 1);
  const std::int64_t n_z = transform::n_unconstrained(block.constraint, block.size);
  const std::int64_t n_theta = transform::n_constrained(block.constraint, block.size);
  const std::int64_t within = (i - block.theta_offset) % n_theta;
  const std::int64_t z = block.z_offset + (i - block.theta_offset) / n_theta * n_z;  // the first of its coordinates
  switch (block.constraint) {
    case Constraint::real:
    case Constraint::lower:
    case Constraint::interval: return Coordinate{z, true};
    case Constraint::upper: return Coordinate{z, false};
    case Constraint::simplex:
      if (block.size == 2 && within == 1) return Coordinate{z, false};
      [[fallthrough]];
    case Constraint::ordered:
    case Constraint::positive_ordered:
    case Constraint::covariance:
      if (within == 0) return Coordinate{z, true};
      return std::nullopt;
    case Constraint::correlation_cholesky: {
      const std::int64_t row = within / block.size, column = within % block.size;
      if (row > 0 && column == 0) return Coordinate{z + row * (row - 1) / 2, true};
      return std::nullopt;
    }
    case Constraint::unit_vector: return std::nullopt;
  }
  return std::nullopt;
}

double Parameters::constrain(std::span<const double> z, std::span<double> theta) const {
  check_length("z", z.size(), "the unconstrained parameters", state_->n_z);
  check_length("theta", theta.size(), "the constrained parameters", state_->n_theta);
  double log_jacobian = 0;
  for (const ParameterBlock& block : state_->blocks)
    log_jacobian += velbo::constrain(block, z.data() + block.z_offset, theta.data() + block.theta_offset);
  return log_jacobian;
}

void Parameters::pull_back(std::span<const double> z, std::span<const double> grad_theta,
                           std::span<double> grad_z) const {
  check_length("z", z.size(), "the unconstrained parameters", state_->n_z);
  check_length("grad_theta", grad_theta.size(), "the constrained parameters", state_->n_theta);
  check_length("grad_z", grad_z.size(), "the unconstrained parameters", state_->n_z);
  for (const ParameterBlock& block : state_->blocks)
    pull_back_block(block, z.data() + block.z_offset, grad_theta.data() + block.theta_offset,
                    grad_z.data() + block.z_offset);
}

std::vector<double> Parameters::unconstrain(std::span<const double> theta) const {
  check_length("theta", theta.size(), "the constrained parameters", state_->n_theta);
  std::vector<double> z(static_cast<std::size_t>(state_->n_z));
  for (std::size_t p = 0; p < state_->blocks.size(); ++p)
    internal::unconstrain(state_->parameters[p], state_->blocks[p], theta.data() + state_->blocks[p].theta_offset,
                          z.data() + state_->blocks[p].z_offset);
  return z;
}

}  // namespace velbo

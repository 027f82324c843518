// models/prior.cpp - priors as text, in Stan's parametrisation.
#include "velbo/prior.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "data/text.h"
#include "velbo/error.h"

namespace velbo {
namespace {

using Kind = Prior::Kind;

struct Syntax {
  Kind kind;
  std::string_view name;
  std::string_view arguments;  // what it takes, for messages and for the number of them
  int n_arguments;
};

constexpr std::array syntaxes = {
    Syntax{Kind::flat, "flat", "", 0},
    Syntax{Kind::normal, "normal", "(location, scale)", 2},
    Syntax{Kind::student_t, "student_t", "(df, location, scale)", 3},
    Syntax{Kind::cauchy, "cauchy", "(location, scale)", 2},
    Syntax{Kind::laplace, "laplace", "(location, scale)", 2},
    Syntax{Kind::laplace, "double_exponential", "(location, scale)", 2},
    Syntax{Kind::exponential, "exponential", "(rate)", 1},
    Syntax{Kind::half_normal, "half_normal", "(scale)", 1},
    Syntax{Kind::half_cauchy, "half_cauchy", "(scale)", 1},
    Syntax{Kind::half_student_t, "half_student_t", "(df, scale)", 2},
    Syntax{Kind::gamma, "gamma", "(shape, rate)", 2},
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Lower case, and '-' as another way to write '_'.
std::string canonical(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  return out;
}

[[noreturn]] void fail(std::string_view text, const std::string& why) {
  throw Error(ErrorCode::argument, "bad prior " + internal::quoted(text) + ": " + why);
}

std::vector<std::string_view> split_arguments(std::string_view inside) {
  std::vector<std::string_view> parts;
  if (trimmed(inside).empty()) return parts;
  for (;;) {
    const std::size_t comma = inside.find(',');
    parts.push_back(trimmed(inside.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    inside.remove_prefix(comma + 1);
  }
}

const Syntax& find_syntax(std::string_view text, const std::string& name) {
  std::vector<std::string> names;
  for (const Syntax& syntax : syntaxes) {
    if (syntax.name == name) return syntax;
    names.emplace_back(syntax.name);
  }
  const std::string nearest = internal::nearest_name(name, names);
  fail(text, (name.empty() ? std::string("no distribution is named") : "no distribution " + internal::quoted(name)) +
                 (nearest.empty() ? "" : "; did you mean " + nearest + "?") + " (there are " + internal::listed(names) +
                 ")");
}

double parse_argument(std::string_view text, std::string_view argument) {
  const std::optional<double> value = internal::parse_number(argument);
  if (!value) fail(text, internal::quoted(argument) + " is not a number");
  if (!std::isfinite(*value)) fail(text, std::string(argument) + " is not finite");
  return *value;
}

void expect_positive(std::string_view text, std::string_view what, double value) {
  if (!(value > 0)) fail(text, fmt::format("the {} is {}, expected a number > 0", what, value));
}

}  // namespace

Prior Prior::parse(std::string_view text) {
  const std::string_view body = trimmed(text);
  const std::size_t open = body.find('(');
  const Syntax& syntax = find_syntax(text, canonical(trimmed(body.substr(0, open))));
  std::vector<double> values;
  if (open != std::string_view::npos) {
    if (body.back() != ')' || body.find(')') + 1 != body.size()) fail(text, "expected one closing ) at the end");
    for (const std::string_view argument : split_arguments(body.substr(open + 1, body.size() - open - 2)))
      values.push_back(parse_argument(text, argument));
  }
  if (values.size() != static_cast<std::size_t>(syntax.n_arguments))
    fail(text, std::string(syntax.name) + " takes " +
                   (syntax.n_arguments == 0 ? std::string("no arguments") : std::string(syntax.arguments)));

  Prior prior = flat();
  switch (syntax.kind) {
    case Kind::flat: break;
    case Kind::normal: prior = normal(values[0], values[1]); break;
    case Kind::student_t: prior = student_t(values[0], values[1], values[2]); break;
    case Kind::cauchy: prior = cauchy(values[0], values[1]); break;
    case Kind::laplace: prior = laplace(values[0], values[1]); break;
    case Kind::exponential:
      expect_positive(text, "rate", values[0]);
      prior = exponential(values[0]);
      break;
    case Kind::half_normal: prior = half_normal(values[0]); break;
    case Kind::half_cauchy: prior = half_cauchy(values[0]); break;
    case Kind::half_student_t: prior = half_student_t(values[0], values[1]); break;
    case Kind::gamma:
      expect_positive(text, "shape", values[0]);
      expect_positive(text, "rate", values[1]);
      prior = gamma(values[0], values[1]);
      break;
  }
  if (prior.kind == Kind::student_t || prior.kind == Kind::half_student_t)
    expect_positive(text, "degrees of freedom", prior.df);
  if (prior.kind == Kind::exponential || prior.kind == Kind::gamma) {
    if (!std::isfinite(prior.scale) || !(prior.scale > 0)) fail(text, "the rate is out of range");
  } else {
    expect_positive(text, "scale", prior.scale);
  }
  return prior;
}

std::string Prior::text() const {
  switch (kind) {  // {} writes the shortest digits that read back as the same number
    case Kind::flat: return "flat";
    case Kind::normal: return fmt::format("normal({}, {})", location, scale);
    case Kind::student_t: return fmt::format("student_t({}, {}, {})", df, location, scale);
    case Kind::cauchy: return fmt::format("cauchy({}, {})", location, scale);
    case Kind::laplace: return fmt::format("laplace({}, {})", location, scale);
    case Kind::half_normal: return fmt::format("half_normal({})", scale);
    case Kind::half_cauchy: return fmt::format("half_cauchy({})", scale);
    case Kind::half_student_t: return fmt::format("half_student_t({}, {})", df, scale);
    case Kind::exponential:
    case Kind::gamma: break;
  }
  // The scale is kept, the rate is written: of the rates whose inverse is this very scale, the shortest.
  const double rate = 1 / scale;
  std::string shortest;
  for (const double near : {rate, std::nextafter(rate, 0.0), std::nextafter(rate, 2 * rate)}) {
    const std::string digits = fmt::format("{}", near);
    if (1 / near == scale && (shortest.empty() || digits.size() < shortest.size())) shortest = digits;
  }
  if (shortest.empty()) shortest = fmt::format("{}", rate);
  return kind == Kind::gamma ? fmt::format("gamma({}, {})", df, shortest) : fmt::format("exponential({})", shortest);
}

bool Prior::is_positive() const noexcept {
  return kind == Kind::exponential || kind == Kind::half_normal || kind == Kind::half_cauchy ||
         kind == Kind::half_student_t || kind == Kind::gamma;
}

}  // namespace velbo

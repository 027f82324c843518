// What the tests of the operations share: rows in every storage, and the sums by definition in long double.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <ostream>
#include <string>
#include <vector>

#include "math/expectations.h"
#include "ops/device.h"

namespace velbo::internal {

// How the rows of a problem are stored.
struct Storage {
  const char* name;
  Element element = Element::float64;
  int extra_stride = 0;
  bool index = false;
  bool centre = false;
  bool intercept = false;
  bool sparse = false;
  friend std::ostream& operator<<(std::ostream& out, const Storage& s) { return out << s.name; }
};

inline constexpr Storage kStorages[] = {
    {.name = "double", .element = Element::float64},
    {.name = "float", .element = Element::float32},
    {.name = "float_stride_index_intercept",
     .element = Element::float32,
     .extra_stride = 3,
     .index = true,
     .intercept = true},
    {.name = "double_stride_index_intercept",
     .element = Element::float64,
     .extra_stride = 1,
     .index = true,
     .intercept = true},
    {.name = "float_centre_intercept", .element = Element::float32, .centre = true, .intercept = true},
    {.name = "double_centre_index", .element = Element::float64, .index = true, .centre = true},
    {.name = "sparse", .sparse = true},
    {.name = "sparse_index_intercept", .index = true, .intercept = true, .sparse = true},
};

constexpr RowLikelihood kLikelihoods[] = {RowLikelihood::bernoulli, RowLikelihood::poisson,
                                          RowLikelihood::unit_gaussian};

// n rows of d columns (the intercept's included), stored as `storage` says, and a Gaussian of the latents: mean, sd and a
// factor [d, rank] that is lower triangular where rank = d.
template <class T>
struct Problem {
  std::vector<double> values;  // dense [stored rows, n_features], as stored: floats where the element is float
  std::vector<float> x_float;
  std::vector<double> x_double, sparse_value, centre, mean, factor, sd;
  std::vector<std::int64_t> row_start, index;
  std::vector<std::int32_t> column;
  std::vector<T> y, trials, weights, offset;  // of stored rows
  std::int64_t rank = 0;
  bool extras = false;  // trials, weights and an offset
  Rows<T> rows;         // points to device memory, which `kept` owns: a copy of the problem shares it
  std::vector<std::shared_ptr<void>> kept;

  [[nodiscard]] std::size_t stored(std::size_t n) const {
    return index.empty() ? n : static_cast<std::size_t>(index[n]);
  }
  // Row n as an operation must see it, [D].
  [[nodiscard]] std::vector<long double> row(std::size_t n) const {
    const auto k = static_cast<std::size_t>(rows.n_features);
    std::vector<long double> out(static_cast<std::size_t>(rows.n_columns()), 1.0L);
    for (std::size_t j = 0; j < k; ++j)
      out[j] = static_cast<long double>(values[stored(n) * k + j]) - (centre.empty() ? 0.0 : centre[j]);
    return out;
  }
  [[nodiscard]] double weight(std::size_t n) const {
    return static_cast<double>(rows.scale) * (rows.weights != nullptr ? static_cast<double>(weights[stored(n)]) : 1.0);
  }
  [[nodiscard]] double offset_of(std::size_t n) const {
    return rows.offset != nullptr ? static_cast<double>(offset[stored(n)]) : 0.0;
  }
  [[nodiscard]] double trials_of(std::size_t n) const {
    return rows.trials != nullptr ? static_cast<double>(trials[stored(n)]) : 1.0;
  }
  void place();
};

// Copies the vectors to the device and points `rows` there.
template <class T>
void Problem<T>::place() {
  const auto put = [&]<class E>(const std::vector<E>& elements) -> const E* {
    if (elements.empty()) return nullptr;
    auto on_device = std::make_shared<OnDevice<E>>(elements);
    kept.push_back(on_device);
    return on_device->data();
  };
  const auto put_x = [&](const auto& elements) {
    if (streamed()) {
      stream_from_host(elements, index, rows, kept);
    } else {
      rows.x = put(elements);
    }
  };
  if (!row_start.empty()) {
    rows.row_start = put(row_start);
    rows.column = put(column);
    rows.value = put(sparse_value);
  } else if (rows.element == Element::float32) {
    put_x(x_float);
  } else {
    put_x(x_double);
  }
  if (!centre.empty()) {
    auto shared = std::make_shared<std::vector<double>>(centre);
    rows.centre = shared->data();
    kept.push_back(shared);
  }
  rows.y = put(y);
  rows.index = put(index);
  if (extras) {
    rows.trials = put(trials);
    rows.weights = put(weights);
    rows.offset = put(offset);
  }
}

// Deterministic and varied; predictors of size one, so that every quadrature rule is met as `width` varies.
template <class T>
Problem<T> make_problem(const Storage& storage, RowLikelihood likelihood, std::int64_t n, std::int64_t d, double width,
                        bool extras, std::int64_t rank = -1) {
  Problem<T> p;
  p.extras = extras;
  p.rank = rank < 0 ? d : rank;
  const std::int64_t n_features = d - (storage.intercept ? 1 : 0);
  const std::int64_t stored = storage.index ? n / 2 + 3 : n;
  std::vector<double> noise(static_cast<std::size_t>(stored * (n_features + 4) + d * p.rank + 4 * d + 8));
  standard_normals(make_key(static_cast<std::uint64_t>(n * 1000 + d), Purpose::test), 0, 0, 0,
                   std::span<double>(noise));
  auto next = noise.begin();
  for (std::int64_t j = 0; storage.centre && j < n_features; ++j)
    p.centre.push_back(10 + std::floor(100 * *next++) / 3);  // not a float
  for (std::int64_t i = 0; i < stored; ++i)
    for (std::int64_t j = 0; j < n_features; ++j) {
      double value = *next++;
      if (storage.centre) value += p.centre[static_cast<std::size_t>(j)];
      if (storage.sparse && (i * 7 + j * 3) % 4 != 0) value = 0;
      if (storage.element == Element::float32) value = static_cast<double>(static_cast<float>(value));
      p.values.push_back(value);
    }
  for (std::int64_t i = 0; i < stored; ++i) {
    const double a = *next++;
    const double trials = extras ? 1 + std::floor(3 * std::abs(a)) : 1;
    p.trials.push_back(static_cast<T>(trials));
    p.y.push_back(static_cast<T>(likelihood == RowLikelihood::unit_gaussian ? a
                                 : likelihood == RowLikelihood::poisson     ? std::floor(4 * std::abs(a))
                                                                        : (a > 0 ? trials : std::floor(trials / 2))));
    p.weights.push_back(static_cast<T>(i % 5 == 3 ? 0.0 : 0.5 + std::abs(*next)));
    ++next;
    p.offset.push_back(static_cast<T>(0.3 * *next++));
  }
  // Smaller for Poisson rows, or a sum would be its one largest rate.
  const double scale = (likelihood == RowLikelihood::poisson ? 0.4 : 1.0) / std::sqrt(static_cast<double>(d));
  for (std::int64_t j = 0; j < d; ++j) p.mean.push_back(scale * *next++);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = 0; j < p.rank; ++j)
      p.factor.push_back(j <= i || p.rank != d ? width * scale * scale * *next++ : 0.0);
  for (std::int64_t j = 0; j < d; ++j)
    p.sd.push_back(width * scale * (0.2 + std::abs(p.mean[static_cast<std::size_t>(j)])));
  p.rows.element = storage.element;
  p.rows.stride = n_features + storage.extra_stride;
  if (storage.sparse) {
    p.row_start.push_back(0);
    for (std::int64_t i = 0; i < stored; ++i) {
      for (std::int64_t j = 0; j < n_features; ++j) {
        const double value = p.values[static_cast<std::size_t>(i * n_features + j)];
        if (value == 0) continue;
        p.column.push_back(static_cast<std::int32_t>(j));
        p.sparse_value.push_back(value);
      }
      p.row_start.push_back(static_cast<std::int64_t>(p.column.size()));
    }
    p.column.push_back(0);  // so that data() is not null
    p.sparse_value.push_back(0);
  } else {
    // What lies between the rows must not be looked at, nor what lies behind the last one exist.
    std::vector<double> laid(static_cast<std::size_t>(stored * p.rows.stride), std::nan(""));
    for (std::int64_t i = 0; i < stored; ++i)
      for (std::int64_t j = 0; j < n_features; ++j)
        laid[static_cast<std::size_t>(i * p.rows.stride + j)] = p.values[static_cast<std::size_t>(i * n_features + j)];
    if (storage.extra_stride > 0) laid.resize(laid.size() - static_cast<std::size_t>(storage.extra_stride));
    laid.shrink_to_fit();
    if (storage.element == Element::float32) {
      p.x_float.assign(laid.begin(), laid.end());
    } else {
      p.x_double = laid;
    }
  }
  for (std::int64_t i = 0; storage.index && i < n; ++i) p.index.push_back((i * 5 + 2) % stored);
  p.rows.intercept = storage.intercept;
  p.rows.n_rows = n;
  p.rows.n_features = n_features;
  p.rows.likelihood = likelihood;
  p.place();
  return p;
}

struct RowAnswer {
  long double value, rho, c;
};

// log p of one row at a predictor, and its derivative.
inline RowAnswer row_at(RowLikelihood likelihood, long double y, long double trials, long double eta) {
  switch (likelihood) {
    case RowLikelihood::bernoulli:
      return {y * eta - trials * (std::max(eta, 0.0L) + std::log1p(std::exp(-std::abs(eta)))),
              y - trials / (1 + std::exp(-eta)), 0};
    case RowLikelihood::poisson: return {y * eta - std::exp(eta), y - std::exp(eta), 0};
    case RowLikelihood::unit_gaussian: return {-0.5L * (y - eta) * (y - eta), y - eta, 0};
  }
  return {};
}

inline RowAnswer expected_row(RowLikelihood likelihood, double y, double trials, double m, double s) {
  switch (likelihood) {
    case RowLikelihood::bernoulli: {
      const Logistic<double> e = logistic_expectation(m, s);
      return {y * m - trials * e.softplus, y - trials * e.sigmoid, trials * e.slope};
    }
    case RowLikelihood::poisson: {
      const double rate = std::exp(m + 0.5 * s * s);
      return {y * m - rate, y - rate, rate};
    }
    case RowLikelihood::unit_gaussian: return {-0.5 * ((y - m) * (y - m) + s * s), y - m, 1};
  }
  return {};
}

// The sums by definition, one row at a time.
struct Answer {
  long double value = 0, absolute = 0;
  std::vector<long double> gradient, gram, factor_product, curvature_rows;
};

template <class T>
Answer plain_sums(const Problem<T>& p, bool with_sd, bool with_factor, const PredictorRule& rule = {}) {
  const auto d = static_cast<std::size_t>(p.rows.n_columns());
  const std::size_t rank = with_factor ? static_cast<std::size_t>(p.rank) : 0;
  Answer a;
  a.gradient.assign(d, 0);
  a.gram.assign(d * d, 0);
  a.factor_product.assign(d * rank, 0);
  for (std::size_t n = 0; n < static_cast<std::size_t>(p.rows.n_rows); ++n) {
    const std::vector<long double> x = p.row(n);
    long double m = p.offset_of(n), variance = 0;
    for (std::size_t j = 0; j < d; ++j) m += x[j] * p.mean[j];
    for (std::size_t j = 0; with_sd && j < d; ++j) variance += p.sd[j] * x[j] * p.sd[j] * x[j];
    std::vector<long double> projection(rank, 0);
    for (std::size_t k = 0; k < rank; ++k) {
      for (std::size_t i = 0; i < d; ++i) projection[k] += p.factor[i * rank + k] * x[i];
      variance += projection[k] * projection[k];
    }
    const double y = p.y[p.stored(n)], trials = p.trials_of(n), w = p.weight(n);
    const long double s = std::sqrt(variance);
    RowAnswer row{0, 0, 0};
    if (rule.n_draws == 0) {
      row = expected_row(p.rows.likelihood, y, trials, static_cast<double>(m), static_cast<double>(s));
    } else {
      for (std::int64_t k = 0; k < rule.n_draws; ++k) {
        float eps = 0;
        standard_normals(rule.key, rule.step, static_cast<std::uint32_t>(k / 4),
                         4 * p.stored(n) + static_cast<std::uint64_t>(k % 4), std::span<float>(&eps, 1));
        const RowAnswer one = row_at(p.rows.likelihood, y, trials, m + s * eps);
        const long double share = 1.0L / static_cast<long double>(rule.n_draws);
        row.value += share * one.value;
        row.rho += share * one.rho;
        if (s > 0) row.c -= share * eps * one.rho / s;  // -2 d/d(s^2)
      }
    }
    a.value += w * row.value;
    a.absolute += std::abs(w * row.value);
    a.curvature_rows.push_back(w * row.c);
    for (std::size_t i = 0; i < d; ++i) {
      a.gradient[i] += w * row.rho * x[i];
      for (std::size_t j = 0; j < d; ++j) a.gram[i * d + j] += w * row.c * x[i] * x[j];
      for (std::size_t k = 0; k < rank; ++k) a.factor_product[i * rank + k] += w * row.c * x[i] * projection[k];
    }
  }
  return a;
}

// Rounding of T over a predictor of d terms and a sum of n rows of size about one.
template <class T>
double tolerance(std::int64_t n, std::int64_t d) {
  const double rows = std::max(1.0, std::sqrt(static_cast<double>(n)));
  return (sizeof(T) == 4 ? 2e-6 : 1e-9) * rows * std::sqrt(static_cast<double>(d) + 1);
}

}  // namespace velbo::internal

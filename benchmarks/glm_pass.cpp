// One pass of the full-rank Newton engine over rows: predictor, variance, expectations, gradient and X'cX.
//
// The rival is the same pass written with Eigen on tiles and scalar Gauss-Hermite quadrature with 20 nodes; it is compiled
// for the instruction set that the benchmarks are compiled for (see CMakeLists.txt) and timed in the same run.
#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <cmath>
#include <vector>

#include "backend/ops.h"
#include "ceilings.h"
#include "math/expectations.h"

namespace velbo::internal {
namespace {

struct Data {
  std::vector<float> x, y;
  std::vector<double> mean, factor, centre;
  Rows<float> rows;
};

// d columns: d - 1 features around 1, centred, and an intercept.
Data make_data(std::int64_t n, std::int64_t d) {
  Data data;
  data.x.resize(static_cast<std::size_t>(n * (d - 1)));
  data.y.resize(static_cast<std::size_t>(n));
  standard_normals(make_key(1, Purpose::test), 0, 0, 0, std::span<float>(data.x));
  standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<float>(data.y));
  for (float& x : data.x) x += 1;
  for (float& y : data.y) y = y > 0 ? 1 : 0;
  data.centre.assign(static_cast<std::size_t>(d - 1), 1.0);
  const double sd = 2 / std::sqrt(static_cast<double>(n));  // of a coefficient, as n rows leave it
  for (std::int64_t i = 0; i < d; ++i) {
    data.mean.push_back(i % 2 == 0 ? 0.1 : -0.1);
    for (std::int64_t j = 0; j < d; ++j) data.factor.push_back(i == j ? sd : j < i ? 0.02 * sd : 0);
  }
  data.rows = {.x = data.x.data(),
               .element = Element::float32,
               .stride = d - 1,
               .centre = data.centre.data(),
               .intercept = true,
               .y = data.y.data(),
               .n_rows = n,
               .n_features = d - 1};
  return data;
}

// Multiplications and additions that cannot be avoided: the triangles of the factor and of X'cX, predictor, gradient.
double flops(std::int64_t n, std::int64_t d) {
  return static_cast<double>(n) * static_cast<double>(2 * d * (d + 1) + 4 * d);
}

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// What one writes with Eigen: tiles that stay in the cache, triangular products where Eigen has them.
double eigen_pass(const Data& data, Eigen::VectorXd& gradient, Eigen::MatrixXd& gram) {
  constexpr Eigen::Index kTile = 128;
  const Eigen::Index n = data.rows.n_rows, d = data.rows.n_columns();
  const RowMajor factor = Eigen::Matrix<double, -1, -1, Eigen::RowMajor>::Map(data.factor.data(), d, d).cast<float>();
  const Eigen::VectorXf mean = Eigen::VectorXd::Map(data.mean.data(), d).cast<float>();
  const Eigen::RowVectorXf centre = Eigen::VectorXd::Map(data.centre.data(), d - 1).cast<float>();
  gradient.setZero(d);
  gram.setZero(d, d);
  Eigen::MatrixXf part(d, d);
  RowMajor x(kTile, d), projections(kTile, d), weighted(kTile, d);
  Eigen::VectorXf m(kTile), s(kTile), rho(kTile), c(kTile);
  double value = 0;
  for (Eigen::Index begin = 0; begin < n; begin += kTile) {
    const Eigen::Index rows = std::min(kTile, n - begin);
    x.resize(rows, d);
    x.leftCols(d - 1) = RowMajor::Map(data.x.data() + begin * (d - 1), rows, d - 1).rowwise() - centre;
    x.col(d - 1).setOnes();
    m.noalias() = x * mean;
    projections.noalias() = x * factor.triangularView<Eigen::Lower>();
    s = projections.rowwise().norm();
    rho.resize(rows);
    c.resize(rows);
    for (Eigen::Index r = 0; r < rows; ++r) {
      const Logistic<float> e = logistic_expectation_gh<20>(m[r], s[r]);
      const float y = data.y[static_cast<std::size_t>(begin + r)];
      value += static_cast<double>(y * m[r] - e.softplus);
      rho[r] = y - e.sigmoid;
      c[r] = e.slope;
    }
    gradient += (x.transpose() * rho).cast<double>();
    weighted = c.asDiagonal() * x;
    part.triangularView<Eigen::Lower>() = weighted.transpose() * x;
    gram.triangularView<Eigen::Lower>() += part.cast<double>();
  }
  return value;
}

struct Answer {
  explicit Answer(std::int64_t d) : gradient(static_cast<std::size_t>(d)), gram(static_cast<std::size_t>(d * d)) {}
  std::vector<double> gradient, gram;
  double value = 0;
};

void velbo_pass(const Context& context, const Data& data, Answer& answer) {
  RowSums<float> sums{.gradient = answer.gradient.data(), .gram = answer.gram.data()};
  const PredictorScale scale{.factor = data.factor.data(), .rank = data.rows.n_columns()};
  context.ops<float>().expected_log_likelihood(context, data.rows, data.mean.data(), scale, {}, sums);
  answer.value = sums.value;
}

bool agrees(const Context& context, const Data& data) {
  const std::int64_t d = data.rows.n_columns();
  Answer got(d);
  velbo_pass(context, data, got);
  Eigen::VectorXd gradient;
  Eigen::MatrixXd gram;
  const double value = eigen_pass(data, gradient, gram);
  double worst = std::abs(got.value - value) / std::abs(value);
  const double scale = gram.diagonal().maxCoeff();
  for (Eigen::Index i = 0; i < d; ++i) {
    worst = std::max(worst, std::abs(got.gradient[static_cast<std::size_t>(i)] - gradient[i]) / scale);
    for (Eigen::Index j = 0; j <= i; ++j)
      worst = std::max(worst, std::abs(got.gram[static_cast<std::size_t>(i * d + j)] - gram(i, j)) / scale);
  }
  return worst < 1e-5;
}

void count(benchmark::State& state, std::int64_t n, std::int64_t d, int threads) {
  set_rates(state, flops(n, d), 4.0 * static_cast<double>(n * d), threads);
}

void full_rank_pass(benchmark::State& state) {
  const std::int64_t n = state.range(0), d = state.range(1);
  const Data data = make_data(n, d);
  const Context context({}, static_cast<int>(state.range(2)));
  if (!agrees(context, data)) {
    state.SkipWithError("the pass and its comparison disagree");
    return;
  }
  Answer answer(d);
  for (auto _ : state) velbo_pass(context, data, answer);
  count(state, n, d, context.threads());
}

void full_rank_pass_eigen(benchmark::State& state) {
  const Data data = make_data(state.range(0), state.range(1));
  Eigen::VectorXd gradient;
  Eigen::MatrixXd gram;
  for (auto _ : state) benchmark::DoNotOptimize(eigen_pass(data, gradient, gram));
  count(state, state.range(0), state.range(1), 1);
}

BENCHMARK(full_rank_pass)
    ->ArgNames({"n", "d", "threads"})
    ->Args({400000, 50, 1})
    ->Args({400000, 50, 2})
    ->Args({100000, 10, 1})
    ->Args({20000, 200, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(full_rank_pass_eigen)
    ->ArgNames({"n", "d"})
    ->Args({400000, 50})
    ->Args({100000, 10})
    ->Args({20000, 200})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace velbo::internal

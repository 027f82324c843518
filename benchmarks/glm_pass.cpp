// One pass of the full-rank Newton engine over rows: predictor, variance, quadrature, gradient and X'cX.
//
// Reported beside the time: useful flops (products only), their rate, and the same pass written with Eigen on tiles and
// scalar Gauss-Hermite quadrature, so that a ratio can be taken in the same run.
#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "backend/ops.h"
#include "math/expectations.h"

namespace velbo::internal {
namespace {

struct Data {
  std::vector<float> x, y;
  std::vector<double> mean, factor;
  Rows<float> rows;
};

Data make_data(std::int64_t n, std::int64_t d) {
  Data data;
  data.x.resize(static_cast<std::size_t>(n * d));
  data.y.resize(static_cast<std::size_t>(n));
  standard_normals(make_key(1, Purpose::test), 0, 0, 0, std::span<float>(data.x));
  standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<float>(data.y));
  for (float& y : data.y) y = y > 0 ? 1 : 0;
  const double sd = 2 / std::sqrt(static_cast<double>(n));  // of a coefficient, as n rows leave it
  for (std::int64_t i = 0; i < d; ++i) {
    data.mean.push_back(i % 2 == 0 ? 0.1 : -0.1);
    for (std::int64_t j = 0; j < d; ++j) data.factor.push_back(i == j ? sd : j < i ? 0.02 * sd : 0);
  }
  data.rows = {.x = data.x.data(),
               .y = data.y.data(),
               .trials = nullptr,
               .weights = nullptr,
               .offset = nullptr,
               .n_rows = n,
               .n_columns = d,
               .likelihood = RowLikelihood::bernoulli};
  return data;
}

double flops(std::int64_t n, std::int64_t d) { return static_cast<double>(n) * static_cast<double>(2 * d * d + 4 * d); }

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The comparison: what one writes with Eigen in half an hour.
double eigen_pass(const Data& data, Eigen::VectorXd& gradient, Eigen::MatrixXd& curvature) {
  constexpr Eigen::Index kTile = 128;
  const Eigen::Index n = data.rows.n_rows, d = data.rows.n_columns;
  const RowMajor factor = Eigen::Matrix<double, -1, -1, Eigen::RowMajor>::Map(data.factor.data(), d, d).cast<float>();
  const Eigen::VectorXf mean = Eigen::VectorXd::Map(data.mean.data(), d).cast<float>();
  gradient.setZero(d);
  curvature.setZero(d, d);
  double value = 0;
  for (Eigen::Index begin = 0; begin < n; begin += kTile) {
    const Eigen::Index rows = std::min(kTile, n - begin);
    const auto x = RowMajor::Map(data.x.data() + begin * d, rows, d);
    const Eigen::VectorXf m = x * mean;
    const Eigen::VectorXf s = (x * factor).rowwise().norm();
    Eigen::VectorXf rho(rows), c(rows);
    for (Eigen::Index r = 0; r < rows; ++r) {
      const Logistic<float> e = logistic_expectation_gh<20>(m[r], s[r]);
      const float y = data.y[static_cast<std::size_t>(begin + r)];
      value += static_cast<double>(y * m[r] - e.softplus);
      rho[r] = y - e.sigmoid;
      c[r] = e.slope;
    }
    gradient += (x.transpose() * rho).cast<double>();
    const Eigen::MatrixXf part = x.transpose() * c.asDiagonal() * x;
    curvature += part.cast<double>();
  }
  return value;
}

void full_rank_pass(benchmark::State& state) {
  const std::int64_t n = state.range(0), d = state.range(1);
  const Data data = make_data(n, d);
  const Context context({}, static_cast<int>(state.range(2)));
  std::vector<double> gradient(static_cast<std::size_t>(d)), curvature(static_cast<std::size_t>(d * d));
  RowSums sums{.value = 0, .absolute = 0, .gradient = gradient.data(), .curvature = curvature.data()};
  const auto pass = [&] {
    context.ops<float>().expected_log_likelihood_full_rank(context, data.rows, data.mean.data(), data.factor.data(),
                                                           sums);
  };
  pass();
  Eigen::VectorXd expected_gradient;
  Eigen::MatrixXd expected_curvature;
  const double expected = eigen_pass(data, expected_gradient, expected_curvature);
  if (std::abs(sums.value - expected) > 1e-5 * std::abs(expected) ||
      std::abs(curvature[0] - expected_curvature(0, 0)) > 1e-4 * expected_curvature(0, 0)) {
    state.SkipWithError("the pass and its comparison disagree");
    return;
  }
  for (auto _ : state) pass();
  state.counters["GFLOP/s"] = benchmark::Counter(flops(n, d) / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

void eigen_comparison(benchmark::State& state) {
  const Data data = make_data(state.range(0), state.range(1));
  Eigen::VectorXd gradient;
  Eigen::MatrixXd curvature;
  for (auto _ : state) benchmark::DoNotOptimize(eigen_pass(data, gradient, curvature));
  state.counters["GFLOP/s"] =
      benchmark::Counter(flops(state.range(0), state.range(1)) / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(full_rank_pass)
    ->ArgNames({"n", "d", "threads"})
    ->Args({400000, 50, 1})
    ->Args({400000, 50, 2})
    ->Args({100000, 10, 1})
    ->Args({20000, 200, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(eigen_comparison)
    ->ArgNames({"n", "d"})
    ->Args({400000, 50})
    ->Args({100000, 10})
    ->Args({20000, 200})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace velbo::internal

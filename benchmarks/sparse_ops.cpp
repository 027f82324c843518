// Wide sparse rows, with which a mean-field fit is made: expectations by quadrature with the curvature's diagonal, and log
// likelihood and gradient of draws.  100,000 rows of 25 to 75 entries in 100,000 columns, which are met as words are: few
// often, most rarely.
//
// Answers are compared with those of plain loops over the entries before anything is timed.  The floor counts every entry (a
// double and a column number) once from memory; columns' values are gathered from, and gradients scattered to, whatever
// cache holds them, which no ceiling here knows.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "backend/ops.h"
#include "ceilings.h"
#include "data/uniform_below.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kRows = 100000, kColumns = 100000;
using Numbers = std::vector<double>;

struct Data {
  std::vector<std::int64_t> row_start = {0};
  std::vector<std::int32_t> column;
  Numbers value;
  std::vector<float> y;

  [[nodiscard]] Rows<float> rows() const {
    Rows<float> rows;
    rows.row_start = row_start.data();
    rows.column = column.data();
    rows.value = value.data();
    rows.y = y.data();
    rows.n_rows = kRows;
    rows.n_features = kColumns;
    return rows;
  }
  // use(column, value) of row n
  template <class Use>
  void entries(std::int64_t n, const Use& use) const {
    const auto at = static_cast<std::size_t>(n);
    for (auto k = static_cast<std::size_t>(row_start[at]); k < static_cast<std::size_t>(row_start[at + 1]); ++k)
      use(static_cast<std::size_t>(column[k]), value[k]);
  }
  [[nodiscard]] double outcome(std::int64_t n) const { return static_cast<double>(y[static_cast<std::size_t>(n)]); }
};

const Data& data() {
  static const Data made = [] {
    Data out;
    const Key key = make_key(1, Purpose::test);
    std::uint64_t words = 0;
    for (std::int64_t n = 0; n < kRows; ++n) {
      const auto begin = out.column.size();
      const std::uint64_t wanted = 25 + uniform_below(51, key, words++);
      for (std::uint64_t k = 0; k < wanted; ++k) {
        const double u = (static_cast<double>(uniform_below(1U << 30, key, words++)) + 0.5) * 0x1p-30;
        out.column.push_back(static_cast<std::int32_t>(static_cast<double>(kColumns) * u * u * u));
      }
      const auto first = out.column.begin() + static_cast<std::ptrdiff_t>(begin);
      std::sort(first, out.column.end());
      out.column.erase(std::unique(first, out.column.end()), out.column.end());
      out.row_start.push_back(static_cast<std::int64_t>(out.column.size()));
      out.y.push_back(uniform_below(2, key, words++) == 0 ? 0.0F : 1.0F);
    }
    out.value.resize(out.column.size());
    standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<double>(out.value));
    return out;
  }();
  return made;
}

Numbers small_normals(std::size_t size) {
  Numbers out(size);
  standard_normals(make_key(3, Purpose::test), 0, 0, 0, std::span<double>(out));
  for (double& v : out) v *= 0.1;
  return out;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

// The largest difference over the largest element.
double off(const Numbers& found, const Numbers& expected) {
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    worst = std::max(worst, std::abs(found[i] - expected[i]));
    scale = std::max(scale, std::abs(expected[i]));
  }
  return worst / scale;
}

void count(benchmark::State& state, double flops_an_entry, int threads) {
  const auto entries = static_cast<double>(data().value.size());
  const double a_row = sizeof(std::int64_t) + sizeof(float), an_entry = sizeof(double) + sizeof(std::int32_t);
  set_rates(state, flops_an_entry * entries, entries * an_entry + static_cast<double>(kRows) * a_row, threads);
  state.counters["ns/entry"] =
      benchmark::Counter(1e-9 * entries, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// E[log p] of each row by the trapezoid rule in the predictor's standard normal, which converges exponentially.
struct Expected {
  double value = 0;
  Numbers gradient = Numbers(kColumns), diagonal = Numbers(kColumns);
};

Expected plain_expectations(const Numbers& mean, const Numbers& sd) {
  constexpr double kStep = 0.25;
  Expected out;
  for (std::int64_t n = 0; n < kRows; ++n) {
    double m = 0, variance = 0;
    data().entries(n, [&](std::size_t j, double x) {
      m += x * mean[j];
      variance += x * x * sd[j] * sd[j];
    });
    double rho = 0, c = 0;
    for (int k = -32; k <= 32; ++k) {
      const double u = kStep * k, weight = kStep * 0.3989422804014327 * std::exp(-0.5 * u * u);
      const double eta = m + std::sqrt(variance) * u, p = sigmoid(eta);
      out.value += weight * (data().outcome(n) * eta - softplus(eta));
      rho += weight * (data().outcome(n) - p);
      c += weight * p * (1 - p);
    }
    data().entries(n, [&](std::size_t j, double x) {
      out.gradient[j] += rho * x;
      out.diagonal[j] += c * x * x;
    });
  }
  return out;
}

void sparse_mean_field(benchmark::State& state) {
  const Context context({}, static_cast<int>(state.range(0)));
  const Numbers mean = small_normals(kColumns), sd(kColumns, 0.1);
  Numbers gradient(kColumns), diagonal(kColumns);
  RowSums<float> sums{.gradient = gradient.data(), .diagonal = diagonal.data()};
  const auto pass = [&] {
    context.ops<float>().expected_log_likelihood(context, data().rows(), mean.data(), {.sd = sd.data()}, {}, sums);
  };
  pass();
  static const Expected expected = plain_expectations(mean, sd);
  if (!(std::abs(sums.value / expected.value - 1) < 1e-5 && off(gradient, expected.gradient) < 1e-5 &&
        off(diagonal, expected.diagonal) < 1e-4)) {
    state.SkipWithError("the operation and plain loops disagree");
    return;
  }
  for (auto _ : state) pass();
  count(state, 10, context.threads());  // predictor 2, variance 3, gradient 2, diagonal 3
}

template <int S>
void sparse_draws(benchmark::State& state) {
  const Context context({}, static_cast<int>(state.range(0)));
  const Numbers z = small_normals(S * kColumns);
  Numbers value(S), gradient(z.size());
  const auto pass = [&] {
    context.ops<float>().log_likelihood_gradient(context, data().rows(), z.data(), S, value.data(), gradient.data());
  };
  pass();
  Numbers expected(S), expected_gradient(z.size());
  for (std::size_t s = 0; s < S; ++s)
    for (std::int64_t n = 0; n < kRows; ++n) {
      double eta = 0;
      data().entries(n, [&](std::size_t j, double x) { eta += x * z[s * kColumns + j]; });
      expected[s] += data().outcome(n) * eta - softplus(eta);
      const double rho = data().outcome(n) - sigmoid(eta);
      data().entries(n, [&](std::size_t j, double x) { expected_gradient[s * kColumns + j] += rho * x; });
    }
  if (!(off(value, expected) < 1e-5 && off(gradient, expected_gradient) < 1e-5)) {
    state.SkipWithError("the operation and plain loops disagree");
    return;
  }
  for (auto _ : state) pass();
  count(state, 4 * S, context.threads());
}

void threads(benchmark::internal::Benchmark* b) {
  b->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
}
BENCHMARK(sparse_mean_field)->Apply(threads);
BENCHMARK(sparse_draws<1>)->Apply(threads);
BENCHMARK(sparse_draws<8>)->Apply(threads);

}  // namespace
}  // namespace velbo::internal

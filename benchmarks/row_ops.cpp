// The operations that stochastic steps are made of: log likelihood and gradient of draws (dense, by index, from memory),
// and expectations of a mean-field Gaussian by quadrature and by draws of each row.  Rows by index are the batches of an
// epoch, each call the next one, as a fit has them: the same batch again would be in a cache.
//
// The rival of the first is the step that one writes with Eigen on tiles of 64 rows; the answers are compared before
// anything is timed.
#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <cmath>
#include <cstring>
#include <vector>

#include "backend/ops.h"
#include "ceilings.h"
#include "data/batch_order.h"
#include "math/expectations.h"

namespace velbo::internal {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Data {
  RowMajor x;
  std::vector<float> y;
  std::vector<std::vector<std::int64_t>> batches;  // none: the first `batch` rows
  std::vector<double> z;
  std::int64_t batch, draws;

  [[nodiscard]] const std::int64_t* index(std::size_t call) const {
    return batches.empty() ? nullptr : batches[call % batches.size()].data();
  }

  [[nodiscard]] Rows<float> rows(std::size_t call) const {
    Rows<float> rows;
    rows.x = x.data();
    rows.element = Element::float32;
    rows.stride = x.cols();
    rows.y = y.data();
    rows.index = index(call);
    rows.n_rows = batch;
    rows.n_features = x.cols();
    return rows;
  }
};

Data make_data(std::int64_t stored, std::int64_t batch, std::int64_t d, std::int64_t draws, bool by_index) {
  Data data{RowMajor(stored, d), std::vector<float>(static_cast<std::size_t>(stored)), {}, {}, batch, draws};
  standard_normals(make_key(1, Purpose::test), 0, 0, 0,
                   std::span<float>(data.x.data(), static_cast<std::size_t>(stored * d)));
  standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<float>(data.y));
  for (float& y : data.y) y = y > 0 ? 1 : 0;
  BatchOrder order(stored, batch, make_key(4, Purpose::test));
  for (std::int64_t i = 0; by_index && i < stored / batch; ++i) {
    const std::span<const std::int64_t> rows = order.batch(i);
    data.batches.emplace_back(rows.begin(), rows.end());
  }
  data.z.resize(static_cast<std::size_t>(draws * d));
  standard_normals(make_key(3, Purpose::test), 0, 0, 0, std::span<double>(data.z));
  for (double& z : data.z) z *= 0.2;
  return data;
}

// One step with Eigen: products of tiles, the pointwise part in a loop that vectorises, by-index rows gathered first.
template <int S>
void eigen_step(const Data& data, std::size_t call, RowMajor& gradient, std::vector<double>& value) {
  const std::int64_t* const index = data.index(call);
  constexpr int kTile = 64;
  constexpr auto kOrder = S == 1 ? Eigen::ColMajor : Eigen::RowMajor;
  const Eigen::Index d = data.x.cols();
  const RowMajor z = Eigen::Matrix<double, -1, -1, Eigen::RowMajor>::Map(data.z.data(), S, d).cast<float>();
  RowMajor gathered(kTile, d);
  Eigen::Matrix<float, kTile, S, kOrder> eta, rho, log_p;
  float y[kTile * S];
  gradient.setZero(S, d);
  value.assign(S, 0.0);
  for (Eigen::Index begin = 0; begin < data.batch; begin += kTile) {  // the batch is whole tiles
    if (index != nullptr)
      for (int i = 0; i < kTile; ++i) gathered.row(i) = data.x.row(index[begin + i]);
    const auto step = [&](const auto& x) {
      eta.noalias() = x * z.transpose();
      for (int i = 0; i < kTile; ++i)
        for (int s = 0; s < S; ++s) {
          y[i * S + s] = data.y[static_cast<std::size_t>(index == nullptr ? begin + i : index[begin + i])];
        }
#pragma GCC ivdep
      for (int k = 0; k < kTile * S; ++k) {
        const LogisticTail<float> e = logistic_tail(abs_of(eta.data()[k]));
        const float surprise = eta.data()[k] > 0 ? y[k] - 1 : y[k];
        log_p.data()[k] = surprise * eta.data()[k] - e.softplus;
        rho.data()[k] = surprise + __builtin_copysignf(e.sigmoid, eta.data()[k]);
      }
      gradient.noalias() += rho.transpose() * x;
    };
    if (index == nullptr) {
      step(data.x.middleRows<kTile>(begin));
    } else {
      step(gathered);
    }
    for (int s = 0; s < S; ++s) value[static_cast<std::size_t>(s)] += static_cast<double>(log_p.col(s).sum());
  }
}

void count(benchmark::State& state, const Data& data, int threads) {
  const double numbers = static_cast<double>(data.batch * data.x.cols());
  const double flops = 4 * numbers * static_cast<double>(data.draws);
  set_rates(state, flops, data.batch > 100000 ? 4 * numbers : 0, threads);
  state.counters["ns/row"] =
      benchmark::Counter(1e-9 * static_cast<double>(data.batch),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

template <int S>
void draws_gradient(benchmark::State& state) {
  const Data data = make_data(state.range(0), state.range(1), state.range(2), S, state.range(0) != state.range(1));
  const Context context({}, static_cast<int>(state.range(3)));
  std::vector<double> value(S), gradient(static_cast<std::size_t>(S * data.x.cols())), expected;
  std::size_t call = 0;
  const auto step = [&] {
    context.ops<float>().log_likelihood_gradient(context, data.rows(call++), data.z.data(), S, value.data(),
                                                 gradient.data());
  };
  RowMajor expected_gradient;
  step();
  if (data.batch % 64 == 0) {
    eigen_step<S>(data, 0, expected_gradient, expected);
    double worst = 0;
    for (std::size_t s = 0; s < S; ++s) worst = std::max(worst, std::abs(value[s] / expected[s] - 1));
    const double scale = static_cast<double>(expected_gradient.cwiseAbs().maxCoeff());
    for (std::size_t i = 0; i < gradient.size(); ++i)
      worst = std::max(worst, std::abs(gradient[i] - static_cast<double>(expected_gradient.data()[i])) / scale);
    if (!(worst < 1e-4)) {
      state.SkipWithError("the operation and its comparison disagree");
      return;
    }
  }
  for (auto _ : state) step();
  count(state, data, context.threads());
}

template <int S>
void draws_gradient_eigen(benchmark::State& state) {
  const Data data = make_data(state.range(0), state.range(1), state.range(2), S, state.range(0) != state.range(1));
  std::vector<double> value;
  RowMajor gradient;
  std::size_t call = 0;
  for (auto _ : state) {
    eigen_step<S>(data, call++, gradient, value);
    benchmark::DoNotOptimize(gradient.data());
  }
  count(state, data, 1);
}

void mean_field(benchmark::State& state) {
  const std::int64_t d = state.range(1), draws = state.range(2);
  const Data data = make_data(state.range(0), state.range(0), d, 1, false);
  const Context context({}, 1);
  const std::vector<double> sd(static_cast<std::size_t>(d), 0.03);
  std::vector<double> gradient(sd.size()), diagonal(sd.size());
  RowSums<float> sums{.gradient = gradient.data(), .diagonal = diagonal.data()};
  const PredictorRule rule{.n_draws = draws, .key = Key{5}};
  const auto pass = [&](const PredictorRule& by) {
    context.ops<float>().expected_log_likelihood(context, data.rows(0), data.z.data(), {.sd = sd.data()}, by, sums);
  };
  pass({});
  const double exact = sums.value;
  pass(rule);
  if (!(std::abs(sums.value / exact - 1) < 0.05)) {
    state.SkipWithError("draws of rows and quadrature disagree");
    return;
  }
  for (auto _ : state) pass(rule);
  set_rates(state, 9.0 * static_cast<double>(data.batch * d), 0, 1);
  state.counters["ns/row"] =
      benchmark::Counter(1e-9 * static_cast<double>(data.batch),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// stored rows, batch, columns, threads
void step_sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"stored", "batch", "d", "threads"})->Unit(benchmark::kMicrosecond)->UseRealTime();
}
BENCHMARK(draws_gradient<8>)
    ->Apply(step_sizes)
    ->Args({4096, 4096, 100, 1})
    ->Args({100000, 4096, 100, 1})
    ->Args({1000000, 4096, 100, 1})
    ->Args({65536, 65536, 100, 2});
BENCHMARK(draws_gradient_eigen<8>)
    ->Apply(step_sizes)
    ->Args({4096, 4096, 100, 1})
    ->Args({100000, 4096, 100, 1})
    ->Args({1000000, 4096, 100, 1});
BENCHMARK(draws_gradient<1>)
    ->Apply(step_sizes)
    ->Args({4096, 4096, 100, 1})
    ->Args({1000000, 1000000, 100, 1})
    ->Args({1000000, 1000000, 100, 2});
BENCHMARK(draws_gradient_eigen<1>)->Apply(step_sizes)->Args({4096, 4096, 100, 1})->Args({1000000, 1000000, 100, 1});
BENCHMARK(mean_field)
    ->ArgNames({"batch", "d", "draws"})
    ->Args({4096, 100, 0})
    ->Args({4096, 100, 8})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

}  // namespace
}  // namespace velbo::internal

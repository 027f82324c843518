// The gradient of logistic regression at 8 draws as a plate of a model in code, and as the built-in operation in float and in double:
// the rows of examples/data/wells.csv, as many made up.  The answers are compared before anything is timed.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/ops.h"
#include "models/model_density.h"
#include "velbo/distributions.h"
#include "velbo/model.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kDraws = 8, kLatents = 3;

struct Switches {
  static constexpr bool branches_on_rows_only = true;
  template <class T>
  T operator()(const double* row, const T* latent) const {
    return bernoulli_logit_lpmf(row[3], latent[0] + latent[1] * row[1] + latent[2] * row[2]);
  }
};

struct Data {
  std::int64_t n;
  std::vector<double> rows, z;  // 1, two predictors, the outcome
};

Data make_data(std::int64_t n) {
  Data data{n, std::vector<double>(static_cast<std::size_t>(4 * n)), std::vector<double>(kDraws * kLatents)};
  standard_normals(make_key(1, Purpose::test), 0, 0, 0, std::span<double>(data.rows));
  standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<double>(data.z));
  for (std::size_t i = 0; i < data.rows.size(); i += 4) {
    data.rows[i] = 1;
    data.rows[i + 3] = data.rows[i + 3] > 0 ? 1 : 0;
  }
  for (double& z : data.z) z *= 0.3;
  return data;
}

struct Answer {
  std::vector<double> value = std::vector<double>(kDraws), gradient = std::vector<double>(kDraws * kLatents);
};

Model plate_model(const Data& data) {
  return {
      {real("alpha"), real("beta", {2})},
      [](const auto* theta) { return 0.0 * theta[0]; },
      {Plate({data.rows.data(), data.n, 4, 4}, {latent("alpha"), latent("beta", 0), latent("beta", 1)}, Switches{})}};
}

template <class T>
struct BuiltIn {
  std::vector<T> x, y;
  Rows<T> rows;
  const Data* data;

  explicit BuiltIn(const Data& from) : data(&from) {
    for (std::size_t i = 0; i < from.rows.size(); i += 4) {
      for (std::size_t k = 0; k < 3; ++k) x.push_back(static_cast<T>(from.rows[i + k]));
      y.push_back(static_cast<T>(from.rows[i + 3]));
    }
    rows.x = x.data();
    rows.element = std::is_same_v<T, float> ? Element::float32 : Element::float64;
    rows.stride = kLatents;
    rows.y = y.data();
    rows.n_rows = from.n;
    rows.n_features = kLatents;
  }
  void evaluate(const Context& context, Answer& out) const {
    context.ops<T>().log_likelihood_gradient(context, rows, data->z.data(), kDraws, out.value.data(),
                                             out.gradient.data());
  }
};

void count(benchmark::State& state) {
  state.counters["ns/term"] =
      benchmark::Counter(1e-9 * static_cast<double>(state.range(0) * kDraws),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void plate(benchmark::State& state) {
  const Data data = make_data(state.range(0));
  const Context context({}, static_cast<int>(state.range(1)));
  ModelDensity density(plate_model(data), context);
  Answer found, expected;
  density.evaluate(kDraws, data.z.data(), found.value.data(), found.gradient.data());
  BuiltIn<double>(data).evaluate(context, expected);
  for (std::size_t s = 0; s < kDraws; ++s)
    if (!(std::abs(found.value[s] / expected.value[s] - 1) < 1e-10)) return state.SkipWithError("the answers differ");
  for (auto _ : state) density.evaluate(kDraws, data.z.data(), found.value.data(), found.gradient.data());
  count(state);
}

template <class T>
void built_in(benchmark::State& state) {
  const Data data = make_data(state.range(0));
  const Context context({}, static_cast<int>(state.range(1)));
  const BuiltIn<T> rows(data);
  Answer out;
  for (auto _ : state) rows.evaluate(context, out);
  count(state);
}

const std::vector<std::vector<std::int64_t>> kSizes = {{3020, 100000}, {1, 2}};
BENCHMARK(plate)->ArgNames({"rows", "threads"})->ArgsProduct(kSizes)->UseRealTime();
BENCHMARK(built_in<float>)->ArgNames({"rows", "threads"})->ArgsProduct(kSizes)->UseRealTime();
BENCHMARK(built_in<double>)->ArgNames({"rows", "threads"})->ArgsProduct(kSizes)->UseRealTime();

}  // namespace
}  // namespace velbo::internal

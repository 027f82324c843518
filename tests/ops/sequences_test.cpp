// The local step of hidden Markov models against plain sums in long double: on the CPU, on the emulator and on a device (device.h).
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "backend/sequence_ops.h"
#include "models/device_features.h"
#include "ops/device.h"
#include "support/plain_chain.h"

namespace velbo::internal {
namespace {

using test::Numbers;
using test::PlainChain;

constexpr double kNever = -std::numeric_limits<double>::infinity();

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Sequences of numbers and of symbols, and weights of a chain.  The first sequence is not in the batch.
struct Problem {
  std::int64_t k = 3, d = 2, v = 5;
  std::vector<std::int64_t> start = {0, 3, 4, 6, 46, 47, 60, 65};
  std::vector<double> x, centre, log_initial, log_transition, constant, whitening, shift, log_symbol;
  std::vector<std::int32_t> symbol;
  bool gaussian = true;

  Problem(std::int64_t states, std::int64_t columns, double spread, std::int64_t symbols = 5)
      : k(states), d(columns), v(symbols) {
    std::mt19937_64 engine(static_cast<unsigned>(41 * k + d));
    std::normal_distribution<double> normal;
    for (std::int64_t i = 0; i < n() * d; ++i) x.push_back(0.125 * std::round(8 * normal(engine)) + 10);
    centre.assign(size(d), 10);
    for (std::int64_t i = 0; i < n(); ++i) symbol.push_back(static_cast<std::int32_t>(engine() % size(v)));
    for (std::int64_t i = 0; i < k; ++i) log_initial.push_back(normal(engine) - 1);
    for (std::int64_t i = 0; i < k * k; ++i) log_transition.push_back(normal(engine) - 2);
    for (std::int64_t i = 0; i < k; ++i) constant.push_back(normal(engine));
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t a = 0; a < d; ++a)
        for (std::int64_t b = 0; b < d; ++b)
          whitening.push_back(b > a ? std::nan("") : spread * (a == b ? 1.5 : 0.4 * normal(engine)));
    for (std::int64_t i = 0; i < k * d; ++i) shift.push_back(spread * normal(engine));
    for (std::int64_t i = 0; i < k * v; ++i) log_symbol.push_back(spread * normal(engine));
  }
  [[nodiscard]] std::int64_t n() const { return start.back(); }
  [[nodiscard]] std::int64_t n_sequences() const { return static_cast<std::int64_t>(start.size()) - 2; }
  [[nodiscard]] std::int64_t width() const { return gaussian ? 1 + d + d * (d + 1) / 2 : v; }

  [[nodiscard]] Numbers z(std::int64_t row) const {
    Numbers out;
    for (std::int64_t j = 0; j < d; ++j)
      out.push_back(static_cast<long double>(x[size(row * d + j)]) - static_cast<long double>(centre[size(j)]));
    return out;
  }
  [[nodiscard]] long double log_density(std::int64_t row, std::int64_t state) const {
    if (!gaussian) return log_symbol[size(state * v + symbol[size(row)])];
    const Numbers at = z(row);
    long double squares = 0;
    for (std::int64_t a = 0; a < d; ++a) {
      long double white = shift[size(state * d + a)];
      for (std::int64_t b = 0; b <= a; ++b) white += whitening[size((state * d + a) * d + b)] * at[size(b)];
      squares += white * white;
    }
    return constant[size(state)] - squares / 2;
  }
};

// [K], [K, K], emissions, and last the total.
Numbers plain_step(const Problem& p) {
  const std::size_t k = size(p.k);
  Numbers out(k * (1 + k) + size(p.k * p.width()) + 1);
  const Numbers first(p.log_initial.begin(), p.log_initial.end()),
      step(p.log_transition.begin(), p.log_transition.end());
  for (std::int64_t s = 1; s <= p.n_sequences(); ++s) {
    Numbers emission;
    for (std::int64_t row = p.start[size(s)]; row < p.start[size(s + 1)]; ++row)
      for (std::int64_t i = 0; i < p.k; ++i) emission.push_back(p.log_density(row, i));
    const PlainChain chain = test::plain_chain(first, step, emission);
    out.back() += chain.log_total;
    for (std::size_t i = 0; i < k; ++i) out[i] += chain.state[i];
    for (std::size_t i = 0; i < k * k; ++i) out[k + i] += chain.transition[i];
    for (std::int64_t row = p.start[size(s)]; row < p.start[size(s + 1)]; ++row)
      for (std::size_t i = 0; i < k; ++i) {
        const long double share = chain.state[size(row - p.start[size(s)]) * k + i];
        long double* next = out.data() + k * (1 + k) + i * size(p.width());
        if (!p.gaussian) {
          next[p.symbol[size(row)]] += share;
          continue;
        }
        const Numbers z = p.z(row);
        *next++ += share;
        for (const long double value : z) *next++ += share * value;
        for (std::size_t a = 0; a < z.size(); ++a)
          for (std::size_t b = 0; b <= a; ++b) *next++ += share * z[a] * z[b];
      }
  }
  return out;
}

template <class T>
std::vector<double> step(const Problem& p, int threads = 1) {
  const Context context = test_context(threads);
  SequenceBatch<T> batch;
  batch.n_sequences = p.n_sequences();
  batch.start = p.start.data() + 1;
  std::unique_ptr<DeviceFeatures<T>> features;
  std::vector<std::int64_t> rows(size(p.n())), symbol_start(size(p.v + 1));
  for (const std::int32_t v : p.symbol)
    for (std::size_t after = size(v) + 1; after < symbol_start.size(); ++after) ++symbol_start[after];
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::int64_t a, std::int64_t b) { return p.symbol[size(a)] < p.symbol[size(b)]; });
  const OnDevice<std::int32_t> symbol(p.symbol);
  const OnDevice<std::int64_t> by_symbol(rows);
  if (p.gaussian) {
    FeatureStore store;
    store.n_rows = batch.rows.n_rows = p.n();
    store.n_columns = store.stride = batch.rows.n_features = batch.rows.stride = p.d;
    store.x = batch.rows.x = p.x.data();
    batch.rows.centre = p.centre.data();
    if (!on_cpu()) {
      features = std::make_unique<DeviceFeatures<T>>(store, context, p.centre);
      features->point(batch.rows);
    }
  } else {
    batch.symbol = symbol.data();
    batch.by_symbol = by_symbol.data();
    batch.by_symbol_host = rows.data();
    batch.symbol_start = symbol_start.data();
  }
  SequenceParameters parameters;
  parameters.n_states = p.k;
  parameters.log_initial = p.log_initial.data();
  parameters.log_transition = p.log_transition.data();
  parameters.n_columns = p.d;
  parameters.constant = p.constant.data();
  parameters.whitening = p.whitening.data();
  parameters.shift = p.shift.data();
  parameters.n_symbols = p.v;
  parameters.log_symbol = p.log_symbol.data();
  std::vector<double> out(size(p.k * (1 + p.k + p.width()) + 1), 1.0);  // added to
  const SequenceSums sums{out.data(), out.data() + p.k, out.data() + p.k * (1 + p.k)};
  const double total = sequence_ops<T>(context).local_step(context, batch, parameters, sums);
  for (double& value : out) value -= 1;
  out.back() = total;
  return out;
}

// Of numbers as large as the number of rows; the total is as exact as its largest terms are.
template <class T>
void expect_plain(const Problem& p, double tolerance, double total_scale = 100) {
  SCOPED_TRACE(testing::Message() << "K " << p.k << (p.gaussian ? ", D " : ", V ") << (p.gaussian ? p.d : p.v));
  const Numbers expected = plain_step(p);
  const std::vector<double> found = step<T>(p);
  for (std::size_t i = 0; i + 1 < found.size(); ++i)
    ASSERT_NEAR(found[i], expected[i], tolerance * (1 + std::abs(static_cast<double>(expected[i])))) << i;
  const auto total = static_cast<double>(expected.back());
  if (std::isfinite(total)) {
    EXPECT_NEAR(found.back(), total, tolerance * (total_scale + std::abs(total)));
  } else {
    EXPECT_EQ(found.back(), total);
  }
}

template <class T>
class SequenceOpsTest : public DeviceTest {
 public:
  static constexpr double kTolerance = sizeof(T) == sizeof(float) ? 3e-5 : 1e-12;
};
TYPED_TEST_SUITE(SequenceOpsTest, Scalars);

TEST(PlainChain, IsTheSumOverAllPaths) {
  std::mt19937_64 engine(3);
  std::normal_distribution<long double> normal;
  for (const std::size_t n : {1U, 2U, 5U}) {
    Numbers first(3), step(9), emission(n * 3);
    for (Numbers* const of : {&first, &step, &emission})
      for (long double& value : *of) value = normal(engine);
    const PlainChain a = test::plain_chain(first, step, emission),
                     b = test::chain_by_enumeration(first, step, emission);
    EXPECT_NEAR(a.log_total, b.log_total, 1e-15);
    for (std::size_t i = 0; i < a.state.size(); ++i) EXPECT_NEAR(a.state[i], b.state[i], 1e-15);
    for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(a.transition[i], b.transition[i], 1e-15);
  }
}

TYPED_TEST(SequenceOpsTest, GaussianEmissions) {
  for (const auto& [k, d] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 2}, {33, 5}, {70, 1}, {4, 9}})
    expect_plain<TypeParam>(Problem(k, d, 0.7), this->kTolerance);
}

TYPED_TEST(SequenceOpsTest, CategoricalEmissions) {
  for (const auto& [k, v] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 5}, {33, 4}, {70, 40}}) {
    Problem p(k, 1, 0.7, v);
    p.gaussian = false;
    expect_plain<TypeParam>(p, this->kTolerance);
  }
}

// Log densities of thousands, which float has no exponentials of; shares are sharp, and a tie of rows' states costs digits.
TYPED_TEST(SequenceOpsTest, DensitiesThatUnderflow) {
  Problem p(3, 2, 20);
  expect_plain<TypeParam>(p, 100 * this->kTolerance);
  p.gaussian = false;
  p.v = 5;
  for (double& value : p.log_symbol) value *= 10;
  expect_plain<TypeParam>(p, 10 * this->kTolerance);
}

// Every symbol asks for a state that steps hardly lead to: scaled recursions lose the path, logarithms do not.
TYPED_TEST(SequenceOpsTest, PathsThatScalingLoses) {
  Problem p(2, 1, 1, 3);
  p.gaussian = false;
  const double rare = sizeof(TypeParam) == sizeof(float) ? -120 : -900;
  p.log_initial = {0, rare};
  p.log_transition = {0, rare, rare, 0};
  p.log_symbol = {0, 0, -3, 0.8 * -rare, -1, -2};
  expect_plain<TypeParam>(p, this->kTolerance);
  // The other path is all but one in 150, though a row of it is too small for T; what is left has sums and rests that T holds.
  const double far = sizeof(TypeParam) == sizeof(float) ? 90 : 710,
               back = sizeof(TypeParam) == sizeof(float) ? 85 : 705;
  p.log_initial = {0, 0};
  p.log_symbol = {0, 0, 0, -far, back, 0};
  std::fill(p.symbol.begin(), p.symbol.end(), 2);
  p.symbol[4] = 0;  // a sequence of two rows
  p.symbol[5] = 1;
  expect_plain<TypeParam>(p, this->kTolerance);
}

TYPED_TEST(SequenceOpsTest, PathsThatOverflow) {
  Problem p(2, 1, 1, 3);
  p.gaussian = false;
  const double rare = sizeof(TypeParam) == sizeof(float) ? -120 : -900;
  p.log_initial = {0, rare};
  p.log_transition = {0, rare, rare, 0};
  p.log_symbol = {0, 0, -3, 0.3 * -rare, 0.2, 0.1};
  expect_plain<TypeParam>(p, this->kTolerance);
}

TYPED_TEST(SequenceOpsTest, StepsThatCannotBe) {
  Problem p(3, 2, 0.7);
  p.log_initial = {0, kNever, kNever};
  p.log_transition = {-1, -0.5, kNever, kNever, -1, -0.5, kNever, kNever, 0};
  expect_plain<TypeParam>(p, this->kTolerance);
  p.gaussian = false;
  p.log_symbol[2] = kNever;
  expect_plain<TypeParam>(p, this->kTolerance);
  for (std::size_t i = 0; i < 3; ++i) p.log_symbol[i * 5 + 2] = kNever;  // no state says symbol 2
  expect_plain<TypeParam>(p, this->kTolerance);
  EXPECT_EQ(step<TypeParam>(p).back(), kNever);
}

TYPED_TEST(SequenceOpsTest, ALongSequenceKeepsItsScale) {
  Problem p(2, 1, 0.7);
  p.gaussian = false;
  const std::int64_t n = emulated() ? 2000 : 200000;
  p.start = {0, 1, n};
  p.symbol.clear();
  for (std::int64_t i = 0; i < n; ++i) p.symbol.push_back(static_cast<std::int32_t>(i * i % 7 % 5));
  const std::vector<double> found = step<TypeParam>(p);
  const auto steps = static_cast<double>(n - 2);
  EXPECT_NEAR(found[0] + found[1], 1, 1e-6);
  EXPECT_NEAR(found[2] + found[3] + found[4] + found[5], steps, (sizeof(TypeParam) == 4 ? 1e-5 : 1e-13) * steps);
  EXPECT_NEAR(std::accumulate(found.begin() + 6, found.end() - 1, 0.0), steps + 1,
              (sizeof(TypeParam) == 4 ? 1e-5 : 1e-13) * steps);
  EXPECT_TRUE(std::isfinite(found.back()));
}

TYPED_TEST(SequenceOpsTest, TheSameBitsForAnyThreads) {
  Problem p(5, 3, 0.7);
  EXPECT_EQ(step<TypeParam>(p, 1), step<TypeParam>(p, 4));
  p.gaussian = false;
  EXPECT_EQ(step<TypeParam>(p, 1), step<TypeParam>(p, 3));
}

}  // namespace
}  // namespace velbo::internal

// The kernels of hidden Markov models under every schedule: recursions and sums against the plainest ones in long double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <tuple>
#include <vector>

#include "emulator/device_array.h"
#include "emulator/every_schedule.h"
#include "sequence_passes.cuh"
#include "support/plain_chain.h"

namespace velbo::kernels {
namespace {

using test::Numbers;
using test::PlainChain;

constexpr double kNever = -std::numeric_limits<double>::infinity();

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Few blocks, so that they take several sequences, rows and lists each.
Launch few_blocks() {
  Launch launch;
  launch.most_blocks = 1;
  return launch;
}

// A chain and the densities of rows, which are the largest's e^top times numbers up to 1, all of which T holds.
template <class T>
struct Chain {
  std::int64_t k, stride;
  std::vector<std::int64_t> start{0};
  Numbers first, step, log_density;
  std::vector<T> initial, transition, density, top;

  Chain(std::int64_t states, const std::vector<std::int64_t>& lengths)
      : k(states), stride(states + 1), engine_(static_cast<unsigned>(states)) {
    for (const std::int64_t n : lengths) start.push_back(start.back() + n);
    for (std::int64_t i = 0; i < k; ++i) initial.push_back(number());
    for (std::int64_t i = 0; i < k * k; ++i) transition.push_back(number());
    density.assign(size(start.back() * stride), static_cast<T>(std::nan("")));
    for (std::int64_t n = 0; n < start.back(); ++n) {
      for (std::int64_t j = 0; j < k; ++j) density[size(n * stride + j)] = number();
      top.push_back(static_cast<T>(0.25 * static_cast<double>(n % 9)));
    }
  }
  // Of sequence s.
  [[nodiscard]] PlainChain plain(std::size_t s) const {
    const auto logs = [](const std::vector<T>& of) {
      Numbers out;
      for (const T value : of) out.push_back(std::log(static_cast<long double>(value)));
      return out;
    };
    Numbers emission;
    for (std::int64_t n = start[s]; n < start[s + 1]; ++n)
      for (std::int64_t j = 0; j < k; ++j)
        emission.push_back(std::log(static_cast<long double>(density[size(n * stride + j)])) +
                           static_cast<long double>(top[size(n)]));
    return test::plain_chain(logs(initial), logs(transition), emission);
  }

 private:
  T number() { return static_cast<T>(0.03125 * static_cast<double>(1 + engine_() % 32)); }
  std::mt19937 engine_;
};

// What the kernel leaves: shares, forward and emission of each row, log_total and failed of each sequence.
template <class T>
std::vector<double> run_chain(const Chain<T>& c, const Launch& launch) {
  const std::int64_t n = c.start.back(), sequences = static_cast<std::int64_t>(c.start.size()) - 1;
  const auto array = [&](std::int64_t of) { return simt::DeviceArray<T>(size(of)); };
  std::vector<T> transposed;
  for (std::int64_t j = 0; j < c.k; ++j)
    for (std::int64_t i = 0; i < c.k; ++i) transposed.push_back(c.transition[size(i * c.k + j)]);
  const simt::DeviceArray<std::int64_t> start(c.start);
  const simt::DeviceArray<T> initial(c.initial), transition(c.transition), across(transposed), density(c.density),
      top(c.top), forward = array(n * c.stride), share = array(n * c.stride), scale = array(n);
  const simt::DeviceArray<double> log_total(size(sequences));
  const simt::DeviceArray<std::int32_t> failed(size(sequences));
  launch_chain(launch, ChainArguments<T>{.n_sequences = sequences,
                                         .start = start.data(),
                                         .n_states = c.k,
                                         .stride = c.stride,
                                         .initial = initial.data(),
                                         .transition = transition.data(),
                                         .transposed = across.data(),
                                         .top = top.data(),
                                         .emission = density.data(),
                                         .forward = forward.data(),
                                         .share = share.data(),
                                         .scale = scale.data(),
                                         .log_total = log_total.data(),
                                         .failed = failed.data(),
                                         .least = internal::ChainLimits<T>::least,
                                         .most = internal::ChainLimits<T>::most});
  std::vector<double> out;
  for (const simt::DeviceArray<T>* const of : {&share, &forward, &density}) {
    const std::vector<T> values = of->on_host();
    for (std::int64_t row = 0; row < n; ++row) {
      for (std::int64_t j = 0; j < c.k; ++j) out.push_back(static_cast<double>(values[size(row * c.stride + j)]));
      // What lies between rows is nobody's.
      EXPECT_TRUE(std::isnan(values[size(row * c.stride + c.k)])) << row;
    }
  }
  for (const double value : log_total.on_host()) out.push_back(value);
  for (const std::int32_t value : failed.on_host()) out.push_back(value);
  return out;
}

template <class T>
void expect_plain(const Chain<T>& c, const Launch& launch) {
  SCOPED_TRACE(testing::Message() << "K " << c.k);
  constexpr double tolerance = sizeof(T) == sizeof(float) ? 2e-5 : 1e-13;
  const std::vector<double> got = simt::same_under_every_schedule([&] { return run_chain(c, launch); });
  const std::size_t k = size(c.k), n = size(c.start.back()) * k, sequences = c.start.size() - 1;
  for (std::size_t s = 0; s < sequences; ++s) {
    const PlainChain plain = c.plain(s);
    const std::size_t begin = size(c.start[s]) * k, end = size(c.start[s + 1]) * k;
    Numbers steps(k * k);
    for (std::size_t at = begin; at < end; ++at) {
      ASSERT_NEAR(got[at], plain.state[at - begin], tolerance) << s << ", " << at;
      for (std::size_t i = 0; at >= begin + k && i < k; ++i)  // from state i of the row before to that of this number
        steps[i * k + at % k] +=
            got[n + at - at % k - k + i] * got[2 * n + at] * static_cast<double>(c.transition[i * k + at % k]);
      if (at < begin + k) {
        EXPECT_EQ(got[2 * n + at], 0) << s << ", " << at;
      }
    }
    for (std::size_t i = 0; i < k * k; ++i)
      ASSERT_NEAR(steps[i], plain.transition[i], tolerance * static_cast<double>(end - begin)) << s << ", " << i;
    EXPECT_NEAR(got[3 * n + s], plain.log_total, tolerance * static_cast<double>(end - begin)) << s;
    EXPECT_EQ(got[3 * n + sequences + s], 0) << s;
  }
}

template <class T>
class Sequences : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(Sequences, Scalars);

// More sequences than blocks.
TYPED_TEST(Sequences, ChainsAreThoseOfPlainRecursions) {
  const Launch launch = few_blocks();
  for (const std::int64_t k : {1, 3, 6, 33}) {
    std::vector<std::int64_t> lengths = {1, 2, 40, 3, 5};
    for (int i = 0; k == 1 && i < 70; ++i) lengths.push_back(i % 7 + 1);
    expect_plain(Chain<TypeParam>(k, lengths), launch);
  }
}
// Transitions that are read where they lie.
TYPED_TEST(Sequences, OfMoreStatesThanFitIntoABlock) {
  Launch launch = few_blocks();
  launch.shared_bytes = 8192;
  expect_plain(Chain<TypeParam>(70, {7, 1, 2}), launch);
}
// States are more than the threads, and rows are not read ahead.
TYPED_TEST(Sequences, OfManyStates) { expect_plain(Chain<TypeParam>(260, {3, 1}), few_blocks()); }

// Sequence 0 dies of a row, 1 of a rest of the path that says that something is missing; 2 is sound, and next to them.
TYPED_TEST(Sequences, WhatIsLostIsSaid) {
  using T = TypeParam;
  constexpr T tiny = std::numeric_limits<T>::min() * T(2);
  Chain<T> c(3, {5, 4, 3, 1});
  c.initial = {T(1), T(1), T(0)};
  c.transition = {T(1), T(0), T(0), T(0), T(1), T(0), T(1), T(1), T(1)};
  const auto row = [&](std::int64_t n, T a, T b) {
    c.density[size(n * c.stride)] = a;
    c.density[size(n * c.stride + 1)] = b;
  };
  for (std::int64_t n = 0; n < c.start.back(); ++n) row(n, T(0.5), T(0.5));
  row(1, T(1), T(0));
  row(3, T(0), T(1));  // nothing is left
  row(5, T(1), tiny);
  row(7, tiny, T(1));  // one state's weight is e^100 of the other's and back
  const std::vector<double> got = simt::same_under_every_schedule([&] { return run_chain(c, few_blocks()); });
  const std::size_t n = size(c.start.back()) * 3;
  EXPECT_EQ((std::vector<double>{got.end() - 4, got.end()}), (std::vector<double>{1, 1, 0, 0}));
  for (std::size_t i = 0; i < 9 * 3; ++i) EXPECT_EQ(got[n + i] == 0 && got[2 * n + i] == 0, true) << i;
  for (std::size_t i = 9 * 3; i < n; ++i) EXPECT_TRUE(std::isfinite(got[i])) << i;
  EXPECT_NEAR(got[9 * 3] + got[9 * 3 + 1] + got[9 * 3 + 2], 1, 1e-6);
}

TYPED_TEST(Sequences, DensitiesOfTheirLargest) {
  using T = TypeParam;
  constexpr std::int64_t n = 1100, k = 35, stride = 40;
  std::vector<T> log_density(n * stride, static_cast<T>(std::nan("")));
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < k; ++j)
      log_density[size(i * stride + j)] =
          i % 5 == 4 ? static_cast<T>(kNever)
                     : static_cast<T>(-40 * ((i + 3 * j) % k) - 0.125 * static_cast<double>(i));
  log_density[2 * stride + 7] = static_cast<T>(kNever);
  const std::vector<T> got = simt::same_under_every_schedule([&] {
    const simt::DeviceArray<T> there(log_density), top(n);
    VELBO_LAUNCH(scale_densities<T>, 64, kThreads, 0, nullptr, n, k, stride, there.data(), top.data());
    std::vector<T> out = there.on_host();
    const std::vector<T> tops = top.on_host();
    out.insert(out.end(), tops.begin(), tops.end());
    return out;
  });
  for (std::int64_t i = 0; i < n; ++i) {
    T most = static_cast<T>(kNever);
    for (std::int64_t j = 0; j < k; ++j) most = std::max(most, log_density[size(i * stride + j)]);
    EXPECT_EQ(got[size(n * stride + i)], most) << i;
    for (std::int64_t j = 0; j < k; ++j) {
      const T below = log_density[size(i * stride + j)] - most;
      const double expected = below >= kLeastLog<T> ? std::exp(static_cast<double>(below)) : 0;
      ASSERT_NEAR(got[size(i * stride + j)], expected, expected * 4e-7) << i << ", " << j;
    }
    EXPECT_TRUE(std::isnan(got[size(i * stride + k)]));
  }
}

TYPED_TEST(Sequences, DensitiesOfSymbols) {
  using T = TypeParam;
  constexpr std::int64_t n = 1100, k = 35, stride = 36, v = 4;
  std::vector<std::int32_t> symbol;
  for (std::int64_t i = 0; i < n; ++i) symbol.push_back(static_cast<std::int32_t>(i * i % 7 % v));
  std::vector<T> table;
  for (std::int64_t i = 0; i < v * stride; ++i) table.push_back(static_cast<T>(i) / 256);
  const std::vector<T> top = {1, 2, 3, 4};
  const std::vector<T> got = simt::same_under_every_schedule([&] {
    const simt::DeviceArray<std::int32_t> symbols(symbol);
    const simt::DeviceArray<T> densities(size(n * stride)), tops(size(n)), there(table), table_top(top);
    VELBO_LAUNCH(look_up_densities<T>, 64, kThreads, 0, nullptr, symbols.data(), n, k, stride, there.data(),
                 table_top.data(), densities.data(), tops.data());
    std::vector<T> out = densities.on_host();
    const std::vector<T> more = tops.on_host();
    out.insert(out.end(), more.begin(), more.end());
    return out;
  });
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < k; ++j)
      ASSERT_EQ(got[size(i * stride + j)], table[size(symbol[size(i)] * stride + j)]) << i << ", " << j;
    EXPECT_TRUE(std::isnan(got[size(i * stride + k)]));
    EXPECT_EQ(got[size(n * stride + i)], top[size(symbol[size(i)])]);
  }
}

TYPED_TEST(Sequences, SumsOfListedRows) {
  using T = TypeParam;
  constexpr std::int64_t n = 60, k = 35, first_row = 100;
  ChainRows<T> rows(n, k, nullptr);
  std::vector<T> share(size(n * rows.stride), static_cast<T>(std::nan("")));
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < k; ++j) share[size(i * rows.stride + j)] = static_cast<T>((i * 31 + j * 7) % 64) / 64;
  cudaMemcpyAsync(rows.share.get(), share.data(), share.size() * sizeof(T), cudaMemcpyHostToDevice, nullptr);
  std::vector<std::int64_t> listed;
  for (std::int64_t i = 0; i < n; i += 1 + i % 2) listed.push_back(first_row + i);
  const auto n_listed = static_cast<std::int64_t>(listed.size());
  std::vector<RowList> lists = {{0, 1}, {1, 28}, {28, 28}, {30, n_listed}};
  for (std::int64_t i = 0; i < 66; ++i) lists.push_back({i % 28, i % 28 + 3});
  const std::vector<double> got = simt::same_under_every_schedule([&] {
    const simt::DeviceArray<std::int64_t> there(listed);
    std::vector<double> out(lists.size() * size(k), std::nan(""));
    Launch launch = few_blocks();
    sum_lists(launch, lists, there.data(), first_row, rows, k,
              [&](std::int64_t list, const double* sums) { std::copy_n(sums, k, out.begin() + list * k); });
    return out;
  });
  for (std::size_t l = 0; l < lists.size(); ++l)
    for (std::int64_t j = 0; j < k; ++j) {
      double expected = 0;
      for (std::int64_t i = lists[l].begin; i < lists[l].end; ++i)
        expected += static_cast<double>(share[size((listed[size(i)] - first_row) * rows.stride + j)]);
      EXPECT_DOUBLE_EQ(got[l * size(k) + size(j)], expected) << l << ", " << j;
    }
}

// Numbers or symbols of five sequences, rows 2 to 29 of the data; the last asks for a state that steps do not lead to in T's range.
template <class T>
struct Whole {
  static constexpr std::int64_t k = 3, d = 2, v = 4, n = 30;
  std::vector<std::int64_t> start = {2, 5, 6, 14, 15, 30}, by_symbol, symbol_start{0};
  std::vector<double> log_initial = {-1, -2, -1.5}, constant = {0.5, 0, -0.5}, log_transition, whitening, shift,
                      log_symbol;
  std::vector<T> x;  // [n, kLanes<T>]
  std::vector<std::int32_t> symbol;

  Whole() : x(size(n * kLanes<T>), T(0)) {
    std::mt19937 engine(8);
    const auto number = [&] { return 0.0625 * static_cast<double>(static_cast<int>(engine() % 65) - 32); };
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < d; ++j) x[size(i * kLanes<T> + j)] = static_cast<T>(number());
    for (std::int64_t i = 0; i < n; ++i) symbol.push_back(static_cast<std::int32_t>(i < 15 ? i * i % 3 : i % 4));
    for (int i = 0; i < 9; ++i) log_transition.push_back(number());
    log_transition[2] = log_transition[5] = sizeof(T) == sizeof(float) ? -150 : -1500;
    log_initial[2] = -2000;
    for (int i = 0; i < 12; ++i) whitening.push_back(i % 4 == 1 ? std::nan("") : 1 + number() / 4);
    for (int i = 0; i < 6; ++i) shift.push_back(number());
    // Row 20 is where state 2 has its mean, and is thousands of nats from the others'.
    x[20 * kLanes<T>] = T(200);
    x[20 * kLanes<T> + 1] = T(0);
    shift[4] = -200 * whitening[8];
    shift[5] = -200 * whitening[10];
    for (std::int64_t i = 0; i < k * v; ++i) log_symbol.push_back(number());
    for (std::int64_t i = 0; i < k; ++i)
      log_symbol[size(i * v + 3)] = i == 2 ? 0 : -2000;  // symbol 3: state 2, and no other
    for (std::int32_t of = 0; of < v; ++of) {
      for (std::int64_t i = 0; i < n; ++i)
        if (symbol[size(i)] == of) by_symbol.push_back(i);
      symbol_start.push_back(static_cast<std::int64_t>(by_symbol.size()));
    }
  }
  [[nodiscard]] static std::size_t width(bool symbols) { return symbols ? v : 1 + d + d * (d + 1) / 2; }

  [[nodiscard]] long double log_density(std::int64_t row, std::size_t state, bool symbols) const {
    if (symbols) return log_symbol[state * v + size(symbol[size(row)])];
    long double squares = 0;
    for (std::size_t a = 0; a < d; ++a) {
      long double white = shift[state * d + a];
      for (std::size_t b = 0; b <= a; ++b)
        white += whitening[(state * d + a) * d + b] * static_cast<long double>(x[size(row * kLanes<T>) + b]);
      squares += white * white;
    }
    return constant[state] - squares / 2;
  }
  // Initial, steps, emissions, total.
  [[nodiscard]] Numbers plain(bool symbols) const {
    Numbers out(k * (1 + k + width(symbols)) + 1);
    for (std::size_t s = 0; s + 1 < start.size(); ++s) {
      Numbers emission;
      for (std::int64_t row = start[s]; row < start[s + 1]; ++row)
        for (std::size_t i = 0; i < k; ++i) emission.push_back(log_density(row, i, symbols));
      const PlainChain chain = test::plain_chain({log_initial.begin(), log_initial.end()},
                                                 {log_transition.begin(), log_transition.end()}, emission);
      out.back() += chain.log_total;
      for (std::size_t i = 0; i < k; ++i) out[i] += chain.state[i];
      for (std::size_t i = 0; i < k * k; ++i) out[k + i] += chain.transition[i];
      for (std::size_t at = 0; at < chain.state.size(); ++at) {
        const std::size_t row = size(start[s]) + at / k;
        long double* next = out.data() + k * (1 + k) + at % k * width(symbols);
        if (symbols) {
          next[symbol[row]] += chain.state[at];
          continue;
        }
        const T* const z = x.data() + row * kLanes<T>;
        *next++ += chain.state[at];
        for (std::size_t a = 0; a < d; ++a) *next++ += chain.state[at] * z[a];
        for (std::size_t a = 0; a < d; ++a)
          for (std::size_t b = 0; b <= a; ++b) *next++ += chain.state[at] * z[a] * z[b];
      }
    }
    return out;
  }
  [[nodiscard]] std::vector<double> step(bool symbols, std::int64_t most_rows) const {
    const simt::DeviceArray<T> rows(x);
    const simt::DeviceArray<std::int32_t> symbols_there(symbol);
    const simt::DeviceArray<std::int64_t> by_symbol_there(by_symbol);
    SequenceParameters p;
    p.n_states = k;
    p.log_initial = log_initial.data();
    p.log_transition = log_transition.data();
    p.n_columns = d;
    p.constant = constant.data();
    p.whitening = whitening.data();
    p.shift = shift.data();
    p.n_symbols = v;
    p.log_symbol = log_symbol.data();
    SequenceBatch<T> batch;
    batch.n_sequences = 5;
    batch.start = start.data();
    batch.rows.x = rows.data();
    batch.rows.element = sizeof(T) == sizeof(float) ? Element::float32 : Element::float64;
    batch.rows.stride = kLanes<T>;
    batch.rows.n_features = d;
    batch.rows.n_rows = n;
    if (symbols) {
      batch.symbol = symbols_there.data();
      batch.by_symbol = by_symbol_there.data();
      batch.by_symbol_host = by_symbol.data();
      batch.symbol_start = symbol_start.data();
    }
    Launch launch = few_blocks();
    if (most_rows == 9) launch.shared_bytes = 256;  // transitions where they lie
    std::vector<double> out(k * (1 + k + width(symbols)) + 1, 0.0);
    out.back() = sequence_step(launch, batch, p, {out.data(), out.data() + k, out.data() + k * (1 + k)},
                               most_rows * ChainRows<T>::bytes_of_a_row(k));
    return out;
  }
};

// In slabs of one sequence, of a few, and of all.
TYPED_TEST(Sequences, TheWholeStepIsThatOfPlainSums) {
  const Whole<TypeParam> whole;
  for (const bool symbols : {false, true})
    for (const std::int64_t most_rows : {0, 9, 28}) {
      const Numbers expected = whole.plain(symbols);
      const std::vector<double> found = whole.step(symbols, most_rows);
      for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_NEAR(
            found[i], expected[i],
            (sizeof(TypeParam) == sizeof(float) ? 3e-5 : 1e-12) * (1 + std::abs(static_cast<double>(expected[i]))))
            << i << (symbols ? " of symbols, " : " of numbers, ") << most_rows;
    }
}

}  // namespace
}  // namespace velbo::kernels

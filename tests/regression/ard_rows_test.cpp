// The sums over rows of a regression with automatic relevance determination, in float and double, dense and sparse, on the CPU, on the
// emulator and on a CUDA device (ops/device.h says how), and fits by them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "backend/row_stream.h"
#include "ops/device.h"
#include "regression/ard_sums.h"
#include "support/errors.h"
#include "velbo/ard_regression.h"

namespace velbo {
namespace {

using namespace internal;

struct Data {
  std::int64_t n, d;
  std::vector<double> x, y;
};

// Numbers that float holds, far from zero; a third of them zeros.
Data simulate(std::int64_t n, std::int64_t d) {
  std::mt19937_64 engine(5);
  std::uniform_int_distribution<int> whole(-200, 200);
  Data out{n, d, {}, {}};
  for (std::int64_t i = 0; i < n; ++i) {
    double y = 3;
    for (std::int64_t j = 0; j < d; ++j) {
      out.x.push_back((i + j) % 3 == 0 ? 0 : 0.0625 * whole(engine) + 2);
      y += j % 2 == 0 ? 0.5 * out.x.back() : 0;
    }
    out.y.push_back(y + 0.015625 * whole(engine));
  }
  return out;
}

FeatureMatrix sparse(const Data& data) {
  std::vector<std::int64_t> start = {0};
  std::vector<std::int32_t> column;
  std::vector<double> value;
  for (std::int64_t i = 0; i < data.n; ++i) {
    for (std::int64_t j = 0; j < data.d; ++j) {
      const double v = data.x[static_cast<std::size_t>(i * data.d + j)];
      if (v == 0) continue;
      column.push_back(static_cast<std::int32_t>(j));
      value.push_back(v);
    }
    start.push_back(static_cast<std::int64_t>(column.size()));
  }
  return FeatureMatrix::sparse(data.d, start, column, value);
}

std::vector<double> centre_of(const Data& data) {
  std::vector<double> out(static_cast<std::size_t>(data.d + 1));
  for (std::size_t i = 0; i < data.x.size(); ++i) out[i % static_cast<std::size_t>(data.d)] += data.x[i];
  for (const double y : data.y) out.back() += y;
  for (double& value : out) value /= static_cast<double>(data.n);
  return out;
}

std::vector<double> plain_sums(const Data& data, const std::vector<double>& centre, UnitRange rows) {
  std::vector<long double> sums(static_cast<std::size_t>(2 + data.d + data.d * (data.d + 1) / 2));
  for (std::int64_t n = rows.begin; n < rows.end; ++n) {
    std::vector<long double> x;
    for (std::int64_t j = 0; j < data.d; ++j)
      x.push_back(static_cast<long double>(data.x[static_cast<std::size_t>(n * data.d + j)]) -
                  centre[static_cast<std::size_t>(j)]);
    const long double y = static_cast<long double>(data.y[static_cast<std::size_t>(n)]) - centre.back();
    std::size_t at = 0;
    sums[at++] += 1;
    sums[at++] += y * y;
    for (const long double value : x) sums[at++] += value * y;
    for (std::size_t i = 0; i < x.size(); ++i)
      for (std::size_t j = 0; j <= i; ++j) sums[at++] += x[i] * x[j];
  }
  return {sums.begin(), sums.end()};
}

class ArdRows : public DeviceTest {};

TEST_F(ArdRows, SumsAreThoseOfAPlainLoop) {
  const Data data = simulate(101, 5);
  const std::vector<float> as_float(data.x.begin(), data.x.end());
  const std::vector<double> centre = centre_of(data);
  const Context context = test_context(2);
  for (const FeatureMatrix& x :
       {FeatureMatrix(data.x.data(), data.n, data.d, data.d),
        FeatureMatrix::borrow(MatrixView<const float>{as_float.data(), data.n, data.d, data.d}), sparse(data)})
    for (const Scalar scalar : {Scalar::float64, Scalar::float32}) {
      const auto sums = make_ard_sums(x, data.y, centre, scalar, context);
      for (const UnitRange rows : {UnitRange{0, 101}, UnitRange{0, 40}, UnitRange{37, 101}, UnitRange{50, 51}}) {
        const std::vector<double> expected = plain_sums(data, centre, rows);
        std::vector<double> found(expected.size(), 1.0);  // added to
        sums->add(rows, found);
        const double scale = 1e3 * static_cast<double>(rows.size());  // of the largest product
        for (std::size_t i = 0; i < found.size(); ++i)
          EXPECT_NEAR(found[i] - 1, expected[i], scale * (scalar == Scalar::float64 ? 1e-14 : 4e-7)) << i;
      }
    }
}

ArdFit fit_on(const Data& data, Scalar scalar, std::optional<Device> device, std::int64_t batch_size = 0,
              int threads = 1) {
  ArdOptions options;
  options.relevance_shape = 1.5;  // for which irrelevant columns' relevance has an end
  options.relevance_rate = 0.8;
  options.fit = {.batch_size = batch_size, .device = device, .threads = threads, .scalar = scalar};
  return fit_ard_regression(FeatureMatrix(data.x.data(), data.n, data.d, data.d), data.y, options);
}

TEST_F(ArdRows, FitsAreThoseOfTheCpuInDouble) {
  const Data data = simulate(300, 6);
  const ArdFit expected = fit_on(data, Scalar::automatic, {});
  EXPECT_EQ(expected.run.device, "cpu");
  EXPECT_EQ(expected.run.scalar, "double");
  for (const std::int64_t batch_size : {0, 70})
    for (const Scalar scalar : {Scalar::float64, Scalar::float32}) {
      const ArdFit found = fit_on(data, scalar, test_device(), batch_size);
      const bool is_double = scalar == Scalar::float64;
      EXPECT_EQ(found.run.device, to_string(test_device()));
      EXPECT_EQ(found.run.device_reason, "asked for");
      EXPECT_TRUE(found.run.converged());
      EXPECT_NEAR(found.run.elbo, expected.run.elbo, (is_double ? 1e-9 : 1e-4) * std::abs(expected.run.elbo));
      for (std::size_t j = 0; j < 6; ++j)
        EXPECT_NEAR(found.regression.mean()[j], expected.regression.mean()[j],
                    (is_double ? 1e-4 : 0.05) * expected.regression.sd()[j]);
      const ArdFit again = fit_on(data, scalar, test_device(), batch_size, 3);
      EXPECT_EQ(again.run.elbo_trace, found.run.elbo_trace);
      EXPECT_EQ(again.regression.mean(), found.regression.mean());
    }
}

TEST_F(ArdRows, RowsWithoutRoomAreStreamed) {
  if (!emulated()) GTEST_SKIP() << "the emulator's free memory can be set";
  const Data data = simulate(300, 6);
  const ArdFit expected = fit_on(data, Scalar::float32, test_device());
  setenv("VELBO_EMULATED_FREE", "11999", 1);  // rows of 8 numbers, 80 % of what is free
  stream_sizes() = {.slab_bytes = 4096, .piece_bytes = 1024};
  const ArdFit streamed = fit_on(data, Scalar::float32, test_device(), 70);
  unsetenv("VELBO_EMULATED_FREE");
  stream_sizes() = {};
  EXPECT_EQ(streamed.run.device_reason, "asked for; the rows, which have no room there, are streamed");
  EXPECT_NEAR(streamed.run.elbo, expected.run.elbo, 1e-5 * std::abs(expected.run.elbo));
}

TEST_F(ArdRows, ADeviceThatIsNotThereIsAnError) {
  if (!on_cpu()) GTEST_SKIP() << "there is one";
  const Data data = simulate(10, 2);
  const std::string said = test::error_of([&] { (void)fit_on(data, Scalar::float32, Device{DeviceKind::cuda, 63}); });
  EXPECT_EQ(said.substr(0, 7), "device|") << said;
}

}  // namespace
}  // namespace velbo

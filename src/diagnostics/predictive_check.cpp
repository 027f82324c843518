#include "velbo/predictive_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "cpu/parallel.h"
#include "velbo/context.h"
#include "velbo/error.h"

namespace velbo {
namespace {

constexpr std::int64_t kLeastDraws = 20;  // with fewer, a 90 % interval has no draws outside

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

void check(std::span<const double> draws, std::int64_t n_draws, std::span<const double> y, const Simulator& simulate,
           const PredictiveCheckOptions& options) {
  if (n_draws < kLeastDraws)
    throw Error(ErrorCode::argument, fmt::format("n_draws is {}, expected at least {}", n_draws, kLeastDraws));
  if (!simulate) throw Error(ErrorCode::argument, "the simulator is empty");
  for (const TestStatistic& statistic : options.statistics)
    if (!statistic) throw Error(ErrorCode::argument, "a test statistic is empty");
  if (draws.empty() || draws.size() % size(n_draws) != 0)
    throw Error(ErrorCode::shape, fmt::format("{} numbers are not {} rows of parameters", draws.size(), n_draws));
  if (y.empty()) throw Error(ErrorCode::shape, "y has no elements");
  for (std::size_t n = 0; n < y.size(); ++n)
    if (!std::isfinite(y[n]))
      throw Error(ErrorCode::data, fmt::format("datum {} is {}, expected a finite number", n, y[n]));
}

double quantile(const std::vector<double>& sorted, double probability) {
  const double at = probability * static_cast<double>(sorted.size() - 1);
  const auto below = size(static_cast<std::int64_t>(at));
  const double share = at - static_cast<double>(below);
  const double next = sorted[std::min(below + 1, sorted.size() - 1)];
  return share > 0 ? (1 - share) * sorted[below] + share * next : sorted[below];
}

}  // namespace

PredictiveCheck predictive_check(std::span<const double> draws, std::int64_t n_draws, std::span<const double> y,
                                 const Simulator& simulate, const PredictiveCheckOptions& options) try {
  check(draws, n_draws, y, simulate, options);
  const Context context(Device{}, options.threads);
  const internal::Workers workers(context.threads(), &context.team());
  const std::size_t n = y.size(), width = draws.size() / size(n_draws), n_statistics = options.statistics.size();
  const Key key = make_key(options.seed, Purpose::predict);
  std::vector<double> replicas(size(n_draws) * n), larger(size(n_draws) * n_statistics);
  internal::parallel_for(n_draws, workers, [&](std::int64_t s, int /*worker*/) {
    const std::span<const double> theta = draws.subspan(size(s) * width, width);
    const std::span<double> replica = std::span(replicas).subspan(size(s) * n, n);
    simulate(theta, fold_in(key, static_cast<std::uint64_t>(s)), replica);
    for (std::size_t i = 0; i < n; ++i)
      if (std::isnan(replica[i]))
        throw Error(ErrorCode::data, fmt::format("simulated datum {} of draw {} is not a number", i, s));
    for (std::size_t k = 0; k < n_statistics; ++k) {
      const double of_replica = options.statistics[k](replica, theta), of_data = options.statistics[k](y, theta);
      if (std::isnan(of_replica) || std::isnan(of_data))
        throw Error(ErrorCode::data, fmt::format("test statistic {} is not a number at draw {}", k, s));
      larger[size(s) * n_statistics + k] = of_replica > of_data ? 1 : of_replica == of_data ? 0.5 : 0;
    }
  });

  PredictiveCheck out;
  out.rank.resize(n);
  std::vector<char> in_half(n), in_ninety(n);
  internal::parallel_for(static_cast<std::int64_t>(n), workers, [&](std::int64_t datum, int /*worker*/) {
    const std::size_t i = size(datum);
    std::vector<double> column(size(n_draws));
    for (std::size_t s = 0; s < column.size(); ++s) column[s] = replicas[s * n + i];
    std::sort(column.begin(), column.end());
    const auto [first, last] = std::equal_range(column.begin(), column.end(), y[i]);
    out.rank[i] =
        0.5 * static_cast<double>((first - column.begin()) + (last - column.begin())) / static_cast<double>(n_draws);
    in_half[i] = quantile(column, 0.25) <= y[i] && y[i] <= quantile(column, 0.75);
    in_ninety[i] = quantile(column, 0.05) <= y[i] && y[i] <= quantile(column, 0.95);
  });
  const auto coverage = [&](double probability, const std::vector<char>& in) {
    const auto count = static_cast<double>(n);
    return IntervalCoverage{probability, static_cast<double>(std::count(in.begin(), in.end(), 1)) / count,
                            std::sqrt(probability * (1 - probability) / count)};
  };
  out.half = coverage(0.5, in_half);
  out.ninety = coverage(0.9, in_ninety);
  out.p_values.assign(n_statistics, 0.0);
  for (std::size_t i = 0; i < larger.size(); ++i) out.p_values[i % n_statistics] += larger[i];
  for (double& p : out.p_values) p /= static_cast<double>(n_draws);
  return out;
} catch (const std::bad_alloc&) {
  throw Error(ErrorCode::memory, fmt::format("out of memory: {} simulations of {} data", n_draws, y.size()));
}

}  // namespace velbo

// corrections/resample.cpp - draws of equal weight from weighted ones.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "math/philox.h"
#include "velbo/error.h"
#include "velbo/importance.h"
#include "velbo/random.h"

namespace velbo {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// In (0, 1), of 53 bits.
double uniform(Key key, std::uint64_t i) {
  return (static_cast<double>(internal::hashed(key.value, i, 0) >> 11U) + 0.5) * 0x1p-53;
}

// log w_s + Gumbel noise, sorted downwards, is the order of draws without replacement.
std::vector<std::size_t> without_replacement(const std::vector<double>& log_weights, std::size_t n, Key key) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t s = 0; s < log_weights.size(); ++s)
    if (std::isfinite(log_weights[s])) order.emplace_back(log_weights[s] - std::log(-std::log(uniform(key, s))), s);
  if (n > order.size())
    throw Error(ErrorCode::argument,
                fmt::format("{} draws without replacement were asked for, but only {} have a positive weight", n,
                            order.size()));
  const auto last = order.begin() + static_cast<std::ptrdiff_t>(n);
  std::partial_sort(order.begin(), last, order.end(), [](const auto& a, const auto& b) {
    return a.first > b.first || (a.first == b.first && a.second < b.second);
  });
  std::vector<std::size_t> out;
  for (auto at = order.begin(); at != last; ++at) out.push_back(at->second);
  return out;
}

std::vector<std::size_t> stratified(const std::vector<double>& log_weights, std::size_t n, Key key) {
  std::vector<std::size_t> out;
  std::size_t s = 0, last = 0;
  double below = 0;  // cumulated weights of draws before s
  for (std::size_t i = 0; i < n; ++i) {
    const double wanted = (static_cast<double>(i) + uniform(key, i)) / static_cast<double>(n);
    // Rounding may leave the sum of all below the last stratum's number: then it is the last draw of positive weight.
    for (; s < log_weights.size() && below + std::exp(log_weights[s]) <= wanted; ++s) {
      below += std::exp(log_weights[s]);
      if (std::isfinite(log_weights[s])) last = s;
    }
    out.push_back(s < log_weights.size() ? s : last);
  }
  return out;
}

}  // namespace

std::vector<double> resample(const ImportanceDraws& draws, std::int64_t n, std::uint64_t seed, Resampling method,
                             Unreliable unreliable) {
  if (n < 0) throw Error(ErrorCode::argument, fmt::format("number of draws is {}, expected 0 or more", n));
  if (!draws.reliable && unreliable == Unreliable::refuse)
    throw Error(
        ErrorCode::argument,
        fmt::format("k-hat of the weighted draws is {:.2f}, expected below {:.2f}: resampling would not make them "
                    "draws of the posterior",
                    draws.psis.k_hat, khat_threshold(draws.n_draws)));
  const Key key = make_key(seed, Purpose::resample);
  const std::vector<double>& weights = draws.psis.log_weights;
  const std::vector<std::size_t> chosen = method == Resampling::without_replacement
                                              ? without_replacement(weights, size(n), key)
                                              : stratified(weights, size(n), key);
  const std::size_t width = size(draws.n_parameters);
  std::vector<double> out;
  out.reserve(size(n) * width);
  for (const std::size_t s : chosen) {
    const std::span<const double> row = std::span(draws.draws).subspan(s * width, width);
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

}  // namespace velbo

#include "velbo/loo.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/parallel.h"
#include "velbo/context.h"
#include "velbo/diagnostics.h"
#include "velbo/error.h"

namespace velbo {
namespace {

constexpr double kNone = -std::numeric_limits<double>::infinity();

double log_sum_exp(const std::vector<double>& x) {
  const double largest = *std::max_element(x.begin(), x.end());
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (const double v : x) sum += std::exp(v - largest);
  return largest + std::log(sum);
}

class Pointwise {
 public:
  Pointwise(std::span<const double> log_likelihood, std::int64_t n_draws, std::span<const double> log_ratios)
      : values_(log_likelihood), ratios_(log_ratios), draws_(static_cast<std::size_t>(n_draws)) {
    if (n_draws < 1) throw Error(ErrorCode::argument, fmt::format("n_draws is {}, expected at least 1", n_draws));
    if (values_.empty() || values_.size() % draws_ != 0)
      throw Error(ErrorCode::shape, fmt::format("{} log likelihoods are not a whole number of data at {} draws",
                                                values_.size(), n_draws));
    if (!ratios_.empty() && ratios_.size() != draws_)
      throw Error(ErrorCode::shape, fmt::format("{} log ratios, expected one a draw: {}", ratios_.size(), n_draws));
    data_ = values_.size() / draws_;
    log_weights_.assign(draws_, -std::log(static_cast<double>(draws_)));
    if (!ratios_.empty()) log_weights_ = psis(ratios_).log_weights;
  }

  [[nodiscard]] std::int64_t n_data() const { return static_cast<std::int64_t>(data_); }
  [[nodiscard]] const std::vector<double>& log_weights() const { return log_weights_; }
  [[nodiscard]] double ratio(std::size_t s) const { return ratios_.empty() ? 0 : ratios_[s]; }

  // Of one datum at every draw; 0 where the draw weighs nothing.
  [[nodiscard]] std::vector<double> column(std::int64_t n) const {
    std::vector<double> out(draws_);
    for (std::size_t s = 0; s < draws_; ++s) {
      if (ratio(s) == kNone) continue;
      out[s] = values_[s * data_ + static_cast<std::size_t>(n)];
      if (!std::isfinite(out[s]))
        throw Error(
            ErrorCode::data,
            fmt::format("the log likelihood of datum {} at draw {} is {}, expected a finite number", n, s, out[s]));
    }
    return out;
  }

  // log of the mean density of a datum under the weights: the predictive density of what was seen.
  [[nodiscard]] double log_density(const std::vector<double>& column) const {
    std::vector<double> terms(log_weights_);
    for (std::size_t s = 0; s < draws_; ++s) terms[s] += column[s];
    return log_sum_exp(terms);
  }

 private:
  std::span<const double> values_, ratios_;
  std::size_t draws_, data_ = 0;
  std::vector<double> log_weights_;
};

// `of` gives a datum's elpd and the log density of the datum as seen.
struct Terms {
  double elpd = 0, seen = 0, k_hat = 0;
};
template <class Of>
std::vector<Terms> for_each_datum(const Pointwise& data, int threads, const Of& of) {
  const Context context(Device{}, threads);
  std::vector<Terms> terms(static_cast<std::size_t>(data.n_data()));
  internal::parallel_for(
      data.n_data(), internal::Workers(context.threads(), &context.team()),
      [&](std::int64_t n, int /*worker*/) { terms[static_cast<std::size_t>(n)] = of(data.column(n)); });
  return terms;
}

Elpd summed(const std::vector<Terms>& terms) {
  Elpd out;
  const auto n = static_cast<double>(terms.size());
  for (const Terms& t : terms) {
    out.pointwise.push_back(t.elpd);
    out.elpd += t.elpd;
    out.p += t.seen - t.elpd;
  }
  double squares = 0;
  for (const double v : out.pointwise) squares += (v - out.elpd / n) * (v - out.elpd / n);
  out.se = std::sqrt(squares);
  return out;
}

}  // namespace

Elpd loo(std::span<const double> log_likelihood, std::int64_t n_draws, std::span<const double> log_ratios,
         int threads) {
  const Pointwise data(log_likelihood, n_draws, log_ratios);
  const std::vector<Terms> terms = for_each_datum(data, threads, [&](const std::vector<double>& column) {
    std::vector<double> ratios(column.size());
    for (std::size_t s = 0; s < column.size(); ++s) ratios[s] = data.ratio(s) - column[s];
    PsisResult smoothed = psis(ratios);
    for (std::size_t s = 0; s < column.size(); ++s) smoothed.log_weights[s] += column[s];
    return Terms{log_sum_exp(smoothed.log_weights), data.log_density(column), smoothed.k_hat};
  });
  Elpd out = summed(terms);
  for (const Terms& t : terms) {
    out.k_hat.push_back(t.k_hat);
    if (!(t.k_hat < khat_threshold(n_draws))) ++out.n_high_k;
  }
  return out;
}

Elpd waic(std::span<const double> log_likelihood, std::int64_t n_draws, std::span<const double> log_ratios,
          int threads) {
  const Pointwise data(log_likelihood, n_draws, log_ratios);
  return summed(for_each_datum(data, threads, [&](const std::vector<double>& column) {
    const WeightedMoments moments = weighted_moments(column, data.log_weights());
    const double seen = data.log_density(column);
    return Terms{seen - moments.sd[0] * moments.sd[0], seen, 0};
  }));
}

}  // namespace velbo

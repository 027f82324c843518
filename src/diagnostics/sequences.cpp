// diagnostics/sequences.cpp - split R-hat and the effective number of draws of sequences.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "velbo/diagnostics.h"
#include "velbo/error.h"

namespace velbo {
namespace {

double mean_of(std::span<const double> x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

// The halves of the sequences, with what their autocovariances need.
class Halves {
 public:
  Halves(std::span<const double> sequences, std::size_t n_sequences) {
    const std::size_t length = sequences.size() / n_sequences, half = length / 2;
    for (std::size_t m = 0; m < n_sequences; ++m) {
      const std::span<const double> whole = sequences.subspan(m * length, length);
      halves_.push_back(whole.first(half));
      halves_.push_back(whole.last(half));
    }
    for (const auto& h : halves_) means_.push_back(mean_of(h));
  }
  [[nodiscard]] double count() const { return static_cast<double>(halves_.size()); }
  [[nodiscard]] double length() const { return static_cast<double>(halves_[0].size()); }
  // Mean over the halves of sum_t (x_t - mean)(x_{t + lag} - mean) / length.
  [[nodiscard]] double autocovariance(std::size_t lag) const {
    double sum = 0;
    for (std::size_t h = 0; h < halves_.size(); ++h)
      for (std::size_t t = 0; t + lag < halves_[h].size(); ++t)
        sum += (halves_[h][t] - means_[h]) * (halves_[h][t + lag] - means_[h]);
    return sum / (length() * count());
  }
  // Variance of the halves' means, with divisor count - 1.
  [[nodiscard]] double between() const {
    const double centre = mean_of(means_);
    double sum = 0;
    for (const double m : means_) sum += (m - centre) * (m - centre);
    return sum / (count() - 1);
  }

 private:
  std::vector<std::span<const double>> halves_;
  std::vector<double> means_;
};

// Sums of neighbouring autocorrelations are positive and fall for a reversible chain: what breaks that is noise (Geyer 1992).  Of the
// last pair that was looked at the even lag alone counts, once: that halves the error for sequences of negative correlation.
double integrated_autocorrelation(const Halves& halves, double within, double pooled) {
  const auto rho = [&](std::size_t lag) { return 1 - (within - halves.autocovariance(lag)) / pooled; };
  const auto length = static_cast<std::size_t>(halves.length());
  double even = 1, odd = length > 1 ? rho(1) : 0, counted = 0, pair = std::numeric_limits<double>::infinity();
  for (std::size_t lag = 1; lag + 3 < length && even + odd > 0; lag += 2) {
    pair = std::min(pair, even + odd);
    counted += pair;
    even = rho(lag + 1);
    odd = rho(lag + 2);
  }
  return -1 + 2 * counted + (even > 0 || even + odd >= 0 ? even : 0);
}

}  // namespace

SequenceDiagnostics sequence_diagnostics(std::span<const double> sequences, std::int64_t n_sequences) {
  if (n_sequences < 1 || sequences.size() % static_cast<std::size_t>(n_sequences) != 0 ||
      sequences.size() / static_cast<std::size_t>(n_sequences) < 4)
    throw Error(ErrorCode::shape, std::to_string(sequences.size()) + " numbers are not " + std::to_string(n_sequences) +
                                      " sequences of at least 4 numbers each");
  for (std::size_t i = 0; i < sequences.size(); ++i)
    if (!std::isfinite(sequences[i]))
      throw Error(ErrorCode::data, "number " + std::to_string(i) + " of the sequences is " +
                                       std::to_string(sequences[i]) + ", expected a finite one");
  const Halves halves(sequences, static_cast<std::size_t>(n_sequences));
  const double t = halves.length(), within = halves.autocovariance(0) * t / (t - 1), between = halves.between();
  const double pooled = (t - 1) / t * within + between;
  SequenceDiagnostics out;
  if (pooled == 0) {
    out.r_hat = out.ess = out.mcse = std::numeric_limits<double>::quiet_NaN();
    return out;
  }
  out.r_hat = std::sqrt(pooled / within);
  const double draws = halves.count() * t;
  const double tau = std::max(integrated_autocorrelation(halves, within, pooled), 1 / std::log10(draws));
  out.ess = draws / tau;
  const double centre = mean_of(sequences);
  double squares = 0;
  for (const double v : sequences) squares += (v - centre) * (v - centre);
  out.mcse = std::sqrt(squares / (static_cast<double>(sequences.size()) - 1) / out.ess);
  return out;
}

}  // namespace velbo

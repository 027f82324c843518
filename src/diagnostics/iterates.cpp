// diagnostics/iterates.cpp
#include "diagnostics/iterates.h"

#include <cmath>

namespace velbo::internal {
namespace {

constexpr int kWindows = 5;
constexpr double kShortest = 0.5, kLongest = 0.95;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double variance(const Eigen::Ref<const Eigen::ArrayXd>& x) {
  return (x - x.mean()).square().sum() / static_cast<double>(x.size() - 1);
}

}  // namespace

double split_rhat(const Eigen::Ref<const Eigen::ArrayXd>& series) {
  const Eigen::Index h = series.size() / 2;
  if (h < 2 || !series.allFinite()) return kInfinity;
  const auto second = series.tail(h), first = series.segment(series.size() - 2 * h, h);
  const double within = 0.5 * (variance(first) + variance(second)), shift = first.mean() - second.mean();
  const double between = 0.5 * shift * shift;  // the variance of two means
  if (within == 0) return between == 0 ? 1 : kInfinity;
  return std::sqrt(static_cast<double>(h - 1) / static_cast<double>(h) + between / within);
}

Window best_window(const Eigen::ArrayXXd& series) {
  Window best;
  if (series.rows() < kLeastIterates) return best;
  for (int i = 0; i < kWindows; ++i) {
    const double share = kShortest + (kLongest - kShortest) * i / (kWindows - 1);
    const auto length = static_cast<Eigen::Index>(share * static_cast<double>(series.rows()));
    double worst = 1;
    for (Eigen::Index k = 0; k < series.cols(); ++k) worst = std::max(worst, split_rhat(series.col(k).tail(length)));
    if (best.length == 0 || worst < best.rhat) best = {worst, length};
  }
  return best;
}

Eigen::ArrayXd batch_means_se(const Eigen::ArrayXXd& series) {
  if (series.rows() < 4) return Eigen::ArrayXd::Constant(series.cols(), kInfinity);
  const auto batches = static_cast<Eigen::Index>(std::sqrt(static_cast<double>(series.rows())));
  const Eigen::Index size = series.rows() / batches, first = series.rows() - batches * size;
  Eigen::ArrayXXd means(batches, series.cols());
  for (Eigen::Index b = 0; b < batches; ++b) means.row(b) = series.middleRows(first + b * size, size).colwise().mean();
  const auto n = static_cast<double>(batches);
  return ((means.rowwise() - means.colwise().mean()).square().colwise().sum() / (n - 1) / n).sqrt().transpose();
}

}  // namespace velbo::internal

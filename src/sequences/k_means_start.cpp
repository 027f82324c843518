#include "sequences/k_means_start.h"

#include <algorithm>
#include <limits>

#include "math/philox.h"

namespace velbo::internal {
namespace {

constexpr int kRounds = 10;

// The first index up to which the weights add up to more than `part` of their sum.
Eigen::Index drawn(const Eigen::VectorXd& weight, double part) {
  double left = part * weight.sum();
  for (Eigen::Index i = 0; i < weight.size(); ++i) {
    left -= weight[i];
    if (left < 0) return i;
  }
  return weight.size() - 1;
}

}  // namespace

double uniform_number(Key key, std::uint64_t index) {
  const PhiloxWords words = philox(key.value, index, 0);
  const std::uint64_t bits = (std::uint64_t{words.word[1]} << 32U) | words.word[0];
  return (static_cast<double>(bits >> 12U) + 0.5) * 0x1p-52;
}

RowMajorMatrixXd k_means_shares(const Eigen::MatrixXd& x, std::int64_t n_centres, Key key) {
  const Eigen::Index n = x.cols();
  Eigen::MatrixXd centre(x.rows(), n_centres);
  Eigen::VectorXd nearest = Eigen::VectorXd::Constant(n, std::numeric_limits<double>::infinity());
  std::vector<Eigen::Index> of(static_cast<std::size_t>(n), 0);
  for (std::int64_t k = 0; k < n_centres; ++k) {
    const double part = uniform_number(key, static_cast<std::uint64_t>(k));
    // Where all rows lie on centres, any will do.
    const bool even = k == 0 || !(nearest.sum() > 0);
    centre.col(k) = x.col(drawn(even ? Eigen::VectorXd::Ones(n) : nearest, part));
    nearest = nearest.cwiseMin((x.colwise() - centre.col(k)).colwise().squaredNorm().transpose());
  }
  for (int round = 0; round < kRounds; ++round) {
    Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(x.rows(), n_centres);
    Eigen::VectorXd count = Eigen::VectorXd::Zero(n_centres);
    for (Eigen::Index i = 0; i < n; ++i) {
      Eigen::Index at = 0;
      (centre.colwise() - x.col(i)).colwise().squaredNorm().minCoeff(&at);
      of[static_cast<std::size_t>(i)] = at;
      sum.col(at) += x.col(i);
      count[at] += 1;
    }
    for (Eigen::Index k = 0; k < n_centres; ++k)
      if (count[k] > 0) centre.col(k) = sum.col(k) / count[k];
  }
  RowMajorMatrixXd out = RowMajorMatrixXd::Zero(n, n_centres);
  for (Eigen::Index i = 0; i < n; ++i) out(i, of[static_cast<std::size_t>(i)]) = 1;
  return out;
}

}  // namespace velbo::internal

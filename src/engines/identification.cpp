// engines/identification.cpp
#include "engines/identification.h"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace velbo::internal {
namespace {

// Smallest eigenvalue, relative to a unit diagonal, that is not rounding noise of a curvature summed in double.
constexpr double kNoise = 1e-11;
// A prior that holds 99 % of the curvature along a direction decides.
constexpr double kPriorDecides = 0.01;

}  // namespace

std::string describe_direction(const Eigen::VectorXd& direction, const std::vector<std::string>& names) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(direction.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](Eigen::Index a, Eigen::Index b) { return std::abs(direction[a]) > std::abs(direction[b]); });
  const double largest = direction[order.front()];
  std::string text;
  int shown = 0;
  for (const Eigen::Index i : order) {
    const double c = direction[i] / largest;
    if (std::abs(c) < 0.02) break;
    if (shown == 4) return text + " ...";
    const std::string size = std::abs(std::abs(c) - 1) < 0.005 ? "" : fmt::format("{:.2g} ", std::abs(c));
    text += fmt::format("{}{}{}", shown == 0 ? "" : c < 0 ? " - " : " + ", size, names[static_cast<std::size_t>(i)]);
    ++shown;
  }
  return text;
}

std::string flat_direction(const Eigen::MatrixXd& curvature, const std::vector<std::string>& names) {
  const Eigen::VectorXd scale = curvature.diagonal().unaryExpr([](double c) { return c > 0 ? 1 / std::sqrt(c) : 1.0; });
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(
      Eigen::MatrixXd(scale.asDiagonal() * curvature * scale.asDiagonal()));
  if (!(std::abs(eigen.eigenvalues()[0]) < kNoise)) return {};
  return describe_direction(scale.cwiseProduct(eigen.eigenvectors().col(0)), names);
}

std::vector<std::string> prior_dominated_directions(const Eigen::MatrixXd& curvature,
                                                    const Eigen::VectorXd& prior_curvature,
                                                    const std::vector<std::string>& names) {
  std::vector<std::string> found;
  if (!(prior_curvature.minCoeff() > 0)) return found;  // some flat: flat_direction looks at those
  const Eigen::VectorXd scale = prior_curvature.cwiseSqrt().cwiseInverse();
  // Eigenvalue 1 is the prior's own share.
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(
      Eigen::MatrixXd(scale.asDiagonal() * curvature * scale.asDiagonal()));
  for (Eigen::Index i = 0; i < curvature.rows() && found.size() < 3; ++i)
    if (eigen.eigenvalues()[i] - 1 < kPriorDecides)
      found.push_back(describe_direction(scale.cwiseProduct(eigen.eigenvectors().col(i)), names));
  return found;
}

}  // namespace velbo::internal

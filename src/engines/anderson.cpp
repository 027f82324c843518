// engines/anderson.cpp
#include "engines/anderson.h"

#include <Eigen/QR>

namespace velbo::internal {

void AndersonMixing::restart() {
  x_.clear();
  residual_.clear();
}

Eigen::VectorXd AndersonMixing::propose(const Eigen::VectorXd& x, const Eigen::VectorXd& image) {
  x_.push_back(x);
  residual_.emplace_back(image - x);
  if (static_cast<int>(x_.size()) > window_ + 1) {
    x_.pop_front();
    residual_.pop_front();
  }
  const auto columns = static_cast<Eigen::Index>(x_.size()) - 1;
  if (columns == 0) return image;
  Eigen::MatrixXd steps(x.size(), columns), changes(x.size(), columns);
  for (Eigen::Index k = 0; k < columns; ++k) {
    const auto i = static_cast<std::size_t>(k);
    steps.col(k) = x_[i + 1] - x_[i];
    changes.col(k) = residual_[i + 1] - residual_[i];
  }
  // Rank-revealing: steps that have become parallel must not blow up the coefficients.
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> solver(changes);
  solver.setThreshold(1e-8);
  const Eigen::VectorXd c = solver.solve(residual_.back());
  return image - (steps + changes) * c;
}

Eigen::MatrixXd AndersonMixing::memory() const {
  const auto count = static_cast<Eigen::Index>(x_.size());
  Eigen::MatrixXd out(count == 0 ? 0 : x_.front().size(), 2 * count);
  for (Eigen::Index k = 0; k < count; ++k) {
    out.col(k) = x_[static_cast<std::size_t>(k)];
    out.col(count + k) = residual_[static_cast<std::size_t>(k)];
  }
  return out;
}

void AndersonMixing::set_memory(const Eigen::MatrixXd& memory) {
  restart();
  const Eigen::Index count = memory.cols() / 2;
  for (Eigen::Index k = 0; k < count; ++k) {
    x_.emplace_back(memory.col(k));
    residual_.emplace_back(memory.col(count + k));
  }
}

}  // namespace velbo::internal

// math/matched_normals.cpp
#include "math/matched_normals.h"

#include <Eigen/Cholesky>

#include "math/sobol.h"

namespace velbo::internal {

Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> matched_normals(std::int64_t draws,
                                                                                       std::int64_t dimension, Key key,
                                                                                       std::uint32_t scramble) {
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> eps(draws, dimension);
  SobolNormals(dimension).fill(key, scramble, draws, {eps.data(), static_cast<std::size_t>(eps.size())});
  // Twice, for what rounding leaves of the first time.
  for (int pass = 0; pass < 2; ++pass) {
    const Eigen::RowVectorXd mean = eps.colwise().mean();
    eps.rowwise() -= mean;
    const Eigen::MatrixXd covariance = eps.transpose() * eps / static_cast<double>(draws);
    const Eigen::LLT<Eigen::MatrixXd> cholesky(covariance);
    eps = cholesky.matrixL().solve(eps.transpose()).transpose();
  }
  return eps;
}

}  // namespace velbo::internal

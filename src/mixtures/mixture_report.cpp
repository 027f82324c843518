// mixtures/mixture_report.cpp - a mixture as a page with pictures.
#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/charts.h"
#include "report/html_report.h"
#include "report/run_section.h"
#include "velbo/error.h"
#include "velbo/gaussian_mixture.h"

namespace velbo {
namespace {

using namespace internal;

constexpr std::int64_t kPointsShown = 2000;
constexpr std::size_t kColumnsShown = 12;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// At most kPointsShown rows, evenly spaced: [n, D].
Eigen::MatrixXd some_rows(const FeatureMatrix& x) {
  const std::int64_t n = std::min(kPointsShown, x.n_rows());
  Eigen::MatrixXd out(n, x.n_columns());
  std::vector<double> row(size(x.n_columns()));
  for (std::int64_t i = 0; i < n; ++i) {
    x.row(i * x.n_rows() / n, row);
    out.row(i) = Eigen::RowVectorXd::Map(row.data(), x.n_columns());
  }
  return out;
}

Eigen::MatrixXd covariance_of(const GaussianMixture& mixture, std::size_t k) {
  const auto d = static_cast<Eigen::Index>(mixture.n_features());
  return Eigen::MatrixXd::Map(mixture.covariances().data() + static_cast<Eigen::Index>(k) * d * d, d, d);
}

// Two directions of features in units of their sds, [D, 2]: in which the rows vary most.
struct View {
  Eigen::MatrixXd direction;
  std::string x, y;
};

View leading_components(const GaussianMixture& mixture, const Eigen::MatrixXd& rows) {
  const Eigen::Index d = rows.cols();
  if (d == 2) return {Eigen::MatrixXd::Identity(2, 2), mixture.names()[0], mixture.names()[1]};
  const Eigen::RowVectorXd mean = rows.colwise().mean();
  Eigen::VectorXd sd =
      ((rows.rowwise() - mean).colwise().squaredNorm() / static_cast<double>(rows.rows())).cwiseSqrt().transpose();
  for (double& s : sd) s = s > 0 ? s : 1;
  const Eigen::MatrixXd scaled = (rows.rowwise() - mean) * sd.cwiseInverse().asDiagonal();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(scaled.transpose() * scaled);
  const double total = std::max(solver.eigenvalues().sum(), 1e-300);
  const auto share = [&](Eigen::Index i) { return 100 * solver.eigenvalues()[d - i] / total; };
  return {sd.cwiseInverse().asDiagonal() * solver.eigenvectors().rightCols(2).rowwise().reverse(),
          fmt::format("first principal component ({:.0f} %)", share(1)),
          fmt::format("second principal component ({:.0f} %)", share(2))};
}

std::string plane_of(const GaussianMixture& mixture, const Eigen::MatrixXd& rows,
                     const std::vector<std::int32_t>& label) {
  const View view = leading_components(mixture, rows);
  const Eigen::RowVectorXd centre =
      rows.cols() == 2 ? Eigen::RowVectorXd::Zero(2) : Eigen::RowVectorXd(rows.colwise().mean());
  std::vector<ScatterPoint> points;
  const Eigen::MatrixXd seen = (rows.rowwise() - centre) * view.direction;
  for (Eigen::Index i = 0; i < seen.rows(); ++i)
    points.push_back({seen(i, 0), seen(i, 1), static_cast<std::size_t>(label[static_cast<std::size_t>(i)])});
  std::vector<ScatterEllipse> ellipses;
  for (std::size_t k = 0; k < size(mixture.n_components()); ++k) {
    if (mixture.counts()[k] < 1) continue;  // of less than a row: the prior's, which is no cluster
    const Eigen::RowVectorXd mean =
        (Eigen::RowVectorXd::Map(mixture.means().data() + static_cast<Eigen::Index>(k) * rows.cols(), rows.cols()) -
         centre) *
        view.direction;
    const Eigen::Matrix2d c = view.direction.transpose() * covariance_of(mixture, k) * view.direction;
    ellipses.push_back({mean[0], mean[1], c(0, 0), c(0, 1), c(1, 1), k, std::to_string(k + 1)});
  }
  return scatter_chart(points, ellipses, view.x, view.y);
}

// Of one feature: the predictive density, and where the rows lie.
std::string density_of(const GaussianMixture& mixture, const Eigen::MatrixXd& rows) {
  const double room = 0.1 * (rows.maxCoeff() - rows.minCoeff()) + 1e-12;
  std::vector<double> x;
  constexpr int n = 300;
  for (int i = 0; i <= n; ++i)
    x.push_back(rows.minCoeff() - room + (rows.maxCoeff() - rows.minCoeff() + 2 * room) * i / n);
  std::vector<double> y = mixture.log_density(FeatureMatrix(x.data(), n + 1, 1, 1));
  for (double& v : y) v = std::exp(v);
  return line_chart({{"density", x, y}}, mixture.names()[0], "density");
}

}  // namespace

void write_report(const GaussianMixtureFit& fit, const FeatureMatrix& x, const std::string& path) {
  const GaussianMixture& mixture = fit.posterior;
  if (x.n_columns() != mixture.n_features())
    throw Error(ErrorCode::shape, fmt::format("x has {} columns, the mixture {}", x.n_columns(), mixture.n_features()));
  HtmlReport report(fmt::format("Gaussian mixture of {} components", mixture.n_components()));
  add_run(fit.run, report);

  report.heading("Components");
  const std::size_t d = size(mixture.n_features()), shown = std::min(d, kColumnsShown);
  std::vector<std::string> header = {"", "weight", "rows"};
  for (std::size_t j = 0; j < shown; ++j) {
    header.push_back(mixture.names()[j]);
    header.emplace_back("sd");
  }
  std::vector<std::vector<std::string>> rows;
  for (std::size_t k = 0; k < size(mixture.n_components()); ++k) {
    rows.push_back({fmt::format("component {}", k + 1), fmt::format("{:.4f}", mixture.weights()[k]),
                    fmt::format("{:.1f}", mixture.counts()[k])});
    for (std::size_t j = 0; j < shown; ++j) {
      rows.back().push_back(fmt::format("{:.4g}", mixture.means()[k * d + j]));
      rows.back().push_back(fmt::format("{:.3g}", std::sqrt(mixture.covariances()[(k * d + j) * d + j])));
    }
  }
  report.table(header, rows);
  if (shown < d) report.paragraph(fmt::format("The first {} of {} features.", shown, d));

  report.heading("Rows and components");
  if (x.n_rows() > 0) {
    const Eigen::MatrixXd some = some_rows(x);
    if (d == 1) {
      report.figure(density_of(mixture, some), "Posterior predictive density");
    } else {
      const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> row_major = some;
      const std::vector<std::int32_t> label =
          mixture.labels(FeatureMatrix(row_major.data(), some.rows(), some.cols(), some.cols()));
      report.figure(
          plane_of(mixture, some, label),
          fmt::format("{} rows in the colour of their likeliest component; ellipses hold 50 % and 90 % of each",
                      some.rows()));
    }
  }
  report.save(path);
}

}  // namespace velbo

// support/posteriordb_regressions.cpp
#include "support/posteriordb_regressions.h"

#include <Eigen/QR>
#include <cmath>

#include "support/json_case.h"
#include "velbo/distributions.h"
#include "velbo/functions.h"
#include "velbo/matrix_functions.h"

namespace velbo::test {
namespace {

// y ~ Normal(X beta, sigma) through X = Q R:  |y - X beta|^2 = |Q'y - R beta|^2 + what no beta explains, so that the density
// costs K^2 operations whatever the rows, and loses no digits where columns are nearly collinear.
struct Regression {
  Regression(const Eigen::MatrixXd& x, const Eigen::VectorXd& y) : n_(x.rows()), k_(x.cols()) {
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(x);
    const Eigen::VectorXd rotated = qr.householderQ().transpose() * y;
    const Eigen::MatrixXd r = qr.matrixQR().topRows(k_).triangularView<Eigen::Upper>();
    for (Eigen::Index i = 0; i < k_; ++i)
      for (Eigen::Index j = i; j < k_; ++j) r_.push_back(r(i, j));
    target_.assign(rotated.data(), rotated.data() + k_);
    unexplained_ = rotated.tail(n_ - k_).squaredNorm();
  }

  template <class T>
  T operator()(const T* beta, const T& sigma) const {
    T squares = unexplained_;
    const double* r = r_.data();
    for (Eigen::Index i = 0; i < k_; r += k_ - i, ++i)
      squares += square(target_[static_cast<std::size_t>(i)] - dot(r, beta + i, k_ - i));
    return -0.5 * squares / square(sigma) - static_cast<double>(n_) * (log(sigma) + 0.5 * std::log(2 * M_PI));
  }

 private:
  Eigen::Index n_, k_;
  Doubles r_, target_;
  double unexplained_ = 0;
};

Eigen::MatrixXd columns(const std::vector<Eigen::VectorXd>& values) {
  Eigen::MatrixXd out(values.front().size(), static_cast<Eigen::Index>(values.size()));
  for (std::size_t j = 0; j < values.size(); ++j) out.col(static_cast<Eigen::Index>(j)) = values[j];
  return out;
}

Eigen::VectorXd column(const nlohmann::json& data, const char* name) {
  const Doubles values = doubles(data.at(name));
  return Eigen::VectorXd::Map(values.data(), static_cast<Eigen::Index>(values.size()));
}

// beta flat; sigma flat (0) or half-Cauchy.
struct FlatRegression {
  Regression likelihood;
  std::int64_t k;
  double cauchy_scale;

  template <class T>
  T operator()(const T* theta) const {
    const T& sigma = theta[k];
    T sum = likelihood(theta, sigma);
    if (cauchy_scale > 0) sum += cauchy_lpdf(sigma, 0, cauchy_scale);
    return sum;
  }
};

Model flat_regression(const std::string& name, const std::vector<Eigen::VectorXd>& x, const Eigen::VectorXd& y,
                      double cauchy_scale) {
  const auto k = static_cast<std::int64_t>(x.size());
  return {{real("beta", {k}), positive("sigma")}, FlatRegression{{columns(x), y}, k, cauchy_scale}, name};
}

struct SimulatedRegression {
  Regression likelihood;
  std::int64_t k;

  template <class T>
  T operator()(const T* theta) const {
    const T& sigma = theta[k];
    T sum = likelihood(theta, sigma) + normal_lpdf(sigma, 0, 10);
    for (std::int64_t j = 0; j < k; ++j) sum += normal_lpdf(theta[j], 0, 10);
    return sum;
  }
};

struct Kilpisjarvi {
  Regression likelihood;
  double mean_alpha, sd_alpha, mean_beta, sd_beta;

  template <class T>
  T operator()(const T* theta) const {  // alpha, beta, sigma
    return likelihood(theta, theta[2]) + normal_lpdf(theta[0], mean_alpha, sd_alpha) +
           normal_lpdf(theta[1], mean_beta, sd_beta);
  }
};

struct Diamonds {
  Regression likelihood;  // slopes first, the intercept last

  template <class T>
  T operator()(const T* theta) const {
    const T &intercept = theta[24], &sigma = theta[25];
    T sum = likelihood(theta, sigma) + student_t_lpdf(intercept, 3, 8, 10) + half_student_t_lpdf(sigma, 3, 10);
    for (int j = 0; j < 24; ++j) sum += std_normal_lpdf(theta[j]);
    return sum;
  }
};

struct Autoregression {
  Regression likelihood;

  template <class T>
  T operator()(const T* theta) const {  // alpha, beta[1..5], sigma
    const T& sigma = theta[6];
    T sum = likelihood(theta, sigma) + cauchy_lpdf(sigma, 0, 2.5);
    for (int j = 0; j < 6; ++j) sum += normal_lpdf(theta[j], 0, 10);
    return sum;
  }
};

}  // namespace

Model autoregression(const std::string& name, const nlohmann::json& data) {
  const Eigen::VectorXd y = column(data, "y");
  const Eigen::Index k = 5, rows = y.size() - k;
  std::vector<Eigen::VectorXd> x = {Eigen::VectorXd::Ones(rows)};
  for (Eigen::Index lag = 1; lag <= k; ++lag) x.emplace_back(y.segment(k - lag, rows));
  return {{real("alpha"), real("beta", {k}), positive("sigma")}, Autoregression{{columns(x), y.tail(rows)}}, name};
}

Model kidiq(const std::string& name, const nlohmann::json& data) {
  const Eigen::VectorXd hs = column(data, "mom_hs"), iq = column(data, "mom_iq"),
                        one = Eigen::VectorXd::Ones(hs.size());
  std::vector<Eigen::VectorXd> x = {one, hs, iq};
  if (name == "kidiq-kidscore_interaction") x.emplace_back(hs.cwiseProduct(iq));
  return flat_regression(name, x, column(data, "kid_score"), 2.5);
}

Model earnings(const std::string& name, const nlohmann::json& data) {
  const Eigen::VectorXd height = column(data, "height"), male = column(data, "male"),
                        one = Eigen::VectorXd::Ones(male.size());
  std::vector<Eigen::VectorXd> x = {one, height, male};
  if (name == "earnings-logearn_interaction") x.emplace_back(height.cwiseProduct(male));
  return flat_regression(name, x, column(data, "earn").array().log(), 0);
}

Model mesquite(const std::string& name, const nlohmann::json& data) {
  const Eigen::VectorXd d1 = column(data, "diam1"), d2 = column(data, "diam2"), canopy = column(data, "canopy_height"),
                        total = column(data, "total_height"), group = column(data, "group"),
                        weight = column(data, "weight"), one = Eigen::VectorXd::Ones(d1.size());
  if (name == "mesquite-mesquite")
    return flat_regression(name, {one, d1, d2, canopy, total, column(data, "density"), group}, weight, 0);
  const auto log_of = [](const Eigen::ArrayXd& v) { return Eigen::VectorXd(v.log()); };
  return flat_regression(name,
                         {one, log_of(d1.array() * d2.array() * canopy.array()), log_of(d1.array() * d2.array()),
                          log_of(d1.array() / d2.array()), log_of(total), group},
                         log_of(weight), 0);
}

Model nes(const std::string& name, const nlohmann::json& data) {
  const Eigen::VectorXd age = column(data, "age_discrete");
  const auto age_is = [&](double level) { return Eigen::VectorXd((age.array() == level).cast<double>()); };
  return flat_regression(
      name,
      {Eigen::VectorXd::Ones(age.size()), column(data, "real_ideo"), column(data, "race_adj"), age_is(2), age_is(3),
       age_is(4), column(data, "educ1"), column(data, "gender"), column(data, "income")},
      column(data, "partyid7"), 0);
}

Model diamonds(const std::string& name, const nlohmann::json& data) {
  const Eigen::MatrixXd all = matrix_of(data.at("X"));
  Eigen::MatrixXd x = Eigen::MatrixXd::Ones(all.rows(), all.cols());
  x.leftCols(all.cols() - 1) = all.rightCols(all.cols() - 1).rowwise() - all.rightCols(all.cols() - 1).colwise().mean();
  return {{real("b", {24}), real("Intercept"), positive("sigma")}, Diamonds{{x, column(data, "Y")}}, name};
}

Model simulated(const std::string& name, const nlohmann::json& data) {
  const Eigen::MatrixXd x = matrix_of(data.at("X"));
  return {{real("beta", {x.cols()}), positive("sigma")}, SimulatedRegression{{x, column(data, "y")}, x.cols()}, name};
}

Model kilpisjarvi(const std::string& name, const nlohmann::json& data) {
  const Eigen::VectorXd x = column(data, "x");
  return {{real("alpha"), real("beta"), positive("sigma")},
          Kilpisjarvi{{columns({Eigen::VectorXd::Ones(x.size()), x}), column(data, "y")},
                      data.at("pmualpha"),
                      data.at("psalpha"),
                      data.at("pmubeta"),
                      data.at("psbeta")},
          name};
}

}  // namespace velbo::test

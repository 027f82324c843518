// corrections/linear_response.cpp
#include "corrections/linear_response.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <bit>
#include <cmath>
#include <new>

#include "corrections/importance.h"
#include "math/matched_normals.h"
#include "objectives/draws.h"
#include "posterior/latent_draws.h"
#include "posterior/posterior_state.h"
#include "velbo/diagnostics.h"
#include "velbo/error.h"

namespace velbo {
namespace internal {
namespace {

// Step of the central differences in q's sds.  Their error is h^2 / 6 third derivatives of the gradient, which are small where q's
// sds are a hundredth of the posterior's and the Hessian is nearly singular; rounding's is 1e-16 gradient / h.
constexpr double kStep = 1e-3;
constexpr double kLargestDisagreement = 0.1;

struct Evaluation {
  Eigen::VectorXd value;
  RowMajorMatrix gradient;
  [[nodiscard]] bool is_finite() const { return value.allFinite() && gradient.allFinite(); }
};

Evaluation evaluate(ModelDensity& density, const RowMajorMatrix& z) {
  Evaluation out{Eigen::VectorXd(z.rows()), RowMajorMatrix(z.rows(), z.cols())};
  density.evaluate(z.rows(), z.data(), out.value.data(), out.gradient.data());
  return out;
}

// The sds that importance sampling from q, the Gaussian with the covariance, finds too.
void confirm(ModelDensity& density, const GaussianPoint& q, std::int64_t draws, Key key, const Context& context,
             LinearResponse& out) {
  const RowMajorMatrix eps = DrawNoise(context, q, draws, DrawKind::iid, key).at(0);
  const RowMajorMatrix z = draws_of(q, eps);
  Eigen::VectorXd log_weights = density.log_joint(q, z, 0, {}).value;
  log_weights += 0.5 * eps.rowwise().squaredNorm();  // a constant is left out
  if (log_weights.maxCoeff() == -std::numeric_limits<double>::infinity()) {
    out.message = "the log density is finite at none of the draws of its Gaussian";
    return;
  }
  const PsisResult weights = psis({log_weights.data(), static_cast<std::size_t>(draws)});
  out.k_hat = weights.k_hat;
  out.ess = weights.ess;
  out.reliable = weights_are_reliable(weights, draws);
  if (!out.reliable) {
    out.message =
        fmt::format("k-hat of its Gaussian is {:.2f}, expected below {:.2f}", weights.k_hat, khat_threshold(draws));
    return;
  }
  const Parameters& parameters = density.model().parameters();
  const auto d = static_cast<std::size_t>(z.cols()), n = out.sd.size();
  std::vector<double> theta(static_cast<std::size_t>(draws) * n);
  for (Eigen::Index s = 0; s < z.rows(); ++s)
    parameters.constrain({z.row(s).data(), d}, std::span(theta).subspan(static_cast<std::size_t>(s) * n, n));
  const std::vector<double> found = weighted_moments(theta, weights.log_weights).sd, own = out.posterior->sd();
  std::vector<std::string> doubted;
  for (std::size_t i = 0; i < n; ++i) {
    if (std::abs(std::log(own[i] / found[i])) < kLargestDisagreement) {
      out.sd[i] = own[i];
    } else {
      doubted.push_back(out.posterior->names()[i]);
    }
  }
  if (!doubted.empty())
    out.message = fmt::format("importance sampling finds another sd of {}{}", doubted[0],
                              doubted.size() > 1 ? fmt::format(" and {} more", doubted.size() - 1) : "");
}

}  // namespace

std::int64_t default_response_draws(std::int64_t dimension) {
  return static_cast<std::int64_t>(
      std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(64, 2 * dimension))));
}

// Whitened by q's sds s: u = mean / s and w = log s, z = s (u + eps).  With K_s the log density's Hessian at draw s in units of s,
//   H_uu = -mean K,  H_uw = -mean K diag(eps),  H_ww = -mean diag(eps) K diag(eps) - diag(mean s g eps),
// so that D differences of all draws' gradients give the three.
Eigen::MatrixXd response_covariance(ModelDensity& density, const GaussianPoint& mean_field, std::int64_t draws, Key key,
                                    std::string& problem) {
  const Eigen::Index d = mean_field.dimension();
  const Eigen::VectorXd sd = mean_field.factor.col(0);
  const RowMajorMatrix eps = matched_normals(draws, d, key, 0);
  RowMajorMatrix z = draws_of(mean_field, eps);
  const double share = 1 / static_cast<double>(draws);
  problem = "the log density is not finite at some of the fixed draws";
  const Evaluation centre = evaluate(density, z);
  if (!centre.is_finite()) return {};
  Eigen::MatrixXd means(d, d), mixed(d, d), log_sds(d, d);
  for (Eigen::Index j = 0; j < d; ++j) {
    const double step = kStep * sd[j];
    const Eigen::VectorXd here = z.col(j);
    z.col(j) = here.array() + step;
    const Evaluation above = evaluate(density, z);
    z.col(j) = here.array() - step;
    const Evaluation below = evaluate(density, z);
    z.col(j) = here;
    if (!above.is_finite() || !below.is_finite()) return {};
    // Column j of -K_s, a row a draw.
    const RowMajorMatrix column = (below.gradient - above.gradient) * (0.5 / kStep) * sd.asDiagonal();
    means.col(j) = share * column.colwise().sum().transpose();
    mixed.col(j) = share * column.transpose() * eps.col(j);
    log_sds.col(j) = share * eps.cwiseProduct(column).transpose() * eps.col(j);
  }
  log_sds.diagonal() -= share * centre.gradient.cwiseProduct(eps).colwise().sum().transpose().cwiseProduct(sd);
  problem = "the ELBO is not concave at the posterior, which is not its optimum or far from Gaussian";
  const Eigen::LLT<Eigen::MatrixXd> inner(0.5 * (log_sds + log_sds.transpose()));
  if (inner.info() != Eigen::Success) return {};
  const Eigen::MatrixXd schur = 0.5 * (means + means.transpose()) - mixed * inner.solve(mixed.transpose());
  const Eigen::LLT<Eigen::MatrixXd> outer(schur);
  if (outer.info() != Eigen::Success) return {};
  problem.clear();
  const Eigen::MatrixXd whitened = outer.solve(Eigen::MatrixXd::Identity(d, d));
  return sd.asDiagonal() * (0.5 * (whitened + whitened.transpose())) * sd.asDiagonal();
}

LinearResponse linear_response(ModelDensity& density, const Posterior& posterior, std::int64_t draws,
                               std::int64_t check_draws, Key key, const Context& context) {
  LinearResponse out;
  const PosteriorState& state = posterior.state();
  const auto d = static_cast<Eigen::Index>(state.mean.size());
  const Eigen::VectorXd mean = Eigen::VectorXd::Map(state.mean.data(), d);
  const GaussianPoint mean_field{FamilyKind::mean_field, mean,
                                 Eigen::MatrixXd(Eigen::VectorXd::Map(state.scale.data(), d))};
  out.sd.assign(posterior.names().size(), std::numeric_limits<double>::quiet_NaN());
  const Eigen::MatrixXd covariance = response_covariance(density, mean_field, draws, fold_in(key, 1), out.message);
  if (covariance.size() == 0) return out;
  const Eigen::LLT<Eigen::MatrixXd> cholesky(covariance);
  if (cholesky.info() != Eigen::Success) {
    out.message = "the covariance is singular up to rounding";
    return out;
  }
  const GaussianPoint q{FamilyKind::full_rank, mean, Eigen::MatrixXd(cholesky.matrixL())};
  out.covariance = row_major(covariance);
  out.posterior.emplace(std::make_shared<const PosteriorState>(PosteriorState{
      state.recipe, GaussianFamily(FamilyKind::full_rank, d), state.mean, row_major(q.factor), state.model}));
  confirm(density, q, check_draws, fold_in(key, 2), context, out);
  return out;
}

}  // namespace internal

namespace {

void check(const Model& model, const Posterior& posterior, const LinearResponseOptions& options) {
  const auto refuse = [](const std::string& message) { throw Error(ErrorCode::argument, message); };
  internal::require_parameters_of(model, posterior, "the posterior");
  if (posterior.family() != FamilyKind::mean_field)
    refuse(fmt::format("the posterior's family is {}, expected mean_field: the others have correlations of their own",
                       name(posterior.family())));
  if (options.draws != 0 && options.draws <= model.n_latents())
    refuse(fmt::format("draws is {}, expected more than the {} latents, or 0", options.draws, model.n_latents()));
  if (options.check_draws < 100) refuse(fmt::format("check_draws is {}, expected at least 100", options.check_draws));
}

}  // namespace

LinearResponse linear_response(const Model& model, const Posterior& posterior,
                               const LinearResponseOptions& options) try {
  check(model, posterior, options);
  const Context context(Device{}, options.threads);
  internal::ModelDensity density(model, context);
  const std::int64_t draws = options.draws > 0 ? options.draws : internal::default_response_draws(model.n_latents());
  return internal::linear_response(density, posterior, draws, options.check_draws,
                                   make_key(options.seed, Purpose::diagnose), context);
} catch (const std::bad_alloc&) {
  throw Error(ErrorCode::memory, fmt::format("out of memory: linear response of {} latents", model.n_latents()));
}

}  // namespace velbo

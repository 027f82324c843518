// fit/diagnosis.cpp
#include "fit/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/ops.h"
#include "corrections/importance.h"
#include "families/low_rank.h"
#include "velbo/diagnostics.h"

namespace velbo::internal {
namespace {

// Floating-point operations that a diagnosis may take: some tenths of a second on one core.
constexpr double kOperations = 3e9;
constexpr double kMostDraws = 100000, kLeastDraws = 4000;
constexpr double kDrawElements = 2e7;  // 160 MB of draws
// Beyond this many latents the difference estimator's dense expansion costs more than fewer draws on all rows.
constexpr double kExpansionLatents = 1000, kLeastDrawsBeyond = 200;

// Verdicts: below kGood the correction is small; up to the threshold (and within its error) importance sampling repairs.
constexpr double kGoodKHat = 0.5;
constexpr double kGoodError = 0.1, kUsableError = 0.5;  // posterior sds

std::int64_t affordable_draws(double rows, double dimension) {
  const double a_draw = rows * (2 * dimension + 40) + 4 * dimension * dimension;
  const double most = std::min(kMostDraws, kDrawElements / dimension);
  const double least = dimension > kExpansionLatents ? kLeastDrawsBeyond : kLeastDraws;
  return static_cast<std::int64_t>(std::clamp(kOperations / a_draw, std::min(least, most), most));
}

}  // namespace

Diagnosis diagnose(LogJointOracle& oracle, const GaussianPoint& point, const Constrain& constrain,
                   const Context& context, std::int64_t wanted_draws, Key key) {
  const Eigen::Index d = point.dimension();
  Diagnosis out;
  out.n_draws =
      wanted_draws > 0 ? wanted_draws : affordable_draws(static_cast<double>(oracle.n_rows()), static_cast<double>(d));
  RowMajorMatrix draws(out.n_draws, d + point.rank());  // eps at first
  cpu_ops_double().normals(context, key, 0, 0, out.n_draws, draws.cols(), draws.data());
  const double constant = 0.5 * static_cast<double>(d) - point.entropy();  // -D/2 log 2 pi - log |Sigma| / 2
  Eigen::VectorXd log_q = constant - 0.5 * draws.rowwise().squaredNorm().array();
  if (point.family == FamilyKind::full_rank) {
    draws = draws * point.factor.triangularView<Eigen::Lower>().transpose();
  } else if (point.rank() == 0) {
    draws = draws * point.factor.col(0).asDiagonal();
  } else {
    const RowMajorMatrix z = draws.leftCols(d) * point.factor.col(0).asDiagonal() +
                             draws.rightCols(point.rank()) * point.factor.rightCols(point.rank()).transpose();
    const LowRankInverse inverse(point.factor.col(0), point.factor.rightCols(point.rank()));
    log_q = constant - 0.5 * z.cwiseProduct(inverse.times(z.transpose()).transpose()).rowwise().sum().array();
    draws = z;
  }
  draws.rowwise() += point.mean.transpose();
  const double row_draws = static_cast<double>(d) > kExpansionLatents ? std::numeric_limits<double>::infinity()
                                                                      : kOperations / static_cast<double>(2 * d + 40);
  const LogJointDraws log_p = oracle.log_joint(point, draws, row_draws, fold_in(key, 1));
  out.method = log_p.method;
  Eigen::VectorXd log_weights = log_p.value - log_q;
  // A draw so far out that its density overflows has weight zero.
  for (double& w : log_weights)
    if (std::isnan(w)) w = -std::numeric_limits<double>::infinity();
  const PsisResult psis_result = psis({log_weights.data(), static_cast<std::size_t>(log_weights.size())});
  out.k_hat = psis_result.k_hat;
  out.k_hat_se = psis_result.k_hat_se;
  out.ess = psis_result.ess;
  out.log_evidence = psis_result.log_mean_weight;
  if (weights_are_reliable(psis_result, out.n_draws)) {
    const RowMajorMatrix theta = constrain(draws);
    const WeightedMoments moments =
        weighted_moments({theta.data(), static_cast<std::size_t>(theta.size())}, psis_result.log_weights);
    out.corrected_mean = moments.mean;
    out.corrected_sd = moments.sd;
  }
  return out;
}

void judge(Summary& summary) {
  Summary::Quality& quality = summary.quality;
  const Status status = summary.fit.status;
  const bool stopped_early = status != Status::converged;
  const double threshold = khat_threshold(quality.n_draws);
  const bool even = weights_are_even(quality.ess, quality.n_draws);
  const bool k_good = even || quality.k_hat < kGoodKHat;
  const bool k_usable = even || quality.k_hat - quality.k_hat_se < threshold;  // false for NaN
  if (status == Status::diverged || !(quality.error_sd <= kUsableError) || !k_usable) {
    quality.verdict = Verdict::unreliable;
  } else {
    quality.verdict = k_good && quality.error_sd <= kGoodError && !stopped_early ? Verdict::good : Verdict::usable;
  }
  std::vector<std::string> advice;
  if (status == Status::diverged) {
    advice.emplace_back("nothing here can be used: see the message");
  } else {
    if (stopped_early)
      advice.push_back(fmt::format("the fit stopped before it converged ({}): {}", name(status),
                                   status == Status::interrupted ? "run it to the end, or start from this one"
                                                                 : "allow more, or start from this fit"));
    if (std::isnan(quality.k_hat)) {
      advice.emplace_back("there was no time to check the answer: allow more");
    } else if (!k_good && summary.fit.family.starts_with(name(FamilyKind::low_rank))) {
      advice.emplace_back(
          "a low-rank family leaves some correlations out: give it a higher rank, or fit the full_rank family");
    } else if (!k_good && std::ranges::any_of(summary.parameters, [](const ParameterSummary& p) {
                 return std::isfinite(p.linear_response_sd);
               })) {
      advice.emplace_back(
          "a mean-field family ignores correlations, so its sds are too small: take the linear-response sds, where an "
          "independent check confirms them, or fit the full_rank family (the means may be right all the same)");
    } else if (!k_good && summary.fit.family == name(FamilyKind::mean_field)) {
      advice.emplace_back(
          "a mean-field family ignores correlations, so its sds are too small: fit the full_rank family "
          "(the means may be right all the same)");
    } else if (!k_usable) {
      advice.emplace_back(
          "a Gaussian does not fit this posterior: transform the predictors or the outcome, give "
          "tighter priors, or use another method for this model");
    } else if (!k_good) {
      advice.emplace_back(summary.parameters.empty() || std::isnan(summary.parameters[0].corrected_mean)
                              ? "the posterior is not quite Gaussian: treat tails with care"
                              : "the posterior is not quite Gaussian: prefer the importance-corrected moments");
    }
  }
  quality.advice = fmt::format("{}", fmt::join(advice, "; "));
}

}  // namespace velbo::internal

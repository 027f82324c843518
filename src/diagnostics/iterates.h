// diagnostics/iterates.h - have the iterates of a stochastic optimiser come to rest, and how well do they know their mean?
//
// With a constant learning rate the iterates of stochastic gradient ascent are, after a while, a stationary Markov chain around the
// optimum (Dieuleveut, Durmus and Bach 2020), to which the diagnostics of such chains apply (Dhaka et al. 2020; Welandawe, Andersen,
// Vehtari and Huggins 2022).  A series is [n] or [n, K]: n iterates in order, K numbers of each.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <limits>

namespace velbo::internal {

// The potential scale reduction of the two halves of a series (Gelman and Rubin 1992; split: Vehtari et al. 2021, equations 1 to 4):
//   sqrt(((h - 1) / h W + B / h) / W),   halves of h iterates, W the mean of their variances, B / h the variance of their means.
// About 1 where the halves are draws of one distribution, larger while the series still moves.  The first of an odd number is left
// out.  1 for a constant series; infinite for two different constants, for fewer than 4 iterates, or where one is not finite.
double split_rhat(const Eigen::Ref<const Eigen::ArrayXd>& series);

struct Window {
  double rhat = std::numeric_limits<double>::quiet_NaN();
  std::int64_t length = 0;  // of the last iterates
};

// The window at the end of the series with the smallest R-hat, the largest of its K numbers': of five windows from a half to 95 % of
// the iterates (Welandawe et al. 2022 look through five as well).  NaN and 0 below kLeastIterates.
constexpr std::int64_t kLeastIterates = 20;
Window best_window(const Eigen::ArrayXXd& series);

// The Monte Carlo standard error of each of the K means, which allows for the iterates' dependence, by floor(sqrt(n)) batches (Flegal,
// Haran and Jones 2008).  Infinite below 4 iterates.
Eigen::ArrayXd batch_means_se(const Eigen::ArrayXXd& series);

}  // namespace velbo::internal

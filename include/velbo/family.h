// velbo/family.h - variational families: stateless maps over one flat vector of parameters, lambda.
//
//   mean field  z = mu + exp(omega) * eps          lambda = [mu (D), omega (D)],               P = 2 D
//   full rank   z = mu + L eps, L lower triangular lambda = [mu (D), rows of L (D (D+1) / 2)], P = D + D (D+1) / 2
//               the diagonal of L is stored as its logarithm, so that every lambda is a valid distribution
//   low rank    z = mu + exp(omega) * eps_1 + B eps_2, B [D, R]; lambda = [mu (D), omega (D), rows of B (D R)], P = D (2 + R)
//               (a factor-analytic covariance: Ong, Nott and Smith 2018)
//
// Host memory, double; Kingma and Welling 2014, Kucukelbir et al. 2017 (section 2.2).
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "velbo/export.h"

namespace velbo {

enum class FamilyKind { automatic, mean_field, full_rank, low_rank };
VELBO_EXPORT std::string_view name(FamilyKind kind) noexcept;
// Throws Error(argument) listing the names there are.
VELBO_EXPORT FamilyKind parse_family(std::string_view text);

// A Gaussian family over D latents.  Every function throws Error(shape) when a span has another length than it says.
class VELBO_EXPORT GaussianFamily {
 public:
  // dimension D >= 1; rank R: 1 .. D for low_rank, 0 for the others.  Throws Error(argument).
  GaussianFamily(FamilyKind kind, std::int64_t dimension, std::int64_t rank = 0);

  [[nodiscard]] FamilyKind kind() const noexcept { return kind_; }
  [[nodiscard]] std::int64_t dimension() const noexcept { return dimension_; }
  [[nodiscard]] std::int64_t rank() const noexcept { return rank_; }
  [[nodiscard]] std::int64_t n_params() const noexcept;
  // Standard normals that make one draw: D; low rank D + R, first eps_1, then eps_2.
  [[nodiscard]] std::int64_t n_noise() const noexcept { return dimension_ + rank_; }
  // Elements of the scale that `pack` takes.
  [[nodiscard]] std::int64_t n_scale() const noexcept;

  // lambda from a mean [D] and a scale, row-major: sds [D] (mean field), a lower triangular factor [D, D] (full rank), or
  // [D, 1 + R] with exp(omega) in the first column and B in the others (low rank).
  [[nodiscard]] std::vector<double> pack(std::span<const double> mean, std::span<const double> scale) const;
  // The scale as `pack` takes it.
  [[nodiscard]] std::vector<double> scale(std::span<const double> lambda) const;
  [[nodiscard]] std::vector<double> sd(std::span<const double> lambda) const;          // [D] marginal
  [[nodiscard]] std::vector<double> covariance(std::span<const double> lambda) const;  // [D, D]

  // z [S, D] from eps [S, n_noise()] (but for low rank it may be the same memory).
  void sample(std::span<const double> lambda, std::span<const double> eps, std::span<double> z) const;
  // log q(z) [S] for z [S, D].
  void log_prob(std::span<const double> lambda, std::span<const double> z, std::span<double> out) const;
  [[nodiscard]] double entropy(std::span<const double> lambda) const;
  // Pullback of `sample` and of the entropy: adds d/dlambda of sum_s grad_z[s] . z_s + entropy_weight * entropy to
  // gradient [P].  eps [S, n_noise()] is the noise that made z.
  void pullback(std::span<const double> lambda, std::span<const double> eps, std::span<const double> grad_z,
                double entropy_weight, std::span<double> gradient) const;

 private:
  FamilyKind kind_;
  std::int64_t dimension_;
  std::int64_t rank_;
};

}  // namespace velbo

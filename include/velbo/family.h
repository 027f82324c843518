// velbo/family.h - variational families: stateless maps over one flat vector of parameters, lambda.
//
//   mean field  z = mu + exp(omega) * eps          lambda = [mu (D), omega (D)],               P = 2 D
//   full rank   z = mu + L eps, L lower triangular lambda = [mu (D), rows of L (D (D+1) / 2)], P = D + D (D+1) / 2
//               the diagonal of L is stored as its logarithm, so that every lambda is a valid distribution
//
// Host memory, double; Kingma and Welling 2014, Kucukelbir et al. 2017 (section 2.2).
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "velbo/export.h"

namespace velbo {

enum class FamilyKind { automatic, mean_field, full_rank };
VELBO_EXPORT std::string_view name(FamilyKind kind) noexcept;
// Throws Error(argument) listing the names there are.
VELBO_EXPORT FamilyKind parse_family(std::string_view text);

// A Gaussian family over D latents.  Every function throws Error(shape) when a span has another length than it says.
class VELBO_EXPORT GaussianFamily {
 public:
  // kind: mean_field or full_rank; dimension >= 1.  Throws Error(argument).
  GaussianFamily(FamilyKind kind, std::int64_t dimension);

  [[nodiscard]] FamilyKind kind() const noexcept { return kind_; }
  [[nodiscard]] std::int64_t dimension() const noexcept { return dimension_; }
  [[nodiscard]] std::int64_t n_params() const noexcept;

  // lambda from a mean [D] and sds [D] (mean field) or a lower triangular factor [D, D] row-major (full rank).
  [[nodiscard]] std::vector<double> pack(std::span<const double> mean, std::span<const double> scale) const;
  // The scale as `pack` takes it.
  [[nodiscard]] std::vector<double> scale(std::span<const double> lambda) const;
  [[nodiscard]] std::vector<double> sd(std::span<const double> lambda) const;          // [D] marginal
  [[nodiscard]] std::vector<double> covariance(std::span<const double> lambda) const;  // [D, D]

  // z [S, D] from eps [S, D] (may be the same memory).
  void sample(std::span<const double> lambda, std::span<const double> eps, std::span<double> z) const;
  // log q(z) [S] for z [S, D].
  void log_prob(std::span<const double> lambda, std::span<const double> z, std::span<double> out) const;
  [[nodiscard]] double entropy(std::span<const double> lambda) const;
  // Pullback of `sample` and of the entropy: adds d/dlambda of sum_s grad_z[s] . z_s + entropy_weight * entropy to
  // gradient [P].  eps [S, D] is the noise that made z.
  void pullback(std::span<const double> lambda, std::span<const double> eps, std::span<const double> grad_z,
                double entropy_weight, std::span<double> gradient) const;

 private:
  FamilyKind kind_;
  std::int64_t dimension_;
};

}  // namespace velbo

#include "mixtures/gaussian_mixture_model.h"

#include <algorithm>

#include "data/feature_store.h"
#include "data/prefetch.h"

namespace velbo::internal {

using Eigen::Index;

namespace {

MixtureRows rows_of(const FeatureMatrix& x, std::span<const double> weights, const std::vector<double>& centre,
                    const std::vector<double>& inverse_unit) {
  const FeatureStore& s = x.store();
  return {s.x,           s.element,          s.n_columns, s.stride, weights.empty() ? nullptr : weights.data(),
          centre.data(), inverse_unit.data()};
}

}  // namespace

std::shared_ptr<const PreparedMixtureRows> prepare_rows(const FeatureMatrix& x, std::span<const double> weights,
                                                        const MixtureUnits& units, Scalar scalar,
                                                        const Context& context) {
  const std::vector<double> inverse_unit = units.inverse();
  const MixtureRows rows = rows_of(x, weights, units.centre, inverse_unit);
  return scalar == Scalar::float32 ? mixture_ops<float>(context).prepare(context, rows, x.n_rows())
                                   : mixture_ops<double>(context).prepare(context, rows, x.n_rows());
}

GaussianMixtureModel::GaussianMixtureModel(const FeatureMatrix& x, std::span<const double> weights,
                                           const MixtureUnits& units, MixtureGlobals globals, Scalar scalar,
                                           const Context& context, bool merges,
                                           std::shared_ptr<const PreparedMixtureRows> prepared)
    : x_(x),
      weights_(weights),
      centre_(units.centre),
      inverse_unit_(units.inverse()),
      globals_(std::move(globals)),
      scalar_(scalar),
      context_(context),
      merges_(merges),
      prepared_(prepared ? std::move(prepared) : prepare_rows(x, weights, units, scalar, context)) {}

double GaussianMixtureModel::run(UnitRange units, std::span<double> statistics, const MixtureLocals& locals) const {
  const MixtureLayout& layout = globals_.layout();
  MixtureRows rows = rows_of(x_, weights_, centre_, inverse_unit_);
  rows.prepared = prepared_.get();
  MixtureSums sums;
  std::vector<double> squares;
  if (!statistics.empty()) {
    sums = {statistics.data(), statistics.data() + layout.sum_at(0), statistics.data() + layout.squares_at(0)};
    if (layout.kind == CovarianceKind::spherical) {
      squares.assign(static_cast<std::size_t>(layout.k * layout.d), 0.0);
      sums.squares = squares.data();
    }
  }
  MixtureParameters parameters = globals_.parameters();
  if (locals.given != nullptr) parameters = {form_of(layout.kind), layout.k, nullptr, nullptr, nullptr};
  const double value =
      scalar_ == Scalar::float32
          ? mixture_ops<float>(context_).local_step(context_, rows, units.begin, units.end, parameters, sums, locals)
          : mixture_ops<double>(context_).local_step(context_, rows, units.begin, units.end, parameters, sums, locals);
  for (Index k = 0; !squares.empty() && k < layout.k; ++k)
    for (Index j = 0; j < layout.d; ++j)
      statistics[static_cast<std::size_t>(layout.squares_at(k))] += squares[static_cast<std::size_t>(k * layout.d + j)];
  return value;
}

double GaussianMixtureModel::local_step(UnitRange units, bool /*keep*/, std::span<double> statistics) {
  // The batch after this one, of engines that go on in order.
  if (prepared_ == nullptr && x_.store().is_mapped && units.size() < n_units()) {
    const RowRange next{std::min(units.end, n_units()), std::min(units.end + units.size(), n_units())};
    prefetch(x_.store(), {&next, 1});
  }
  return run(units, statistics, {});
}

void GaussianMixtureModel::add_statistics(UnitRange units, const double* responsibilities,
                                          std::span<double> statistics) const {
  run(units, statistics, {responsibilities, nullptr, nullptr});
}

void GaussianMixtureModel::responsibilities(UnitRange units, double* out, double* log_normaliser) const {
  run(units, {}, {nullptr, out, log_normaliser});
}

void GaussianMixtureModel::save(EngineState& state) const {
  Eigen::MatrixXd pairs(2 + 2 * static_cast<Index>(rejected_.size()), 1);
  pairs(0) = static_cast<double>(n_merges_);
  pairs(1) = static_cast<double>(rejected_.size());
  Index at = 2;
  for (const Pair& pair : rejected_) {
    pairs(at++) = static_cast<double>(pair.first);
    pairs(at++) = static_cast<double>(pair.second);
  }
  state.set("mixture.merges", pairs);
}

void GaussianMixtureModel::load(const EngineState& state) {
  const Eigen::VectorXd pairs = state.vector("mixture.merges");
  rejected_.clear();
  n_merges_ = pairs.size() > 0 ? static_cast<std::int64_t>(pairs[0]) : 0;
  for (Index at = 2; at + 1 < pairs.size(); at += 2)
    rejected_.insert({static_cast<Index>(pairs[at]), static_cast<Index>(pairs[at + 1])});
}

}  // namespace velbo::internal

// mixture_passes.cuh - launches what mixtures, and all models whose emissions are Gaussian, do over rows.
//
// Rows are z [n_rows, D], dense, of elements T, on the device; their weights, by stored row, too.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "backend/mixture_ops.h"
#include "feature_sums.cuh"
#include "mixture_densities.cuh"
#include "row_passes.cuh"

namespace velbo::kernels {

using internal::MixtureForm;
using internal::MixtureLocals;
using internal::MixtureParameters;
using internal::MixtureSums;

// Parameters of components, as kernels read them.
template <class T>
struct PackedComponents {
  PackedComponents(const MixtureParameters& p, std::int64_t n_columns, cudaStream_t stream)
      : form(p.form), d(n_columns), k(p.n_components), constant(uploaded<T>(p.constant, p.n_components, stream)) {
    if (form != MixtureForm::diagonal) {
      const std::int64_t count = form == MixtureForm::full ? k : 1;
      const DensityKind kind = form == MixtureForm::full ? DensityKind::triangles : DensityKind::projection;
      triangle_tiles = DensityTiles::of(kind, d, count);
      pack_triangles(p, count, stream);
    }
    if (form != MixtureForm::full) {
      scale_tiles = DensityTiles::of(DensityKind::scales, d, k);
      pack_scales(p, stream);
    }
  }

  MixtureForm form;
  std::int64_t d, k;
  Buffer<T> constant;
  DensityTiles triangle_tiles, scale_tiles;
  Buffer<T> triangles, shift;  // full; of tied U alone, and no shift
  Buffer<T> scales;            // tied: scales are ones

 private:
  void pack_triangles(const MixtureParameters& p, std::int64_t count, cudaStream_t stream) {
    const DensityTiles& tiles = triangle_tiles;
    std::vector<T> w(static_cast<std::size_t>(tiles.count * d * kTileColumns), T(0)),
        b(static_cast<std::size_t>(tiles.count * kTileColumns), T(0));
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t row = 0; row < d; ++row) {
        const std::int64_t tile = i / tiles.components * tiles.of_component + row / kTileColumns;
        const std::int64_t column = i % tiles.components * tiles.padded + row % kTileColumns;
        for (std::int64_t j = 0; j <= row; ++j)
          w[static_cast<std::size_t>((tile * d + j) * kTileColumns + column)] =
              static_cast<T>(p.whitening[(i * d + row) * d + j]);
        if (form == MixtureForm::full)
          b[static_cast<std::size_t>(tile * kTileColumns + column)] = static_cast<T>(p.shift[i * d + row]);
      }
    triangles = uploaded<T>(w.data(), static_cast<std::int64_t>(w.size()), stream);
    if (form == MixtureForm::full) shift = uploaded<T>(b.data(), static_cast<std::int64_t>(b.size()), stream);
  }
  void pack_scales(const MixtureParameters& p, cudaStream_t stream) {
    std::vector<T> w(static_cast<std::size_t>(scale_tiles.count * 2 * d * kTileColumns), T(0));
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = 0; j < d; ++j) {
        const auto at = static_cast<std::size_t>((i / kTileColumns * 2 * d + j) * kTileColumns + i % kTileColumns);
        w[at] = form == MixtureForm::diagonal ? static_cast<T>(p.whitening[i * d + j]) : T(1);
        w[at + static_cast<std::size_t>(d * kTileColumns)] = static_cast<T>(p.shift[i * d + j]);
      }
    scales = uploaded<T>(w.data(), static_cast<std::int64_t>(w.size()), stream);
  }
};

template <class T, DensityKind kKind>
void launch_densities(const Launch& launch, const DensityArguments<T>& arguments) {
  const auto kernel = mixture_densities<T, kKind>;
  constexpr std::size_t bytes = DensityLayout<T, kKind>::kBytes;
  allow_shared_memory(launch, kernel, bytes);
  VELBO_LAUNCH(kernel, grid_of(launch, arguments.chunks), kThreads, bytes, launch.stream, arguments);
  check(cudaGetLastError());
}

// Where densities go, device memory.
template <class T>
struct DensityOutput {
  T* out =
      nullptr;  // [n_rows, K], rows `stride` apart: responsibilities, or log densities where they are not normalised
  std::int64_t stride = 0;
  bool normalise = true;
  double* log_normaliser = nullptr;  // [n_rows] log sum_k exp(log density); nullptr: not wanted
};

// Gives the sum of weight * log normaliser; 0 where densities are not normalised.
template <class T>
double run_densities(const Launch& launch, Rows<T> rows, const PackedComponents<T>& components,
                     const DensityOutput<T>& output) {
  DensityArguments<T> arguments;
  const auto run = [&](auto kind, const DensityArguments<T>& of, bool with_values) {
    const auto values =
        add_up<T>(launch, rows.n_rows, kTileRows, 0, with_values ? 1 : 0, [&](const Chunks& chunks, T*, double* into) {
          DensityArguments<T> mine = of;
          mine.source = {rows, copying_of(rows)};
          mine.chunks = chunks;
          mine.values = into;
          launch_densities<T, decltype(kind)::value>(launch, mine);
        }).values;
    return with_values ? values[0] : 0.0;
  };
  const auto finish = [&](auto kind) {
    arguments.n_components = components.k;
    arguments.constant = components.constant.get();
    arguments.out = output.out;
    arguments.stride = output.stride;
    arguments.normalise = output.normalise;
    arguments.log_normaliser = output.log_normaliser;
    return run(kind, arguments, output.normalise);
  };
  arguments.tiles = components.triangle_tiles;
  arguments.w = components.triangles.get();
  arguments.shift = components.shift.get();
  if (components.form == MixtureForm::full)
    return finish(std::integral_constant<DensityKind, DensityKind::triangles>{});
  Buffer<T> whitened;
  if (components.form == MixtureForm::tied) {
    const std::int64_t stride = (components.d + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
    whitened = Buffer<T>(rows.n_rows * stride, launch.stream);
    arguments.out = whitened.get();
    arguments.stride = stride;
    run(std::integral_constant<DensityKind, DensityKind::projection>{}, arguments, false);
    rows.x = whitened.get();
    rows.stride = stride;
    rows.packed = true;
  }
  arguments.tiles = components.scale_tiles;
  arguments.w = components.scales.get();
  return finish(std::integral_constant<DensityKind, DensityKind::scales>{});
}

// A grid has at most 65535 blocks in each direction but the first.
constexpr std::int64_t kMostTilesAcross = 32768;

template <class T, int kLeft>
void launch_features(const Launch& launch, FeatureArguments<T> arguments, std::int64_t most_across) {
  using Layout = FeatureLayout<T, kLeft>;
  const auto kernel = feature_sums<T, kLeft>;
  constexpr std::size_t bytes = Layout::kBytes;
  const std::int64_t tiles =
      ((arguments.n_left + kLeft - 1) / kLeft) * ((arguments.n_features + Layout::kRight - 1) / Layout::kRight);
  dim3 grid = grid_of(launch, arguments.chunks, std::min(tiles, most_across));
  grid.z = static_cast<unsigned>((tiles + most_across - 1) / most_across);
  arguments.n_tiles = static_cast<unsigned>(tiles);
  allow_shared_memory(launch, kernel, bytes);
  VELBO_LAUNCH(kernel, grid, kThreads, bytes, launch.stream, arguments);
  check(cudaGetLastError());
}

// Components of a tile of sums: what pads them costs products, a small tile costs features that are made for few of them.
inline int feature_tile(std::int64_t n_left) {
  int best = 64;
  const auto cost = [n_left](int tile) { return (n_left + tile - 1) / tile * (tile + 8); };
  for (const int tile : {32, 16})
    if (cost(tile) < cost(best)) best = tile;
  return best;
}

// Sums in T are of at most so many rows.
constexpr std::int64_t kMostRowsOfAFeatureSum = 2048;

// Which sums are wanted of K components, and what they are so far.
template <class T>
class MixtureTotals {
 public:
  MixtureTotals(MixtureForm form, std::int64_t n_columns, std::int64_t n_components, cudaStream_t stream)
      : form_(form), d_(n_columns), k_(n_components), stream_(stream) {
    std::vector<FeaturePair> pairs{{-1, -1}};
    const auto d = static_cast<std::int32_t>(d_);
    for (std::int32_t j = 0; j < d; ++j) pairs.push_back({j, -1});
    for (std::int32_t i = 0; i < d && form != MixtureForm::tied; ++i)
      for (std::int32_t j = form == MixtureForm::full ? 0 : i; j <= i; ++j) pairs.push_back({j, i});
    n_features_ = static_cast<std::int64_t>(pairs.size());
    features_ = Buffer<FeaturePair>(n_features_, stream);
    check(cudaMemcpyAsync(features_.get(), pairs.data(), pairs.size() * sizeof(FeaturePair), cudaMemcpyHostToDevice,
                          stream));
    sums_ = Buffer<double>(k_ * n_features_, stream);
    check(cudaMemsetAsync(sums_.get(), 0, static_cast<std::size_t>(k_ * n_features_) * sizeof(double), stream));
    if (form == MixtureForm::tied) squares_.assign(static_cast<std::size_t>(d_ * d_), 0.0);
  }

  // Adds those of `rows` with responsibilities r [n_rows, K], device memory, rows `stride` apart.
  void add(Launch launch, const Rows<T>& rows, const T* r, std::int64_t stride,
           std::int64_t most_across = kMostTilesAcross) {
    FeatureArguments<T> arguments;
    arguments.source = {rows, copying_of(rows)};
    arguments.r = r;
    arguments.stride = stride;
    arguments.n_left = k_;
    arguments.features = features_.get();
    arguments.n_features = n_features_;
    launch.most_rows_of_a_chunk = std::min(launch.most_rows_of_a_chunk, kMostRowsOfAFeatureSum);
    const int tile = feature_tile(k_);
    const std::int64_t size = k_ * n_features_;
    // They are many, so they stay there: nothing waits between two slabs.
    const Buffer<double> total(size, launch.stream);
    for (const Chunks& chunks : slabs(launch, rows.n_rows, kFeatureRows, size)) {
      const Buffer<T> sums(chunks.count * size, launch.stream);
      arguments.chunks = chunks;
      arguments.sums = sums.get();
      if (tile == 64) launch_features<T, 64>(launch, arguments, most_across);
      if (tile == 32) launch_features<T, 32>(launch, arguments, most_across);
      if (tile == 16) launch_features<T, 16>(launch, arguments, most_across);
      check(reduce(sums.get(), chunks.count, size, total.get(), launch.stream));
      VELBO_LAUNCH(add_to_totals<double>, static_cast<unsigned>((size + kThreads - 1) / kThreads), kThreads, 0,
                   launch.stream, total.get(), size, sums_.get());
      check(cudaGetLastError());
    }
    if (form_ == MixtureForm::tied) add_squares(launch, rows);
  }

  // Adds all to `out`, host memory.
  void add_to(const MixtureSums& out) const {
    const std::vector<double> sums = downloaded(sums_.get(), k_ * n_features_, stream_);
    for (std::int64_t i = 0; i < k_; ++i) {
      const double* const from = sums.data() + i * n_features_;
      out.count[i] += from[0];
      for (std::int64_t j = 0; j < d_; ++j) out.sum[i * d_ + j] += from[1 + j];
      const std::int64_t squares = n_features_ - 1 - d_;
      for (std::int64_t j = 0; j < squares; ++j) out.squares[i * squares + j] += from[1 + d_ + j];
    }
    for (std::int64_t i = 0, at = 0; form_ == MixtureForm::tied && i < d_; ++i)
      for (std::int64_t j = 0; j <= i; ++j, ++at) out.squares[at] += squares_[static_cast<std::size_t>(i * d_ + j)];
  }

 private:
  // Of all components together a row's responsibilities are its weight.
  void add_squares(const Launch& launch, const Rows<T>& rows) {
    OuterArguments<T> arguments;
    arguments.source = {rows, copying_of(rows)};
    arguments.c = rows.weights != nullptr ? rows.weights + rows.first_row : nullptr;
    const std::vector<double> some = run_outer(launch, arguments);
    for (std::size_t i = 0; i < some.size(); ++i) squares_[i] += some[i];
  }

  MixtureForm form_;
  std::int64_t d_, k_, n_features_ = 0;
  cudaStream_t stream_;
  Buffer<FeaturePair> features_;
  Buffer<double> sums_;          // [K, n_features]
  std::vector<double> squares_;  // [D, D], the lower triangle; tied
};

// Numbers of the responsibilities, and of whitened rows, that a pass keeps at a time.
constexpr std::int64_t kMostLocals = std::int64_t{1} << 24;

// Passes over rows with the same parameters, slab after slab.  Rows are cut by sizes alone.
template <class T>
class MixturePass {
 public:
  // Parameters without a whitening: responsibilities will be given.
  MixturePass(const Launch& launch, std::int64_t n_columns, const MixtureParameters& p, bool wants_sums,
              std::int64_t most_locals = kMostLocals)
      : k_(p.n_components),
        rows_at_a_time_(std::max<std::int64_t>(1, most_locals / (k_ + (p.form == MixtureForm::tied ? n_columns : 0)))) {
    if (p.whitening != nullptr) components_.emplace(p, n_columns, launch.stream);
    if (wants_sums) totals_.emplace(p.form, n_columns, k_, launch.stream);
  }

  // `locals` in host memory, from the first of these rows on.
  void run(const Launch& launch, const Rows<T>& rows, const MixtureLocals& locals) {
    for (std::int64_t first = 0; first < rows.n_rows; first += rows_at_a_time_) {
      Rows<T> some = rows;
      some.n_rows = std::min(rows_at_a_time_, rows.n_rows - first);
      some.first_row += first;
      if (rows.packed) some.x = static_cast<const T*>(rows.x) + first * rows.stride;
      run_some(launch, some,
               {locals.given != nullptr ? locals.given + first * k_ : nullptr,
                locals.responsibilities != nullptr ? locals.responsibilities + first * k_ : nullptr,
                locals.log_normaliser != nullptr ? locals.log_normaliser + first : nullptr});
    }
  }

  // The sum of weight * log normaliser of all rows.
  [[nodiscard]] double value() const { return value_; }
  void add_sums(const MixtureSums& out) const {
    if (totals_) totals_->add_to(out);
  }

 private:
  void run_some(const Launch& launch, const Rows<T>& rows, const MixtureLocals& locals) {
    const std::int64_t n = rows.n_rows;
    Buffer<T> r;
    if (locals.given != nullptr) {
      r = uploaded<T>(locals.given, n * k_, launch.stream);
    } else {
      r = Buffer<T>(n * k_, launch.stream);
      const Buffer<double> log_normaliser(locals.log_normaliser != nullptr ? n : 0, launch.stream);
      value_ += run_densities(launch, rows, *components_, {r.get(), k_, true, log_normaliser.get()});
      if (locals.log_normaliser != nullptr)
        copy(downloaded(log_normaliser.get(), n, launch.stream), locals.log_normaliser);
    }
    if (locals.responsibilities != nullptr) copy(downloaded(r.get(), n * k_, launch.stream), locals.responsibilities);
    if (totals_) totals_->add(launch, rows, r.get(), k_);
  }
  template <class From>
  static void copy(const std::vector<From>& from, double* to) {
    std::copy(from.begin(), from.end(), to);
  }

  std::int64_t k_, rows_at_a_time_;
  std::optional<PackedComponents<T>> components_;
  std::optional<MixtureTotals<T>> totals_;
  double value_ = 0;
};

}  // namespace velbo::kernels

// velbo/plate.h - the data of a model, row by row: a sum over rows of a log density that each needs a few of the parameters.
//
//   struct Switches {  // of one household
//     template <class T>
//     T operator()(const double* row, const T* latent) const {  // distance, arsenic, switched; Intercept, two slopes
//       return velbo::bernoulli_logit_lpmf(row[2], latent[0] + latent[1] * row[0] + latent[2] * row[1]);
//     }
//   };
//
//   const velbo::Plate wells(rows, {velbo::latent("alpha"), velbo::latent("beta", 0), velbo::latent("beta", 1)}, Switches{});
//   const velbo::Model model({velbo::real("alpha"), velbo::real("beta", {2})}, Prior{}, {wells});
//
// velbo gathers what a row reads, differentiates by that alone, and adds up in a fixed order: a row costs as many derivatives as it
// reads latents, however many the model has.  Rows may be taken in minibatches, which velbo scales.
#pragma once
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "velbo/array.h"
#include "velbo/dual.h"
#include "velbo/export.h"
#include "velbo/lanes.h"

namespace velbo {

// One of the numbers that a row reads: an element of a parameter, constrained.  Elements are counted from 0, those of matrices
// and of arrays of vectors one after the other, row by row.
struct Latent {
  std::string parameter;
  std::vector<std::int64_t> element;  // [1]: the same for all rows; [n_rows]: one a row
  bool of_each_row = false;
};

// The same element for all rows.
inline Latent latent(std::string parameter, std::int64_t element = 0) {
  return {std::move(parameter), {element}, false};
}
// Row n reads element[n]: that of its group.
inline Latent latent(std::string parameter, std::vector<std::int64_t> element) {
  return {std::move(parameter), std::move(element), true};
}
// Row n reads element n, which no other row does.  Its prior belongs into the row's density: a minibatch then scales it with the row.
VELBO_EXPORT Latent local(std::string parameter, std::int64_t n_rows);

inline constexpr std::size_t kMostRowLatents = 16;

template <class F>
concept RowDensity = requires(const F& f, const double* row, const double* latent, const Dual<double, 4>* variable) {
  { f(row, latent) } -> std::convertible_to<double>;
  { f(row, variable) } -> std::convertible_to<Dual<double, 4>>;
};

namespace internal {

inline constexpr int kPlateDraws = 8;        // that a loop over rows takes along
inline constexpr int kPlateDerivatives = 8;  // at a time

// Some rows of a plate, for at most kPlateDraws draws.  What has draws is [.., kPlateDraws].
struct RowSlice {
  const double* data = nullptr;  // [n_rows of the plate, n_columns]
  std::int64_t n_columns = 0;
  const std::int64_t* rows = nullptr;  // [n_rows]; null: first_row, first_row + 1, ...
  std::int64_t first_row = 0, n_rows = 0;
  const std::int64_t* const* element = nullptr;  // of theta, a list a latent: [1] where stride is 0, else one a row
  const std::int64_t* stride = nullptr;          // 0 or 1, one a latent
  int n_draws = kPlateDraws;
  const double* theta = nullptr;  // [n_constrained, kPlateDraws]
  double* value = nullptr;        // [kPlateDraws], added to
  double* gradient = nullptr;     // [n_constrained, kPlateDraws], added to; null: not wanted
  double* row_value = nullptr;    // [n_rows, kPlateDraws], written; null: not wanted
};

using RowLoop = std::function<void(const RowSlice&)>;

// log density and, unless `gradient` is null, its derivatives [K] at one row and one draw.
template <int K, class Density>
double differentiate_row(const Density& density, const double* row, const double* latent, double* gradient) {
  if (gradient == nullptr) return density(row, latent);
  constexpr int kWidth = K < kPlateDerivatives ? K : kPlateDerivatives;
  double value = 0;
  for (int first = 0; first < K; first += kWidth) {
    Dual<double, kWidth> variable[K];
    for (int k = 0; k < K; ++k) variable[k] = Dual<double, kWidth>::variable(latent[k], k - first);
    const Dual<double, kWidth> out = density(row, static_cast<const Dual<double, kWidth>*>(variable));
    value = out.value;
    for (int k = first; k < std::min(K, first + kWidth); ++k) gradient[k] = out.derivative[k - first];
  }
  return value;
}

#if defined(VELBO_HAVE_LANES)
template <class Density>
concept LaneDensity = requires {
  requires Density::branches_on_rows_only;
};

// As below, for several draws at once.
template <int K, class Density>
__attribute__((flatten)) void add_rows_by_lanes(const Density& density, const RowSlice& slice) {
  constexpr int kWidth = K < kPlateDerivatives ? K : kPlateDerivatives;
  using Number = Dual<Lanes, kWidth>;
  static_assert(kPlateDraws % Lanes::count == 0);
  for (std::int64_t i = 0; i < slice.n_rows; ++i) {
    const std::int64_t r = slice.rows != nullptr ? slice.rows[i] : slice.first_row + i;
    const double* const row = slice.data + r * slice.n_columns;
    std::int64_t place[K];
    for (int k = 0; k < K; ++k) place[k] = slice.element[k][r * slice.stride[k]] * kPlateDraws;
    for (int s = 0; s < slice.n_draws; s += Lanes::count)
      for (int first = 0; first < K; first += kWidth) {
        Number variable[K];
        for (int k = 0; k < K; ++k) variable[k] = Number::variable(Lanes::load(slice.theta + place[k] + s), k - first);
        const Number out = density(row, static_cast<const Number*>(variable));
        if (first == 0) {
          (Lanes::load(slice.value + s) + out.value).store(slice.value + s);
          if (slice.row_value != nullptr) out.value.store(slice.row_value + i * kPlateDraws + s);
          if (slice.gradient == nullptr) break;
        }
        for (int k = first; k < std::min(K, first + kWidth); ++k)
          (Lanes::load(slice.gradient + place[k] + s) + out.derivative[k - first]).store(slice.gradient + place[k] + s);
      }
  }
}
#endif

template <int K, class Density>
void add_rows(const Density& density, const RowSlice& slice) {
#if defined(VELBO_HAVE_LANES)
  if constexpr (LaneDensity<Density>) return add_rows_by_lanes<K>(density, slice);
#endif
  for (std::int64_t i = 0; i < slice.n_rows; ++i) {
    const std::int64_t r = slice.rows != nullptr ? slice.rows[i] : slice.first_row + i;
    const double* const row = slice.data + r * slice.n_columns;
    std::int64_t place[K];
    for (int k = 0; k < K; ++k) place[k] = slice.element[k][r * slice.stride[k]] * kPlateDraws;
    for (int s = 0; s < slice.n_draws; ++s) {
      double latent[K], gradient[K];
      for (int k = 0; k < K; ++k) latent[k] = slice.theta[place[k] + s];
      const double value = differentiate_row<K>(density, row, latent, slice.gradient != nullptr ? gradient : nullptr);
      slice.value[s] += value;
      if (slice.row_value != nullptr) slice.row_value[i * kPlateDraws + s] = value;
      if (slice.gradient == nullptr) continue;
      for (int k = 0; k < K; ++k) slice.gradient[place[k] + s] += gradient[k];
    }
  }
}

struct PlateState;

}  // namespace internal

// The rows of a model's plate as they lie in memory, for code on devices (velbo/cuda/model.cuh).  Points into the model.
struct PlateRows {
  const double* data = nullptr;  // [n_rows, n_columns]
  std::int64_t n_rows = 0, n_columns = 0;
  std::vector<const std::int64_t*> element;  // a latent: elements of theta, [n_rows] where of_each_row, else [1]
  std::vector<bool> of_each_row;             // a latent
};

// Immutable; copies share the state.  Host, double.
class VELBO_EXPORT Plate {
 public:
  // density(const double* row, const T* latent) -> T for T = double and velbo::Dual, with row [n_columns] and latent [K] in the order
  // of `latents`, 1 <= K <= 16.  With a member `static constexpr bool branches_on_rows_only = true` it is called for several draws at
  // once, which takes a fraction of the time: no `if` and no ?: may then depend on latents (velbo/lanes.h).  It is copied, and called from several threads at once.  `data` [n_rows, n_columns] is copied.
  // Throws Error(shape) for a latent with a list of another length than n_rows, Error(argument) for no rows.
  template <RowDensity Density, std::size_t K>
  Plate(MatrixView<const double> data, const Latent (&latents)[K], Density density, std::string name = "data")
      : Plate(data, std::vector<Latent>(latents, latents + K),
              internal::RowLoop([density = std::move(density)](const internal::RowSlice& slice) {
                internal::add_rows<static_cast<int>(K)>(density, slice);
              }),
              std::move(name)) {
    static_assert(K >= 1 && K <= kMostRowLatents, "a row reads 1 to 16 latents");
  }

  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] std::int64_t n_rows() const noexcept;
  [[nodiscard]] std::int64_t n_columns() const noexcept;
  [[nodiscard]] const std::vector<Latent>& latents() const noexcept;

  [[nodiscard]] const internal::PlateState& state() const noexcept { return *state_; }

 private:
  Plate(MatrixView<const double> data, std::vector<Latent> latents, internal::RowLoop loop, std::string name);

  std::shared_ptr<const internal::PlateState> state_;
};

}  // namespace velbo

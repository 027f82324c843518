// mixture_case.h - Gaussian components and rows for the tests of their kernels, and what these give by definition.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <ostream>
#include <vector>

#include "emulator/device_array.h"
#include "kernels/plain_terms.h"
#include "mixture_passes.cuh"

namespace velbo::kernels {

// What a test takes: sizes, how z lies, and whether rows have weights.
struct MixtureSizes {
  std::int64_t d, k;
  MixtureForm form = MixtureForm::full;
  bool weights = false;
  bool slab = false;  // packed, whose first row is stored row 3
  bool wide = false;  // rows that are no multiple of 16 bytes apart
  friend std::ostream& operator<<(std::ostream& out, const MixtureSizes& s) {
    return out << "D " << s.d << ", K " << s.k << ", form " << static_cast<int>(s.form)
               << (s.weights ? ", weights" : "") << (s.slab ? ", slab" : "") << (s.wide ? ", wide" : "");
  }
};

// Numbers of which T holds all digits.
template <class T>
class MixtureCase {
 public:
  MixtureCase(const MixtureSizes& sizes, std::int64_t n_rows) : s(sizes), n(n_rows) {
    Noise noise(static_cast<std::uint64_t>(s.d * 1009 + s.k * 31 + n));
    const std::int64_t first = s.slab ? 3 : 0, stored = n + first, lanes = kLanes<T>;
    stride = (s.d + lanes - 1) / lanes * lanes + (s.wide ? 1 : 0);
    z = noise.template numbers<T>(n * s.d);
    for (std::int64_t i = 0; s.weights && i < stored; ++i)
      weights.push_back(static_cast<T>(i % 5 == 0 ? 0 : 1.5 + noise()));
    std::vector<T> x(static_cast<std::size_t>(n * stride), static_cast<T>(std::nan("")));
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < s.d; ++j) x[at(i * stride + j)] = z[at(i * s.d + j)];
    rows_on_device = std::make_shared<simt::DeviceArray<T>>(x);
    if (s.weights) weights_on_device = std::make_shared<simt::DeviceArray<T>>(weights);
    const double scale = 1 / std::sqrt(static_cast<double>(s.d));
    const std::int64_t count = s.form == MixtureForm::tied ? 1 : s.k;
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t row = 0; row < s.d; ++row) {
        if (s.form == MixtureForm::diagonal) {
          whitening.push_back(number(1.5 + noise()));
          continue;
        }
        for (std::int64_t j = 0; j < s.d; ++j)
          whitening.push_back(j > row ? std::nan("") : number(j == row ? 1.5 + noise() : scale * noise()));
      }
    for (std::int64_t i = 0; i < s.k; ++i) constant.push_back(number(3 * noise()));
    for (std::int64_t i = 0; i < s.k * s.d; ++i) shift.push_back(number(2 * scale * noise()));
  }

  [[nodiscard]] Rows<T> rows() const {
    Rows<T> out;
    out.x = rows_on_device->data();
    out.element = sizeof(T) == sizeof(float) ? Element::float32 : Element::float64;
    out.stride = stride;
    out.n_rows = n;
    out.n_features = s.d;
    out.packed = s.slab;
    out.first_row = s.slab ? 3 : 0;
    out.weights = s.weights ? weights_on_device->data() : nullptr;
    return out;
  }
  [[nodiscard]] MixtureParameters parameters() const {
    return {s.form, s.k, constant.data(), whitening.data(), shift.data()};
  }
  [[nodiscard]] long double weight(std::int64_t row) const {
    return s.weights ? static_cast<long double>(weights[at(row + (s.slab ? 3 : 0))]) : 1;
  }

  // constant - |U z + shift|^2 / 2 of one component.
  [[nodiscard]] Sized log_density(std::int64_t row, std::int64_t component) const {
    Sized out{constant[at(component)], std::abs(constant[at(component)])};
    const std::int64_t own = s.form == MixtureForm::tied ? 0 : component;
    for (std::int64_t i = 0; i < s.d; ++i) {
      long double y = shift[at(component * s.d + i)], size = std::abs(y);
      for (std::int64_t j = 0; j <= i; ++j) {
        if (s.form == MixtureForm::diagonal && j < i) continue;
        const double u =
            s.form == MixtureForm::diagonal ? whitening[at(own * s.d + i)] : whitening[at((own * s.d + i) * s.d + j)];
        const long double term = u * static_cast<long double>(z[at(row * s.d + j)]);
        y += term;
        size += std::abs(term);
      }
      out.add(-y * y / 2, static_cast<double>(size * size / 2));
    }
    return out;
  }
  // Responsibilities [K] and the log normaliser behind them.
  [[nodiscard]] std::vector<Sized> locals(std::int64_t row) const {
    std::vector<Sized> out;
    long double most = -1e300L, sum = 0;
    double size = 1;
    for (std::int64_t i = 0; i < s.k; ++i) {
      out.push_back(log_density(row, i));
      most = std::max(most, out.back().value);
      size = std::max(size, out.back().size);
    }
    for (const Sized& each : out) sum += std::exp(each.value - most);
    const long double log_normaliser = most + std::log(sum);
    for (Sized& each : out) {
      each.value = std::exp(each.value - log_normaliser);
      each.size = static_cast<double>(each.value) * (4 + 2 * size);
    }
    out.push_back({log_normaliser, 4 + size});
    return out;
  }

  static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
  static double number(double x) { return static_cast<double>(static_cast<T>(x)); }

  MixtureSizes s;
  std::int64_t n, stride;
  std::vector<T> z, weights;
  std::vector<double> constant, whitening, shift;
  std::shared_ptr<simt::DeviceArray<T>> rows_on_device, weights_on_device;
};

// Sums by definition of rows with responsibilities r [n, K], as MixtureSums has them, one behind the other.
template <class T, class Number>
std::vector<Sized> plain_mixture_sums(const MixtureCase<T>& c, const std::vector<Number>& r) {
  const std::int64_t d = c.s.d, k = c.s.k, pairs = d * (d + 1) / 2;
  const std::int64_t each = c.s.form == MixtureForm::full ? pairs : c.s.form == MixtureForm::diagonal ? d : 0;
  std::vector<Sized> out(MixtureCase<T>::at(k * (1 + d + each) + (c.s.form == MixtureForm::tied ? pairs : 0)));
  const auto add = [&](std::int64_t i, long double term) {
    out[MixtureCase<T>::at(i)].add(term, 8 * static_cast<double>(std::abs(term)));
  };
  for (std::int64_t n = 0; n < c.n; ++n) {
    const T* const z = c.z.data() + n * d;
    for (std::int64_t i = 0; i < k; ++i) {
      const long double w = c.weight(n) * static_cast<long double>(r[MixtureCase<T>::at(n * k + i)]);
      add(i, w);
      for (std::int64_t j = 0; j < d; ++j) add(k + i * d + j, w * z[j]);
      std::int64_t at = k * (1 + d) + i * each;
      for (std::int64_t a = 0; a < d && each > 0; ++a)
        for (std::int64_t b = c.s.form == MixtureForm::full ? 0 : a; b <= a; ++b)
          add(at++, w * static_cast<long double>(z[a]) * static_cast<long double>(z[b]));
    }
    std::int64_t at = k * (1 + d);
    for (std::int64_t a = 0; c.s.form == MixtureForm::tied && a < d; ++a)
      for (std::int64_t b = 0; b <= a; ++b)
        add(at++, c.weight(n) * static_cast<long double>(z[a]) * static_cast<long double>(z[b]));
  }
  return out;
}

// Room for them, and what stands in it first.
struct SumsInOne {
  SumsInOne(const MixtureSizes& s, double start)
      : values(static_cast<std::size_t>(s.k * (1 + s.d + of_a_component(s)) +
                                        (s.form == MixtureForm::tied ? pairs(s) : 0)),
               start),
        sums{values.data(), values.data() + s.k, values.data() + s.k * (1 + s.d)} {}
  static std::int64_t pairs(const MixtureSizes& s) { return s.d * (s.d + 1) / 2; }
  static std::int64_t of_a_component(const MixtureSizes& s) {
    return s.form == MixtureForm::full ? pairs(s) : s.form == MixtureForm::diagonal ? s.d : 0;
  }
  std::vector<double> values;
  MixtureSums sums;
};

}  // namespace velbo::kernels

// row_case.h - rows for the tests of kernels, in every storage that they read in a way of its own.
#pragma once
#include <cmath>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "emulator/device_array.h"
#include "row_panel.cuh"

namespace velbo::kernels {

// How rows are stored, and so how they are copied.
struct Storage {
  const char* name;
  std::int64_t d;  // columns, the intercept's included
  Copying copying;
  bool index = false;
  bool intercept = false;
  bool centre = false;  // of Copying::convert
  internal::RowLikelihood likelihood = internal::RowLikelihood::unit_gaussian;
  bool extras = true;        // trials, weights, offset, scale
  std::int64_t n_draws = 0;  // of expectations
  bool packed = false;       // x has these rows alone; without an index they are those from stored row 3 on
  friend std::ostream& operator<<(std::ostream& out, const Storage& s) { return out << s.name; }
};

// Numbers that repeat in every run, evenly spread over [-1, 1].
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U) {}
  double operator()() {  // splitmix64 (Steele, Lea and Flood 2014)
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return std::ldexp(static_cast<double>((z ^ (z >> 31)) >> 11), -52) - 1;
  }
  template <class T>
  std::vector<T> numbers(std::int64_t n, double scale = 1) {
    std::vector<T> out;
    for (std::int64_t i = 0; i < n; ++i) out.push_back(static_cast<T>(scale * (*this)()));
    return out;
  }

 private:
  std::uint64_t state_;
};

// Rows on the emulated device, and the same rows by definition.
template <class T>
class RowCase {
 public:
  RowCase(const Storage& storage, std::int64_t n_rows) : storage_(storage) {
    Noise noise(static_cast<std::uint64_t>(storage.d * 8191 + n_rows));
    Rows<T>& rows = source_.rows;
    rows.n_rows = n_rows;
    rows.n_features = storage.d - (storage.intercept ? 1 : 0);
    rows.intercept = storage.intercept;
    rows.likelihood = storage.likelihood;
    rows.packed = storage.packed;
    rows.first_row = storage.packed && !storage.index ? 3 : 0;
    const std::int64_t stored = storage.index ? n_rows / 2 + 3 : rows.first_row + n_rows;
    const std::int64_t of_x = storage.packed ? n_rows : stored;
    for (std::int64_t n = 0; storage.index && n < n_rows; ++n) index_.push_back((n * 5 + 2) % stored);
    for (std::int64_t j = 0; storage.centre && j < rows.n_features; ++j) centre_.push_back(3 + 2 * noise());
    const double spread = 1.5 / std::sqrt(static_cast<double>(storage.d));
    for (std::int64_t i = 0; i < of_x * rows.n_features; ++i) {
      const double x = noise() * (storage.d < 8 ? 1 : 1 + spread);
      values_.push_back(storage.copying == Copying::scatter && i % 7 % 3 != 0 ? 0.0 : static_cast<float>(x));
    }
    add_outcomes(noise, stored);
    storage.copying == Copying::scatter ? store_sparse(of_x) : store_dense(of_x);
    rows.index = keep(index_);
    rows.centre = keep(centre_);
    source_.copying = copying_of(rows);
  }

  const Storage& storage() const { return storage_; }
  const RowSource<T>& source() const { return source_; }
  std::int64_t n_rows() const { return source_.rows.n_rows; }
  std::int64_t d() const { return storage_.d; }
  std::int64_t stored(std::int64_t n) const {
    return index_.empty() ? source_.rows.first_row + n : index_[static_cast<std::size_t>(n)];
  }

  std::vector<double> row(std::int64_t n) const {
    const std::size_t features = static_cast<std::size_t>(source_.rows.n_features);
    std::vector<double> x(static_cast<std::size_t>(d()), 1.0);
    for (std::size_t j = 0; j < features; ++j)
      x[j] = values_[static_cast<std::size_t>(storage_.packed ? n : stored(n)) * features + j] -
             (centre_.empty() ? 0 : centre_[j]);
    return x;
  }
  // In double, of the numbers that the kernel has.
  internal::RowOutcome<double> outcome(std::int64_t n) const {
    const std::size_t i = static_cast<std::size_t>(stored(n));
    const double y = static_cast<double>(y_[i]);
    if (!storage_.extras) return {y, 1, 1};
    return {y, static_cast<double>(trials_[i]), static_cast<double>(weights_[i] * source_.rows.scale)};
  }
  double offset(std::int64_t n) const {
    return storage_.extras ? static_cast<double>(offset_[static_cast<std::size_t>(stored(n))]) : 0;
  }

 private:
  void add_outcomes(Noise& noise, std::int64_t stored) {
    for (std::int64_t i = 0; i < stored; ++i) {
      const double trials = storage_.extras ? 1 + static_cast<double>(i % 3) : 1;
      y_.push_back(static_cast<T>(storage_.likelihood == internal::RowLikelihood::unit_gaussian
                                      ? noise()
                                      : std::floor(trials * std::abs(noise()) + 0.5)));
      trials_.push_back(static_cast<T>(trials));
      weights_.push_back(static_cast<T>(0.5 + std::abs(noise())));
      offset_.push_back(static_cast<T>(0.5 + 0.3 * noise()));
    }
    Rows<T>& rows = source_.rows;
    rows.y = keep(y_);
    if (!storage_.extras) return;
    rows.trials = keep(trials_);
    rows.weights = keep(weights_);
    rows.offset = keep(offset_);
    rows.scale = T(1.25);
  }

  // What lies between and behind rows is NaN, or not there.
  template <class E>
  const void* laid_out(std::int64_t stored, std::int64_t in_front) {
    const Rows<T>& rows = source_.rows;
    std::vector<E> x(static_cast<std::size_t>(in_front + (stored - 1) * rows.stride + rows.n_features),
                     static_cast<E>(std::nan("")));
    for (std::int64_t i = 0; i < stored; ++i)
      for (std::int64_t j = 0; j < rows.n_features; ++j)
        x[static_cast<std::size_t>(in_front + i * rows.stride + j)] =
            static_cast<E>(values_[static_cast<std::size_t>(i * rows.n_features + j)]);
    return keep(x) + in_front;
  }
  void store_dense(std::int64_t of_x) {
    Rows<T>& rows = source_.rows;
    const bool own = storage_.copying != Copying::convert || (storage_.centre && storage_.index);
    rows.element = (sizeof(T) == sizeof(float)) == own ? Element::float32 : Element::float64;
    rows.stride = (rows.n_features / kLanes<T> + 1) * kLanes<T>;
    // Not aligned: now for the first element's sake, now for the stride's.
    const std::int64_t in_front = storage_.copying == Copying::elements && storage_.index ? 1 : 0;
    if (storage_.copying == Copying::elements && in_front == 0) rows.stride += 1;
    rows.x = rows.element == Element::float32 ? laid_out<float>(of_x, in_front) : laid_out<double>(of_x, in_front);
  }
  void store_sparse(std::int64_t stored) {
    const std::int64_t features = source_.rows.n_features;
    std::vector<std::int64_t> row_start{0};
    std::vector<std::int32_t> column;
    std::vector<double> value;
    for (std::int64_t i = 0; i < stored; ++i) {
      for (std::int64_t j = 0; j < features; ++j) {
        const double x = values_[static_cast<std::size_t>(i * features + j)];
        if (x == 0) continue;
        column.push_back(static_cast<std::int32_t>(j));
        value.push_back(x);
      }
      row_start.push_back(static_cast<std::int64_t>(column.size()));
    }
    source_.rows.row_start = keep(row_start);
    source_.rows.column = keep(column);
    source_.rows.value = keep(value);
  }

  template <class E>
  const E* keep(const std::vector<E>& host) {
    if (host.empty()) return nullptr;
    auto device = std::make_shared<simt::DeviceArray<E>>(host);
    kept_.push_back(device);
    return device->data();
  }

  Storage storage_;
  RowSource<T> source_{};
  std::vector<double> values_, centre_;  // [stored, n_features]; what a float holds
  std::vector<std::int64_t> index_;
  std::vector<T> y_, trials_, weights_, offset_;
  std::vector<std::shared_ptr<void>> kept_;
};

}  // namespace velbo::kernels

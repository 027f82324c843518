// models/plate.h - what a Plate holds, and the sum over rows of a model's plates.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/row_sum.h"
#include "velbo/parameters.h"
#include "velbo/plate.h"

namespace velbo::internal {

struct PlateState {
  std::string name;
  std::vector<double> data;  // [n_rows, n_columns]
  std::int64_t n_rows = 0, n_columns = 0;
  std::vector<Latent> latents;
  RowLoop loop;
};

// Some of a model's rows, which count as all of them: those of its plates one after the other, from 0.
struct RowBatch {
  std::span<const std::int64_t> rows;
  double scale = 1;  // n_rows of the model / rows.size()
};

// A model's plates, with their latents' places among its parameters.
class Plates {
 public:
  using Clock = RowSumClock;

  Plates() = default;
  // Throws Error(argument) for a latent that is no parameter's, or is out of its range: which plate, row and latent.
  Plates(std::vector<Plate> plates, const Parameters& parameters);

  [[nodiscard]] bool empty() const { return plates_.empty(); }
  [[nodiscard]] std::int64_t n_rows() const { return n_rows_; }  // of all plates
  [[nodiscard]] const std::vector<Plate>& plates() const { return plates_; }

  [[nodiscard]] std::vector<PlateRows> rows() const;

  // Adds the sum over rows to value [S] and, unless it is null, gradient [S, n_constrained], at theta [S, n_constrained].  All rows
  // where batch is null.  The same bits for any number of workers, and for a draw whatever the others are.  Throws OutOfTime.
  void add(std::int64_t n_draws, const double* theta, const RowBatch* batch, const Workers& workers,
           Clock::time_point deadline, double* value, double* gradient) const;

  // The log density of each row: out [S, n_rows].
  void row_values(std::int64_t n_draws, const double* theta, const Workers& workers, double* out) const;

 private:
  struct Bound {  // of one plate
    std::vector<std::vector<std::int64_t>> element;
    std::vector<const std::int64_t*> lists;
    std::vector<std::int64_t> stride;
    std::int64_t first_row = 0;
  };
  struct Chunk;

  [[nodiscard]] RowSlice slice(const Chunk& chunk) const;
  [[nodiscard]] std::vector<Chunk> chunks(const std::vector<std::vector<std::int64_t>>* batch) const;

  std::vector<Plate> plates_;
  std::vector<Bound> bound_;
  std::int64_t n_rows_ = 0, n_constrained_ = 0;
};

}  // namespace velbo::internal

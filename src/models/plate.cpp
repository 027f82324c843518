// models/plate.cpp
#include "models/plate.h"

#include <fmt/format.h>

#include <algorithm>

#include "velbo/error.h"
#include "velbo/transform.h"

namespace velbo {
namespace internal {
namespace {

// Rows of a chunk, which is summed by itself: enough that the sums of chunks cost little, also with many parameters.
constexpr std::int64_t kChunkRows = 4096;

}  // namespace

struct Plates::Chunk {
  std::size_t plate = 0;
  const std::int64_t* rows = nullptr;
  std::int64_t first_row = 0, n_rows = 0;
};

Plates::Plates(std::vector<Plate> plates, const Parameters& parameters)
    : plates_(std::move(plates)), n_constrained_(parameters.n_constrained()) {
  for (const Plate& plate : plates_) {
    Bound bound;
    for (std::size_t k = 0; k < plate.latents().size(); ++k) {
      const Latent& latent = plate.latents()[k];
      const ParameterBlock& block = parameters.blocks()[parameters.index(latent.parameter)];
      const std::int64_t size = block.count * transform::n_constrained(block.constraint, block.size);
      std::vector<std::int64_t> element;
      for (std::size_t r = 0; r < latent.element.size(); ++r) {
        const std::int64_t at = latent.element[r];
        if (at < 0 || at >= size)
          throw Error(ErrorCode::argument,
                      fmt::format("plate \"{}\"{}: latent {} is element {} of \"{}\", expected 0 to {}", plate.name(),
                                  latent.of_each_row ? fmt::format(", row {}", r) : std::string(), k, at,
                                  latent.parameter, size - 1));
        element.push_back(block.theta_offset + at);
      }
      bound.element.push_back(std::move(element));
      bound.stride.push_back(latent.of_each_row ? 1 : 0);
    }
    for (const auto& element : bound.element) bound.lists.push_back(element.data());
    bound.first_row = n_rows_;
    n_rows_ += plate.n_rows();
    bound_.push_back(std::move(bound));
  }
}

std::vector<PlateRows> Plates::rows() const {
  std::vector<PlateRows> out;
  for (std::size_t p = 0; p < plates_.size(); ++p) {
    const PlateState& state = plates_[p].state();
    PlateRows rows{state.data.data(), state.n_rows, state.n_columns, bound_[p].lists, {}};
    for (const std::int64_t stride : bound_[p].stride) rows.of_each_row.push_back(stride == 1);
    out.push_back(std::move(rows));
  }
  return out;
}

RowSlice Plates::slice(const Chunk& chunk) const {
  const PlateState& state = plates_[chunk.plate].state();
  RowSlice out;
  out.data = state.data.data();
  out.n_columns = state.n_columns;
  out.rows = chunk.rows;
  out.first_row = chunk.first_row;
  out.n_rows = chunk.n_rows;
  out.element = bound_[chunk.plate].lists.data();
  out.stride = bound_[chunk.plate].stride.data();
  return out;
}

// A function of the model and the batch alone, so that sums are.
std::vector<Plates::Chunk> Plates::chunks(const std::vector<std::vector<std::int64_t>>* batch) const {
  const std::int64_t most = std::max(kChunkRows, n_constrained_);
  std::vector<Chunk> out;
  for (std::size_t p = 0; p < plates_.size(); ++p) {
    const std::int64_t n = batch == nullptr ? plates_[p].n_rows() : static_cast<std::int64_t>((*batch)[p].size());
    for (std::int64_t first = 0; first < n; first += most)
      out.push_back({p, batch == nullptr ? nullptr : (*batch)[p].data() + first, first, std::min(most, n - first)});
  }
  return out;
}

void Plates::add(std::int64_t n_draws, const double* theta, const RowBatch* batch, const Workers& workers,
                 Clock::time_point deadline, double* value, double* gradient) const {
  if (empty()) return;
  std::vector<std::vector<std::int64_t>> of_plates;
  if (batch != nullptr) {
    of_plates.resize(plates_.size());
    for (const std::int64_t row : batch->rows) {
      std::size_t p = plates_.size() - 1;
      while (row < bound_[p].first_row) --p;
      of_plates[p].push_back(row - bound_[p].first_row);
    }
  }
  const double scale = batch == nullptr ? 1 : batch->scale;
  const std::vector<Chunk> parts = chunks(batch == nullptr ? nullptr : &of_plates);
  const ChunkSum sum = [&](std::int64_t i, int n_here, const double* draws, double* value_here, double* gradient_here) {
    const Chunk& chunk = parts[static_cast<std::size_t>(i)];
    RowSlice rows = slice(chunk);
    rows.n_draws = n_here;
    rows.theta = draws;
    rows.value = value_here;
    rows.gradient = gradient_here;
    plates_[chunk.plate].state().loop(rows);
  };
  add_chunks(static_cast<std::int64_t>(parts.size()), n_draws, n_constrained_, theta, scale, workers, deadline, sum,
             value, gradient);
}

void Plates::row_values(std::int64_t n_draws, const double* theta, const Workers& workers, double* out) const {
  const std::vector<Chunk> parts = chunks(nullptr);
  std::vector<double> draws;
  for (std::int64_t first = 0; first < n_draws; first += kPlateDraws) {
    const int n_here = static_cast<int>(std::min<std::int64_t>(kPlateDraws, n_draws - first));
    transpose_draws(n_constrained_, n_here, theta + first * n_constrained_, draws);
    parallel_for(static_cast<std::int64_t>(parts.size()), workers, [&](std::int64_t i, int) {
      const Chunk& chunk = parts[static_cast<std::size_t>(i)];
      std::vector<double> rows_value(static_cast<std::size_t>(chunk.n_rows * kPlateDraws)), sum(kPlateDraws);
      RowSlice rows = slice(chunk);
      rows.n_draws = n_here;
      rows.theta = draws.data();
      rows.value = sum.data();
      rows.row_value = rows_value.data();
      plates_[chunk.plate].state().loop(rows);
      const std::int64_t place = bound_[chunk.plate].first_row + chunk.first_row;
      for (std::int64_t r = 0; r < chunk.n_rows; ++r)
        for (int s = 0; s < n_here; ++s)
          out[(first + s) * n_rows_ + place + r] = rows_value[static_cast<std::size_t>(r * kPlateDraws + s)];
    });
  }
}

}  // namespace internal

Latent local(std::string parameter, std::int64_t n_rows) {
  std::vector<std::int64_t> element;
  for (std::int64_t r = 0; r < n_rows; ++r) element.push_back(r);
  return {std::move(parameter), std::move(element), true};
}

Plate::Plate(MatrixView<const double> data, std::vector<Latent> latents, internal::RowLoop loop, std::string name) {
  if (data.n_rows < 1 || data.n_columns < 0)
    throw Error(ErrorCode::argument, fmt::format("plate \"{}\" has {} rows of {} columns, expected at least one row",
                                                 name, data.n_rows, data.n_columns));
  if (data.n_columns > 0 && (data.data == nullptr || data.stride < data.n_columns))
    throw Error(ErrorCode::argument,
                fmt::format("plate \"{}\": {} columns, but rows are {} numbers apart{}", name, data.n_columns,
                            data.stride, data.data == nullptr ? " and the data are null" : ""));
  for (std::size_t k = 0; k < latents.size(); ++k) {
    const auto length = static_cast<std::int64_t>(latents[k].element.size()),
               expected = latents[k].of_each_row ? data.n_rows : 1;
    if (length != expected)
      throw Error(ErrorCode::shape, fmt::format("plate \"{}\": latent {} (\"{}\") has {} elements, expected {}", name,
                                                k, latents[k].parameter, length,
                                                latents[k].of_each_row ? fmt::format("one a row: {}", expected) : "1"));
  }
  std::vector<double> copy;
  copy.reserve(static_cast<std::size_t>(data.n_rows * data.n_columns));
  for (std::int64_t r = 0; r < data.n_rows; ++r)
    copy.insert(copy.end(), data.data + r * data.stride, data.data + r * data.stride + data.n_columns);
  state_ = std::make_shared<const internal::PlateState>(internal::PlateState{
      std::move(name), std::move(copy), data.n_rows, data.n_columns, std::move(latents), std::move(loop)});
}

const std::string& Plate::name() const noexcept { return state_->name; }
std::int64_t Plate::n_rows() const noexcept { return state_->n_rows; }
std::int64_t Plate::n_columns() const noexcept { return state_->n_columns; }
const std::vector<Latent>& Plate::latents() const noexcept { return state_->latents; }

}  // namespace velbo

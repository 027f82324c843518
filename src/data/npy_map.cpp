// data/npy_map.cpp - .npy files used where they lie.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "data/feature_store.h"
#include "data/mapped_file.h"
#include "data/memory.h"
#include "data/npy_header.h"
#include "velbo/data.h"
#include "velbo/error.h"
#include "velbo/table.h"

namespace velbo {
namespace {

FeatureMatrix read_whole(const std::string& path, const internal::NpyHeader& header) {
  std::uint64_t n_items = 1;
  for (const std::uint64_t size : header.shape) n_items *= size;
  const double bytes = static_cast<double>(n_items) * sizeof(double) * (header.is_fortran_order ? 2 : 1);
  const auto available = static_cast<double>(internal::available_memory());
  if (bytes > 0.8 * available)
    throw Error(
        ErrorCode::file,
        fmt::format("{}: is in Fortran order or not of float32 or float64, so it must be read into memory, which "
                    "takes {:.1f} GB of {:.1f} GB; save it as numpy.ascontiguousarray(a, 'f4'), which is used "
                    "where it lies",
                    path, bytes / 1e9, available / 1e9));
  NpyArray array = read_npy(path);
  return FeatureMatrix::adopt(std::move(array.values), array.n_rows, array.n_columns);
}

}  // namespace

FeatureMatrix FeatureMatrix::map_npy(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {  // a pipe can be read once and not mapped
    NpyArray array = read_npy(path);
    return adopt(std::move(array.values), array.n_rows, array.n_columns);
  }
  std::ifstream file = internal::open_npy(path);
  const internal::NpyHeader header = internal::read_npy_header(file, path);
  const auto n_rows = static_cast<std::int64_t>(header.shape[0]);
  const auto n_columns = header.shape.size() == 2 ? static_cast<std::int64_t>(header.shape[1]) : 1;
  const std::streamoff offset = file.tellg();
  // What is not aligned cannot be read in place.
  const bool in_place = header.kind == 'f' && (!header.is_fortran_order || header.shape.size() == 1) && n_rows > 0 &&
                        n_columns > 0 && offset > 0 && offset % static_cast<std::streamoff>(header.item_size) == 0;
  if (!in_place) return read_whole(path, header);
  auto mapped = std::make_shared<const internal::MappedFile>(path);
  const auto begin = static_cast<std::size_t>(offset);
  internal::check_npy_size(path, mapped->size() - std::min(mapped->size(), begin), header);
  internal::FeatureStore store;
  store.n_rows = n_rows;
  store.n_columns = n_columns;
  store.element = header.item_size == 4 ? internal::Element::float32 : internal::Element::float64;
  store.x = mapped->data() + begin;
  store.stride = n_columns;
  store.is_mapped = true;
  store.file = mapped.get();
  store.owner = std::move(mapped);
  return FeatureMatrix(std::make_shared<const internal::FeatureStore>(std::move(store)));
}

}  // namespace velbo

// cpu/random.cpp - keys and the host's standard normals.
#include "velbo/random.h"

#include <algorithm>
#include <array>

#include "cpu/isa.h"
#include "math/philox.h"

namespace velbo {
namespace {

// Counters of keys lie apart from each other (folded_in() has the other) and from nothing else: keys are only ever hashed.
constexpr std::uint64_t kMakeKey = 0x76656c626f5f6b65;  // "velbo_ke"

template <class T>
void fill(Key key, std::uint32_t step, std::uint32_t draw, std::uint64_t first, std::span<T> out) {
  const auto make = internal::isa().normals;
  std::array<float, 1024> buffer{};
  std::uint64_t element = first;
  std::size_t done = 0;
  while (done < out.size()) {
    const std::uint64_t block = element / 4;
    const std::size_t skip = element % 4;
    const std::size_t wanted = std::min(out.size() - done, buffer.size() - skip);
    const std::size_t blocks = (skip + wanted + 3) / 4;
    make(key.value, step, draw, block, static_cast<std::int64_t>(blocks), buffer.data());
    std::copy_n(buffer.begin() + static_cast<std::ptrdiff_t>(skip), wanted,
                out.begin() + static_cast<std::ptrdiff_t>(done));
    done += wanted;
    element += wanted;
  }
}

}  // namespace

Key make_key(std::uint64_t seed, Purpose purpose) noexcept {
  return {internal::hashed(seed, static_cast<std::uint64_t>(purpose), kMakeKey)};
}

Key fold_in(Key key, std::uint64_t data) noexcept { return {internal::folded_in(key.value, data)}; }

void standard_normals(Key key, std::uint32_t step, std::uint32_t draw, std::uint64_t first,
                      std::span<float> out) noexcept {
  fill(key, step, draw, first, out);
}

void standard_normals(Key key, std::uint32_t step, std::uint32_t draw, std::uint64_t first,
                      std::span<double> out) noexcept {
  fill(key, step, draw, first, out);
}

}  // namespace velbo

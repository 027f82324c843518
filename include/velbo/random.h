// velbo/random.h - noise as a function: every random number is computed from a key and a counter, nothing is stored.
//
// The same (key, step, draw, element) gives the same bits on every processor, device, instruction set and thread count.
// Words are those of Philox4x32-10 (Salmon et al. 2011); normals are made of them by a Box-Muller transform that uses
// only correctly rounded operations (src/math/normal.h).
#pragma once
#include <cstdint>
#include <span>

#include "velbo/export.h"

namespace velbo {

// What a stream of random numbers is for.  Two uses of the same seed never share numbers.
enum class Purpose : std::uint32_t {
  sample = 1,
  diagnose = 2,
  subsample = 3,
  predict = 4,
  test = 5,
  step = 6,
  shuffle = 7,
  resample = 8,
  calibrate = 9
};

// The 64-bit key of a stream.
struct Key {
  std::uint64_t value = 0;
  friend bool operator==(const Key&, const Key&) = default;
};

// Pure functions; they never throw.
VELBO_EXPORT Key make_key(std::uint64_t seed, Purpose purpose) noexcept;
// A key derived from another one and a number, e.g. one key a restart.
VELBO_EXPORT Key fold_in(Key key, std::uint64_t data) noexcept;

// Writes standard normals for elements first, first + 1, ... of (key, step, draw) into out, on the host.
// Element e uses word e % 4 of Philox block e / 4, so any slice can be made on its own.
VELBO_EXPORT void standard_normals(Key key, std::uint32_t step, std::uint32_t draw, std::uint64_t first,
                                   std::span<float> out) noexcept;
// The same normals, widened: double fits use the float normals.
VELBO_EXPORT void standard_normals(Key key, std::uint32_t step, std::uint32_t draw, std::uint64_t first,
                                   std::span<double> out) noexcept;

}  // namespace velbo

// The host's normals without the rest of the library, so that a mutant links in no time.  Its keys are others.
#include "math/normal.h"
#include "velbo/random.h"

namespace velbo {
namespace {

template <class T>
void fill(Key key, std::uint32_t step, std::uint32_t draw, std::uint64_t first, std::span<T> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t element = first + i;
    float four[4];
    internal::four_normals(internal::words_at(key.value, step, draw, element / 4), four);
    out[i] = static_cast<T>(four[element % 4]);
  }
}

}  // namespace

Key make_key(std::uint64_t seed, Purpose purpose) noexcept {
  return {(seed << 8) + static_cast<std::uint64_t>(purpose)};
}

void standard_normals(Key key, std::uint32_t step, std::uint32_t draw, std::uint64_t first,
                      std::span<float> out) noexcept {
  fill(key, step, draw, first, out);
}
void standard_normals(Key key, std::uint32_t step, std::uint32_t draw, std::uint64_t first,
                      std::span<double> out) noexcept {
  fill(key, step, draw, first, out);
}

}  // namespace velbo

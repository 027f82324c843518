// data/prefetch.cpp
#include "data/prefetch.h"

#include <sys/mman.h>  // for madvise
#include <unistd.h>    // for sysconf

#include <algorithm>
#include <cstddef>

namespace velbo::internal {

void prefetch(const FeatureStore& x, std::span<const RowRange> ranges) {
  if (!x.is_mapped) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto row_bytes =
      static_cast<std::uintptr_t>(x.stride) * (x.element == Element::float32 ? sizeof(float) : sizeof(double));
  const auto first = reinterpret_cast<std::uintptr_t>(x.x);
  for (const RowRange& range : ranges) {
    const std::int64_t begin = std::clamp<std::int64_t>(range.begin, 0, x.n_rows);
    const std::int64_t end = std::clamp<std::int64_t>(range.end, begin, x.n_rows);
    if (begin == end) continue;
    const std::uintptr_t from = (first + static_cast<std::uintptr_t>(begin) * row_bytes) / page * page;
    const std::uintptr_t to = first + static_cast<std::uintptr_t>(end) * row_bytes;
    (void)::madvise(reinterpret_cast<void*>(from), to - from, MADV_WILLNEED);
  }
}

}  // namespace velbo::internal

// data/memory.cpp
#include "data/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace velbo::internal {
namespace {

constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();

std::int64_t mem_available() {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;) {
    std::int64_t kilobytes = 0;
    if (word == "MemAvailable:" && file >> kilobytes) return kilobytes * 1024;
  }
  return kUnknown;
}

// Of the control group that a container sees as the root (version 2); "max" is no limit.  What it uses counts pages of
// files, which the kernel can drop.
std::int64_t group_available() {
  std::int64_t limit = 0, used = 0, file_pages = 0;
  std::ifstream limit_file("/sys/fs/cgroup/memory.max"), used_file("/sys/fs/cgroup/memory.current");
  if (!(limit_file >> limit) || !(used_file >> used)) return kUnknown;
  std::ifstream statistics("/sys/fs/cgroup/memory.stat");
  for (std::string word; statistics >> word;)
    if (word == "file" && statistics >> file_pages) break;
  return std::max<std::int64_t>(0, limit - std::max<std::int64_t>(0, used - file_pages));
}

}  // namespace

std::int64_t available_memory() { return std::min(mem_available(), group_available()); }

}  // namespace velbo::internal

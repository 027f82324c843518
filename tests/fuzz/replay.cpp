// tests/fuzz/replay.cpp - runs a fuzz target on kept inputs, without a fuzzer: TARGET FILE_OR_FOLDER...
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"

namespace {

// An input of a few kilobytes is no reason to take more, a sanitizer's own share included.
constexpr long kMostKilobytes = 1L << 20;

bool is_replayed(const std::string& path) {
  const std::string bytes = velbo::fuzz::bytes_of(path);
  std::printf("%s (%zu bytes)\n", path.c_str(), bytes.size());
  std::fflush(stdout);  // the last one that is named is the one that ended the process
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  if (usage.ru_maxrss <= kMostKilobytes) return true;
  std::printf("took %ld KiB of memory\n", usage.ru_maxrss);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      paths.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) {
    std::printf("there is no input to replay\n");
    return 1;
  }
  return std::all_of(paths.begin(), paths.end(), is_replayed) ? 0 : 1;
}

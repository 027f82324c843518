// data/memory.h - how much memory there is to be had.
#pragma once
#include <cstdint>

namespace velbo::internal {

// Bytes that could be used without swapping: the kernel's MemAvailable, or what a control group leaves where that is
// less.  A large number where neither is known.
std::int64_t available_memory();

}  // namespace velbo::internal

// backend/element.h - types of numbers that rows of data may be stored in.
#pragma once
#include <cstdint>

namespace velbo::internal {

enum class Element : std::int32_t { float32, float64 };

}  // namespace velbo::internal

// io/safetensors_layout.h - what the reader and the writer of safetensors files agree on.
#pragma once
#include <bit>
#include <cstdint>
#include <string_view>

namespace velbo::internal {

static_assert(std::endian::native == std::endian::little, "posterior files are written as the memory is");

inline constexpr std::uint64_t safetensors_length_bytes = 8;
inline constexpr std::uint64_t safetensors_largest_header = 100'000'000;  // the format's own limit
inline constexpr std::string_view checksum_key = "crc32";
// In the header as JSON writes it; inside a JSON text the quotes would be escaped, so this is found once only.
inline constexpr std::string_view checksum_prefix = "\"crc32\":\"";
inline constexpr std::string_view checksum_blank = "00000000";

}  // namespace velbo::internal

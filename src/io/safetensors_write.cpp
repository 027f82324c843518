#include <zlib.h>

#include <nlohmann/json.hpp>
#include <string>

#include "data/text.h"
#include "io/atomic_file.h"
#include "io/safetensors.h"
#include "io/safetensors_layout.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

std::string header_of(const Safetensors& content) {
  nlohmann::ordered_json header;
  nlohmann::ordered_json& metadata = header["__metadata__"];
  for (const auto& [key, value] : content.metadata) {
    if (!is_utf8(key) || !is_utf8(value))
      throw Error(ErrorCode::data,
                  "a name of the model is not UTF-8 text, so the posterior cannot be saved; convert the "
                  "table to UTF-8");
    metadata[key] = value;
  }
  metadata[std::string(checksum_key)] = checksum_blank;
  std::uint64_t begin = 0;
  for (const Tensor& tensor : content.tensors) {
    const std::uint64_t end = begin + tensor.values.size() * sizeof(double);
    header[tensor.name] = {{"dtype", "F64"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

std::uint32_t crc_of(std::uint32_t crc, const void* bytes, std::size_t size) {
  if (size == 0) return crc;  // zlib takes a null pointer for a wish to begin again
  return static_cast<std::uint32_t>(crc32_z(crc, static_cast<const Bytef*>(bytes), size));
}

}  // namespace

void write_safetensors(const std::string& path, const Safetensors& content) {
  std::string header = header_of(content);
  const std::uint64_t length = header.size();
  std::uint32_t crc = crc_of(0, &length, sizeof length);
  crc = crc_of(crc, header.data(), header.size());
  for (const Tensor& tensor : content.tensors)
    crc = crc_of(crc, tensor.values.data(), tensor.values.size() * sizeof(double));

  const std::size_t place = header.find(checksum_prefix) + checksum_prefix.size();
  for (std::size_t i = 0; i < checksum_blank.size(); ++i)
    header[place + i] = "0123456789abcdef"[crc >> (28U - 4U * i) & 15U];

  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(header);
  for (const Tensor& tensor : content.tensors) file.write(tensor.values.data(), tensor.values.size() * sizeof(double));
  file.commit();
}

}  // namespace velbo::internal

#include <fcntl.h>     // for open
#include <sys/stat.h>  // for fstat
#include <unistd.h>    // for read, close
#include <zlib.h>      // for crc32_z

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "data/text.h"
#include "io/safetensors.h"
#include "io/safetensors_layout.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

// An open regular file that knows its size and the checksum of what has been read.
class Reader {
 public:
  explicit Reader(const std::string& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) fail("cannot be read: " + std::generic_category().message(errno));
    struct stat status {};
    const bool known = ::fstat(descriptor_, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
      ::close(descriptor_);
      fail(known && S_ISDIR(status.st_mode) ? "is a directory, expected a posterior file"
                                            : "is not a regular file, expected a posterior file");
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~Reader() { ::close(descriptor_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t crc() const noexcept { return crc_; }

  // All of [bytes, bytes + n).
  void read(void* bytes, std::size_t n) {
    auto* place = static_cast<char*>(bytes);
    while (n > 0) {
      const ssize_t got = ::read(descriptor_, place, std::min<std::size_t>(n, std::size_t{1} << 30U));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw Error(ErrorCode::io, path_ + ": reading failed: " + std::generic_category().message(errno));
      if (got == 0) fail("is truncated");
      place += got;
      n -= static_cast<std::size_t>(got);
    }
  }
  void go_to(std::uint64_t place) { ::lseek(descriptor_, static_cast<off_t>(place), SEEK_SET); }
  void count(const void* bytes, std::size_t n) {
    crc_ = static_cast<std::uint32_t>(crc32_z(crc_, static_cast<const Bytef*>(bytes), n));
  }

  [[noreturn]] void fail(const std::string& why) const { throw Error(ErrorCode::file, path_ + ": " + why); }

 private:
  const std::string& path_;
  int descriptor_;
  std::uint64_t size_ = 0;
  std::uint32_t crc_ = 0;
};

// Takes the checksum out of the header's text, leaving a blank one in its place.
std::string take_checksum(const Reader& file, std::string& header) {
  const std::size_t prefix = header.find(checksum_prefix);
  const std::size_t place = prefix + checksum_prefix.size();
  if (prefix == std::string::npos || header.size() < place + checksum_blank.size())
    file.fail("has no checksum: it was not written by velbo, or it is corrupted");
  std::string digits = header.substr(place, checksum_blank.size());
  header.replace(place, checksum_blank.size(), checksum_blank);
  return digits;
}

std::string hex(std::uint32_t crc) {
  std::string out;
  for (unsigned shift = 32; shift > 0; shift -= 4) out += "0123456789abcdef"[crc >> (shift - 4U) & 15U];
  return out;
}

// Where the last tensor ends, as far as the header can be understood.
std::uint64_t claimed_bytes(const nlohmann::ordered_json& header) {
  std::uint64_t end = 0;
  if (!header.is_object()) return end;
  for (const auto& [name, entry] : header.items()) {
    const auto offsets = entry.is_object() ? entry.find("data_offsets") : entry.end();
    if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 || !(*offsets)[1].is_number_unsigned())
      continue;
    end = std::max(end, (*offsets)[1].get<std::uint64_t>());
  }
  return end;
}

// Reads the data once and compares the checksum of everything.
void check_integrity(Reader& file, const std::string& checksum, const nlohmann::ordered_json& header,
                     std::uint64_t data_bytes) {
  std::vector<char> block(std::min<std::uint64_t>(data_bytes, std::uint64_t{1} << 18U));
  for (std::uint64_t left = data_bytes; left > 0;) {
    const std::uint64_t n = std::min<std::uint64_t>(left, block.size());
    file.read(block.data(), n);
    file.count(block.data(), n);
    left -= n;
  }
  if (hex(file.crc()) == checksum) return;
  const std::uint64_t claimed = claimed_bytes(header);
  if (claimed > data_bytes)
    file.fail("is truncated: it has " + std::to_string(data_bytes) + " of " + std::to_string(claimed) +
              " bytes of data");
  file.fail("is corrupted: its checksum is " + internal::quoted(checksum) + ", its bytes give \"" + hex(file.crc()) +
            "\"");
}

std::map<std::string, std::string> metadata_of(const Reader& file, const nlohmann::ordered_json& header) {
  std::map<std::string, std::string> out;
  const auto found = header.find("__metadata__");
  if (found == header.end() || !found->is_object()) file.fail("has no metadata: it was not written by velbo");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) file.fail("has metadata that are not text: it was not written by velbo");
    if (key != checksum_key) out[key] = value.get<std::string>();
  }
  return out;
}

// The tensors without their values; checks that they fill the data exactly.
std::vector<Tensor> tensors_of(const Reader& file, const nlohmann::ordered_json& header, std::uint64_t data_bytes) {
  struct Place {
    std::uint64_t begin, end;
    Tensor tensor;
  };
  std::vector<Place> places;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const std::string what = "has a tensor " + internal::quoted(name);
    if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
      file.fail(what + " without dtype, shape or data_offsets");
    if (entry["dtype"] != "F64") file.fail(what + " that is not of type F64");
    const nlohmann::ordered_json& offsets = entry["data_offsets"];
    const auto is_size = [](const nlohmann::ordered_json& j) { return j.is_number_unsigned(); };
    if (!entry["shape"].is_array() || !std::ranges::all_of(entry["shape"], is_size) || !offsets.is_array() ||
        offsets.size() != 2 || !std::ranges::all_of(offsets, is_size))
      file.fail(what + " whose shape or data_offsets are not lists of sizes");
    Place place{offsets[0], offsets[1], {name, {}, {}}};
    if (place.begin > place.end || place.end > data_bytes)
      file.fail(what + " that ends outside of the file: it is truncated or corrupted");
    const std::uint64_t elements = (place.end - place.begin) / sizeof(double);
    std::uint64_t product = 1;
    for (const std::uint64_t extent : entry["shape"]) {
      if (extent != 0 && product > elements / extent) file.fail(what + " whose shape is larger than its data");
      product *= extent;
      place.tensor.shape.push_back(static_cast<std::int64_t>(extent));
    }
    if (product * sizeof(double) != place.end - place.begin) file.fail(what + " whose shape does not fit its data");
    places.push_back(std::move(place));
  }
  // Arrays without elements begin where the next one does, and come first.
  std::ranges::sort(places, {}, [](const Place& place) { return std::pair(place.begin, place.end); });
  std::vector<Tensor> out;
  std::uint64_t end = 0;
  for (Place& place : places) {
    if (place.begin != end) file.fail("has holes or overlaps between its tensors");
    end = place.end;
    out.push_back(std::move(place.tensor));
  }
  if (end != data_bytes)
    file.fail("has " + std::to_string(data_bytes) + " bytes of data, its header says " + std::to_string(end));
  return out;
}

std::uint64_t elements_of(const Tensor& tensor) {
  std::uint64_t n = 1;
  for (const std::int64_t extent : tensor.shape) n *= static_cast<std::uint64_t>(extent);
  return n;
}

}  // namespace

const Tensor* Safetensors::find(const std::string& name) const noexcept {
  for (const Tensor& tensor : tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

Safetensors read_safetensors(const std::string& path, bool metadata_only) {
  Reader file(path);
  if (file.size() == 0) file.fail("is empty, expected a posterior file");
  if (file.size() < safetensors_length_bytes) file.fail("is truncated, or not a posterior file");
  std::uint64_t length = 0;
  file.read(&length, sizeof length);
  file.count(&length, sizeof length);
  if (length < 2 || length > safetensors_largest_header) file.fail("is not a safetensors file (a saved posterior)");
  if (length > file.size() - safetensors_length_bytes)
    file.fail("is truncated, or not a safetensors file (a saved posterior)");

  std::string text(length, '\0');
  file.read(text.data(), text.size());
  if (text.front() != '{') file.fail("is not a safetensors file (a saved posterior)");
  const std::string checksum = take_checksum(file, text);
  file.count(text.data(), text.size());
  const std::uint64_t data_begin = safetensors_length_bytes + length;
  const std::uint64_t data_bytes = file.size() - data_begin;
  const nlohmann::ordered_json header = nlohmann::ordered_json::parse(text, nullptr, false);
  check_integrity(file, checksum, header, data_bytes);

  // From here on the bytes are those that were written; the checks below are against other writers.
  if (!header.is_object()) file.fail("has a header that is not JSON");
  Safetensors out;
  out.metadata = metadata_of(file, header);
  out.tensors = tensors_of(file, header, data_bytes);
  if (metadata_only) return out;
  file.go_to(data_begin);
  for (Tensor& tensor : out.tensors) {
    tensor.values.resize(elements_of(tensor));
    file.read(tensor.values.data(), tensor.values.size() * sizeof(double));
  }
  return out;
}

void fail_in_file(const std::string& path, const std::string& why) { throw Error(ErrorCode::file, path + ": " + why); }

const std::string& metadata_at(const std::string& path, const Safetensors& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) fail_in_file(path, "has no \"" + key + "\" in its metadata");
  return found->second;
}

}  // namespace velbo::internal

#include "data/npy_header.h"

#include <cerrno>  // for errno
#include <charconv>
#include <filesystem>
#include <limits>  // for numeric_limits
#include <string_view>
#include <system_error>  // for generic_category

#include "data/text.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::uint32_t kLongestHeader = 1U << 16U;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorCode::file, path + ": " + what);
}

// A reader of the one Python dictionary that NumPy writes: strings, True, False and a tuple of whole numbers.
class DictionaryReader {
 public:
  DictionaryReader(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  NpyHeader read() {
    NpyHeader header;
    bool has_type = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!take('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr") {
        read_type(header);
        has_type = true;
      } else if (key == "fortran_order") {
        header.is_fortran_order = boolean();
        has_order = true;
      } else if (key == "shape") {
        header.shape = shape();
        has_shape = true;
      } else {
        malformed();
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (!text_.empty() || !has_type || !has_order || !has_shape) malformed();
    return header;
  }

 private:
  [[noreturn]] void malformed() const { fail(path_, "is not a .npy array: its header is malformed"); }

  void skip_blanks() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n' || text_[0] == '\t' || text_[0] == '\r'))
      text_.remove_prefix(1);
  }
  bool take(char c) {
    skip_blanks();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) malformed();
  }
  bool take_word(std::string_view word) {
    skip_blanks();
    if (text_.substr(0, word.size()) != word) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  std::string_view string() {
    skip_blanks();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) malformed();
    const std::size_t end = text_.find(text_[0], 1);
    if (end == std::string_view::npos) malformed();
    const std::string_view out = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return out;
  }

  bool boolean() {
    if (take_word("True")) return true;
    if (take_word("False")) return false;
    malformed();
  }

  std::vector<std::uint64_t> shape() {
    std::vector<std::uint64_t> out;
    expect('(');
    while (!take(')')) {
      skip_blanks();
      std::uint64_t size = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error == std::errc::result_out_of_range) fail(path_, "its shape is too large for any array");
      if (error != std::errc()) malformed();
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      take('L');  // Python 2
      out.push_back(size);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }

  void read_type(NpyHeader& header) {
    skip_blanks();
    if (!text_.empty() && text_[0] == '[') fail(path_, "is an array of records, expected numbers");
    const std::string_view type = string();
    const std::string shown = "its type is " + internal::quoted(type);
    if (type.size() < 2) fail(path_, shown + ", expected numbers");
    const char order = type[0];
    const char kind = type[1];
    if (kind == 'O') fail(path_, shown + ": Python objects, expected numbers");
    if (kind == 'U' || kind == 'S') fail(path_, shown + ": text, expected numbers");
    if (kind == 'c') fail(path_, shown + ": complex numbers, expected real ones");
    if (order == '>')
      fail(path_, shown + ": big-endian, expected little-endian (numpy: a.astype(a.dtype.newbyteorder('<')))");
    const std::string_view size = type.substr(2);
    const bool is_sound =
        (order == '<' || order == '|' || order == '=') &&
        ((kind == 'f' && (size == "4" || size == "8")) || (kind == 'b' && size == "1") ||
         ((kind == 'i' || kind == 'u') && (size == "1" || size == "2" || size == "4" || size == "8")));
    if (!is_sound) fail(path_, shown + ", expected float32, float64, an integer or bool");
    header.kind = kind;
    header.item_size = static_cast<std::size_t>(size[0] - '0');
  }

  std::string_view text_;
  const std::string& path_;
};

void check_shape(const NpyHeader& header, const std::string& path) {
  if (header.shape.empty() || header.shape.size() > 2) {
    throw Error(ErrorCode::shape,
                path + ": has " + std::to_string(header.shape.size()) + " dimensions, expected 1 or 2");
  }
  std::uint64_t bytes = header.item_size;
  for (const std::uint64_t size : header.shape) {
    constexpr std::uint64_t most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (size > most || (size != 0 && bytes > most / size)) fail(path, "its shape is too large for any array");
    bytes *= size;
  }
}

}  // namespace

std::ifstream open_npy(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) fail(path, "is a directory, expected a file");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path, "cannot be read: " + std::generic_category().message(errno));
  return file;
}

NpyHeader read_npy_header(std::ifstream& file, const std::string& path) {
  const auto read = [&](std::size_t n) {
    std::string bytes(n, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(n));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    return bytes;
  };
  const std::string start = read(8);
  if (start.empty()) fail(path, "is empty, expected a .npy array");
  if (start.substr(0, 4) == "PK\x03\x04") fail(path, "is a .npz archive, expected one array (numpy.save writes one)");
  if (start.substr(0, 6) != "\x93NUMPY") {
    fail(path, "is not a .npy array: it begins with " + internal::quoted(is_utf8(start) ? start : "other bytes"));
  }
  if (start.size() < 8) fail(path, "is cut off in its header");
  const char version = start[6];
  if (version < 1 || version > 3) {
    fail(path,
         "is a .npy array of format " + std::to_string(static_cast<unsigned char>(version)) + ", expected 1 to 3");
  }
  const std::string length_bytes = read(version == 1 ? 2 : 4);
  if (length_bytes.size() < (version == 1 ? 2U : 4U)) fail(path, "is cut off in its header");
  std::uint32_t length = 0;
  for (std::size_t i = length_bytes.size(); i-- > 0;)
    length = (length << 8U) | static_cast<unsigned char>(length_bytes[i]);
  if (length > kLongestHeader)
    fail(path, "is not a .npy array: its header is " + std::to_string(length) + " bytes long");
  const std::string text = read(length);
  if (text.size() < length) fail(path, "is cut off in its header");
  NpyHeader header = DictionaryReader(text, path).read();
  check_shape(header, path);
  return header;
}

void check_npy_size(const std::string& path, std::uint64_t found, const NpyHeader& header) {
  std::uint64_t expected = header.item_size;
  for (const std::uint64_t size : header.shape) expected *= size;
  if (found < expected) {
    fail(path,
         "is cut off: it holds " + std::to_string(found) + " bytes of data, expected " + std::to_string(expected));
  }
  if (found > expected) fail(path, "holds more than the " + std::to_string(expected) + " bytes of data of its shape");
}

}  // namespace velbo::internal

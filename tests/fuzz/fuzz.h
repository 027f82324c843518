// tests/fuzz/fuzz.h - what the fuzz targets share: bytes as a file, and checks that end the process with a reason.
//
// A target is one source with one function, LLVMFuzzerTestOneInput (https://llvm.org/docs/LibFuzzer.html).  ./dev fuzz links
// it with libFuzzer; every other build links it with replay.cpp, which feeds it the files of corpus/TARGET.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "formula/design.h"
#include "velbo/table.h"

// libFuzzer calls it once an input; 0 is the only value it may return.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace velbo::fuzz {

// A path in a folder of this process alone, in memory where there is /dev/shm; removed at exit.
std::string scratch_path(std::string_view name);
// A file that holds these bytes, the same one at every call.
std::string as_file(std::string_view bytes);
std::string bytes_of(const std::string& path);

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Ends the process with a message, and the input that led there is kept, unless `holds`.
void expect(bool holds, const char* promise);

// True where it returns.  False where it throws an Error whose message is what errors promise to be: not empty, one line
// (a formula's shows the formula below), and the user's to mend.  Anything else ends the process.
bool accepts(const std::function<void()>& read);

// A safetensors file's checksum is what keeps mutated ones from being read at all: writes the right one into the bytes,
// where they have a place for it.
std::string with_right_checksum(std::string bytes);

// Numbers, texts with and without missing values, and a name with a blank.
const Table& table();

// Ends the process unless the design survives its own JSON: the same columns of the same numbers.
void expect_design_survives(const internal::Design& design);

}  // namespace velbo::fuzz

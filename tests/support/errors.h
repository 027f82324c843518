// tests/support/errors.h - what a call says when it fails, as text to compare.
#pragma once
#include <string>

#include "velbo/error.h"

namespace velbo::test {

inline std::string code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::argument: return "argument";
    case ErrorCode::shape: return "shape";
    case ErrorCode::data: return "data";
    case ErrorCode::file: return "file";
    case ErrorCode::formula: return "formula";
    case ErrorCode::device: return "device";
    case ErrorCode::io: return "io";
    case ErrorCode::memory: return "memory";
    case ErrorCode::internal: return "internal";
  }
  return "?";
}

// "data| FILE:3: 4 fields, expected 5", with `path` shown as FILE; "nothing" when the call does not throw an Error.
template <class Call>
std::string error_of(Call&& call, const std::string& path = "") {
  try {
    call();
  } catch (const Error& error) {
    std::string text = code_name(error.code()) + "| " + error.what();
    for (std::size_t at = 0; !path.empty() && (at = text.find(path, at)) != std::string::npos;)
      text.replace(at, path.size(), "FILE");
    return text;
  }
  return "nothing";
}

}  // namespace velbo::test

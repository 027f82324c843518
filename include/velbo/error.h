// velbo/error.h - the one exception type of the library.
#pragma once
#include <stdexcept>
#include <string>

#include "velbo/export.h"

namespace velbo {

// What kind of thing went wrong.  The first group is the caller's to mend, the second is not.
enum class ErrorCode {
  argument,  // an option, a prior, a likelihood or a combination of them that makes no sense
  shape,     // sizes that do not fit together
  data,      // a value in a table or an array that cannot be used
  file,      // a path that cannot be opened for reading or writing, or whose content is not what it should be
  formula,   // a model formula that cannot be read, or that names a column that is not there
  device,    // a device that was asked for and is not usable

  io,        // reading or writing failed half-way (disk full, broken pipe)
  memory,    // out of memory
  internal,  // a broken promise of the library's own
};

// True for the codes that a change of input can mend (exit status 2 of the program); false otherwise (exit status 1).
VELBO_EXPORT bool is_user_error(ErrorCode code) noexcept;

// Every error that the library throws.  what() is one line that names the place, the value and what was expected,
// e.g. `wells.csv:17: column "arsenic" is "abc", not a number`.
class VELBO_EXPORT Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace velbo

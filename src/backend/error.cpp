#include "velbo/error.h"

namespace velbo {

bool is_user_error(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::argument:
    case ErrorCode::shape:
    case ErrorCode::data:
    case ErrorCode::file:
    case ErrorCode::formula:
    case ErrorCode::device: return true;
    case ErrorCode::io:
    case ErrorCode::memory:
    case ErrorCode::internal: break;
  }
  return false;
}

}  // namespace velbo

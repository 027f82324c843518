// cpu/parallel.h - runs n independent pieces of work on up to `threads` threads.
//
// Threads are started for the call and joined before it returns: tens of microseconds, which work worth sharing (callers
// check) does not notice, and a service that links velbo keeps no idle threads of ours.  Which thread takes which piece
// is not fixed; pieces write to places of their own, so results do not depend on it.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace velbo::internal {

// Work below this many floating-point operations is done by the calling thread alone.
inline constexpr double kOperationsWorthThreads = 1e7;

// Calls piece(i, worker) for i = 0 .. n - 1, worker < the number of threads in use.  Rethrows the first exception.
template <class Piece>
void parallel_for(std::int64_t n, int threads, const Piece& piece) {
  const int workers = static_cast<int>(n < threads ? n : threads);
  if (workers <= 1) {
    for (std::int64_t i = 0; i < n; ++i) piece(i, 0);
    return;
  }
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&](int worker) {
    try {
      for (std::int64_t i = next.fetch_add(1); i < n; i = next.fetch_add(1)) piece(i, worker);
    } catch (...) {
      next.store(n);
      const std::scoped_lock lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;  // joined at the end of this scope
    helpers.reserve(static_cast<std::size_t>(workers - 1));
    for (int w = 1; w < workers; ++w) helpers.emplace_back(work, w);
    work(0);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace velbo::internal

// cpu/parallel.h - runs n independent pieces of work on some threads.
//
// Which thread takes which piece is not fixed; pieces write to places of their own, so results do not depend on it.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

#include "cpu/thread_team.h"

namespace velbo::internal {

// Work below this many floating-point operations is done by the calling thread alone (docs/performance.md, "Threads").
inline constexpr double kOperationsWorthThreads = 4e6;
// The same where threads would have to be started for it.
inline constexpr double kOperationsWorthStartingThreads = 1e7;

struct Workers {
  Workers(int count) : threads(count) {}  // NOLINT: implicit.  Started for the call
  Workers(int count, ThreadTeam* with) : threads(count), team(with) {}
  int threads;
  ThreadTeam* team = nullptr;
};

// Calls piece(i, worker) for i = 0 .. n - 1, worker < workers.threads.  Rethrows the first exception.
template <class Piece>
void parallel_for(std::int64_t n, const Workers& workers, const Piece& piece) {
  if (n <= 1 || workers.threads <= 1) {
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
  const int threads = static_cast<int>(n < workers.threads ? n : workers.threads);
  if (workers.team != nullptr) {
    workers.team->run(threads, work);
  } else {
    ThreadTeam().run(threads, work);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace velbo::internal

#include "cpu/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace velbo::internal {
namespace {

TEST(ParallelFor, DoesEveryPieceOnceWithAValidWorker) {
  for (const int threads : {1, 2, 5, 16})
    for (const std::int64_t n : {0, 1, 2, 15, 1000}) {
      std::vector<int> done(static_cast<std::size_t>(n), 0);
      std::atomic<bool> worker_in_range{true};
      parallel_for(n, threads, [&](std::int64_t i, int worker) {
        ++done[static_cast<std::size_t>(i)];
        if (worker < 0 || worker >= threads) worker_in_range = false;
      });
      EXPECT_EQ(std::accumulate(done.begin(), done.end(), 0), n);
      for (const int count : done) EXPECT_EQ(count, 1);
      EXPECT_TRUE(worker_in_range);
    }
}

TEST(ParallelFor, PassesOnAnExceptionAndStops) {
  std::atomic<int> started{0};
  // Pieces that take their time: instant ones could all be done before a preempted thread gets round to throwing.
  EXPECT_THROW(parallel_for(5000, 4,
                            [&](std::int64_t i, int) {
                              ++started;
                              if (i == 10) throw std::runtime_error("piece 10");
                              std::this_thread::sleep_for(std::chrono::milliseconds(1));
                            }),
               std::runtime_error);
  EXPECT_LT(started, 5000);
}

}  // namespace
}  // namespace velbo::internal

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

// A team is used again and again, whether its helpers are awake or asleep.
TEST(ThreadTeam, DoesJobAfterJob) {
  for (const int threads : {2, 3, 16}) {
    ThreadTeam team;
    for (int job = 0; job < 2000; ++job) {
      std::vector<int> done(37, 0);
      parallel_for(37, {threads, &team}, [&](std::int64_t i, int worker) {
        done[static_cast<std::size_t>(i)] += job + 1;
        if (worker < 0 || worker >= threads) done[static_cast<std::size_t>(i)] = -1;
      });
      for (const int value : done) ASSERT_EQ(value, job + 1);
      if (job % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
}

// Two pieces that wait for each other: one thread alone would never end.
TEST(ThreadTeam, HelpersDoHelp) {
  ThreadTeam team;
  for (int job = 0; job < 20; ++job) {
    std::atomic<int> here{0};
    parallel_for(2, {2, &team}, [&](std::int64_t, int) {
      ++here;
      while (here < 2) std::this_thread::yield();
    });
    EXPECT_EQ(here, 2);
  }
}

// Jobs of few pieces do not call all that larger ones have started, and those are there for the next large one.
TEST(ThreadTeam, CallsAsManyAsThereArePieces) {
  ThreadTeam team;
  for (int job = 0; job < 300; ++job) {
    const std::int64_t n = job % 3 == 0 ? 8 : 2;
    std::atomic<int> here{0}, most{0};
    parallel_for(n, {8, &team}, [&](std::int64_t, int worker) {
      for (int seen = most; worker > seen && !most.compare_exchange_weak(seen, worker);) {
      }
      ++here;
      if (job % 50 == 0)
        while (here < n) std::this_thread::yield();  // all of them at once
    });
    EXPECT_LT(most, n);
    EXPECT_EQ(here, n);
  }
}

TEST(ThreadTeam, WorkWithinWorkIsDoneByItsThread) {
  ThreadTeam team;
  std::atomic<int> done{0};
  parallel_for(50, {3, &team}, [&](std::int64_t, int) {
    const std::thread::id me = std::this_thread::get_id();
    parallel_for(10, {3, &team}, [&](std::int64_t, int worker) {
      EXPECT_EQ(worker, 0);
      EXPECT_EQ(std::this_thread::get_id(), me);
      ++done;
    });
  });
  EXPECT_EQ(done, 500);
}

TEST(ThreadTeam, ManyCallersAtOnce) {
  ThreadTeam team;
  std::atomic<int> done{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int job = 0; job < 200; ++job) parallel_for(9, {3, &team}, [&](std::int64_t, int) { ++done; });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 4 * 200 * 9);
}

TEST(ThreadTeam, GoesOnAfterAnException) {
  ThreadTeam team;
  for (int job = 0; job < 20; ++job) {
    EXPECT_THROW(parallel_for(100, {3, &team},
                              [&](std::int64_t i, int) {
                                if (i == 5) throw std::runtime_error("piece 5");
                              }),
                 std::runtime_error);
    std::atomic<int> done{0};
    parallel_for(100, {3, &team}, [&](std::int64_t, int) { ++done; });
    EXPECT_EQ(done, 100);
  }
}

}  // namespace
}  // namespace velbo::internal

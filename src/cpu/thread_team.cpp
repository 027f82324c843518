// cpu/thread_team.cpp
#include "cpu/thread_team.h"

#include <chrono>

namespace velbo::internal {
namespace {

// Waking a thread takes 50 to 100 microseconds, as long as half a step of minibatch ascent: helpers stay awake for the next job
// so long.
constexpr std::chrono::microseconds kAwake{200};

void pause_a_little() {
#if defined(__x86_64__)
  for (int i = 0; i < 16; ++i) __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// More threads than processors would keep each other from working.
bool processors_for(int threads) { return threads <= static_cast<int>(std::thread::hardware_concurrency()); }

// Until done(); false if it was not within kAwake.
template <class Done>
bool wait_awake(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + kAwake;
  do {
    for (int i = 0; i < 8; ++i) {
      if (done()) return true;
      pause_a_little();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

ThreadTeam::~ThreadTeam() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
    jobs_.fetch_add(1);
  }
  begun_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void ThreadTeam::run(Job job) {
  const std::unique_lock caller(turn_of_callers_, std::try_to_lock);
  if (threads_ <= 1 || !caller) return job.call(job.work, 0);
  while (static_cast<int>(helpers_.size()) < threads_ - 1)
    helpers_.emplace_back(&ThreadTeam::help, this, static_cast<int>(helpers_.size()) + 1);
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    job_ = job;
    open_ = true;
    jobs_.fetch_add(1);
    wake = asleep_ > 0;
  }
  if (wake) begun_.notify_all();
  job.call(job.work, 0);
  std::unique_lock lock(mutex_);
  open_ = false;
  if (inside_.load() == 0) return;
  lock.unlock();
  if (processors_for(threads_) && wait_awake([&] { return inside_.load() == 0; })) {
    lock.lock();  // the last one out has let go of it
    return;
  }
  lock.lock();
  left_.wait(lock, [&] { return inside_.load() == 0; });
}

void ThreadTeam::help(int worker) {
  const bool stays_awake = processors_for(threads_);
  std::uint64_t seen = 0;
  for (;;) {
    if (stays_awake) wait_awake([&] { return jobs_.load() != seen; });
    Job job;
    {
      std::unique_lock lock(mutex_);
      ++asleep_;
      begun_.wait(lock, [&] { return jobs_.load() != seen; });
      --asleep_;
      if (ends_) return;
      seen = jobs_.load();
      if (!open_) continue;
      inside_.fetch_add(1);
      job = job_;
    }
    job.call(job.work, worker);
    {
      const std::scoped_lock lock(mutex_);
      if (inside_.fetch_sub(1) == 1) left_.notify_one();
    }
  }
}

}  // namespace velbo::internal

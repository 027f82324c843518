// cpu/thread_team.cpp
#include "cpu/thread_team.h"

#include <chrono>
#include <functional>
#include <system_error>

namespace velbo::internal {
namespace {

// Starting a thread and having it wait for its turn takes 50 to 100 microseconds, as long as half a step of minibatch ascent:
// helpers stay awake so long for the next job.
constexpr std::chrono::microseconds kAwake{200};

// Threads of this process that are awake for nothing: as many as there are processors would keep each other from working.
std::atomic<int> idle_awake{0};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): of all teams together

int processors() {
  static const int count = static_cast<int>(std::thread::hardware_concurrency());
  return count;
}

void pause_a_little() {
#if defined(__x86_64__)
  for (int i = 0; i < 16; ++i) __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Until done(), but not longer than kAwake, and not at all where no processor is to spare.
template <class Done>
void wait_awake(const Done& done) {
  if (idle_awake.fetch_add(1) + 1 < processors()) {
    const auto end = std::chrono::steady_clock::now() + kAwake;
    while (!done() && std::chrono::steady_clock::now() < end) pause_a_little();
  }
  idle_awake.fetch_sub(1);
}

}  // namespace

ThreadTeam::~ThreadTeam() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
    wanted_.store(static_cast<int>(helpers_.size()) + 1);
    jobs_.fetch_add(1);
    for (const auto& helper : helpers_) helper->begun.notify_one();
  }
  for (const auto& helper : helpers_) helper->thread.join();
}

void ThreadTeam::start_helpers(int count) {
  while (static_cast<int>(helpers_.size()) < count) {
    auto helper = std::make_unique<Helper>();
    Helper& started = *helper;
    helpers_.push_back(std::move(helper));
    try {
      started.thread = std::thread(&ThreadTeam::help, this, std::ref(started), static_cast<int>(helpers_.size()));
    } catch (const std::system_error&) {
      helpers_.pop_back();
      return;  // results do not depend on how many there are
    }
  }
}

void ThreadTeam::run(int threads, Job job) {
  if (threads <= 1 || busy_.exchange(true)) return job.call(job.work, 0);
  start_helpers(threads - 1);
  {
    const std::scoped_lock lock(mutex_);
    job_ = job;
    open_ = true;
    wanted_.store(threads);
    jobs_.fetch_add(1);
    for (std::size_t i = 0; i < helpers_.size() && static_cast<int>(i) + 1 < threads; ++i)
      if (helpers_[i]->asleep) helpers_[i]->begun.notify_one();
  }
  job.call(job.work, 0);
  {
    std::unique_lock lock(mutex_);
    open_ = false;
    if (inside_.load() > 0) {
      lock.unlock();
      wait_awake([&] { return inside_.load() == 0; });
      lock.lock();
      left_.wait(lock, [&] { return inside_.load() == 0; });
    }
  }
  busy_.store(false);
}

void ThreadTeam::help(Helper& self, int worker) {
  std::uint64_t seen = 0;
  // Jobs that want fewer workers are not this one's.
  const auto called = [&] { return jobs_.load() != seen && worker < wanted_.load(); };
  for (;;) {
    wait_awake(called);
    Job job;
    {
      std::unique_lock lock(mutex_);
      self.asleep = true;
      self.begun.wait(lock, called);
      self.asleep = false;
      if (ends_) return;
      seen = jobs_.load();
      if (!open_) continue;
      inside_.fetch_add(1);
      job = job_;
    }
    job.call(job.work, worker);
    const std::scoped_lock lock(mutex_);
    if (inside_.fetch_sub(1) == 1) left_.notify_one();
  }
}

}  // namespace velbo::internal

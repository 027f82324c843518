// cpu/thread_team.h - threads that wait for work: a fit's operations take turns with them.
//
// Started by the first work, joined by the destructor: a service that links velbo keeps none between its fits.  Work begins
// in the calling thread at once; a helper that comes late takes what is left, or nothing, and nobody waits for it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace velbo::internal {

class ThreadTeam {
 public:
  // threads >= 1 with the calling one.
  explicit ThreadTeam(int threads) noexcept : threads_(threads) {}
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // Calls work(worker) in the calling thread, as worker 0, and in helpers, as workers 1 .. threads - 1, at most once each;
  // returns when all that have begun are done.  `work` shares out pieces itself and does not throw.  Where the team is at work
  // already (for another thread, or further up the stack), the calling thread works alone.
  // Throws std::system_error where threads cannot be started.
  template <class Work>
  void run(const Work& work) {
    run({[](const void* w, int worker) { (*static_cast<const Work*>(w))(worker); }, &work});
  }

 private:
  struct Job {
    void (*call)(const void* work, int worker) = nullptr;
    const void* work = nullptr;
  };
  void run(Job job);
  void help(int worker);

  const int threads_;
  std::mutex turn_of_callers_;  // held while there is a job
  std::mutex mutex_;            // of all below
  std::condition_variable begun_, left_;
  std::atomic<std::uint64_t> jobs_{0};  // so far
  std::atomic<int> inside_{0};          // helpers at work
  Job job_;
  bool open_ = false, ends_ = false;
  int asleep_ = 0;
  std::vector<std::thread> helpers_;
};

}  // namespace velbo::internal

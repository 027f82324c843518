// cpu/thread_team.h - threads that wait for work: a fit's operations take turns with them.
//
// Started when first wanted, joined by the destructor: a service that links velbo keeps none between its fits.  Work begins
// in the calling thread at once; a helper that comes late takes what is left, or nothing, and nobody waits for it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace velbo::internal {

class ThreadTeam {
 public:
  ThreadTeam() = default;
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // Calls work(worker) in the calling thread, as worker 0, and in helpers, as workers 1 .. threads - 1, at most once each;
  // returns when all that have begun are done.  `work` shares out pieces itself and does not throw.  Where the team is at work
  // already (for another thread, or further up the stack), the calling thread works alone; where the system starts no more
  // threads, with those there are.
  template <class Work>
  void run(int threads, const Work& work) {
    run(threads, {[](const void* w, int worker) { (*static_cast<const Work*>(w))(worker); }, &work});
  }

 private:
  struct Job {
    void (*call)(const void* work, int worker) = nullptr;
    const void* work = nullptr;
  };
  struct Helper {
    std::condition_variable begun;
    bool asleep = false;
    std::thread thread;
  };
  void run(int threads, Job job);
  void start_helpers(int count);
  void help(Helper& self, int worker);

  std::atomic<bool> busy_{false};       // there is a job
  std::atomic<std::uint64_t> jobs_{0};  // so far
  std::atomic<int> wanted_{0};          // workers of the last one, the calling thread included
  std::atomic<int> inside_{0};          // helpers at work
  std::mutex mutex_;                    // of all below, and of changes of jobs_ and wanted_
  std::condition_variable left_;
  Job job_;
  bool open_ = false, ends_ = false;
  std::vector<std::unique_ptr<Helper>> helpers_;  // changed by who is busy alone
};

}  // namespace velbo::internal

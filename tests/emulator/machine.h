// emulator/machine.h - the emulated processor: runs the threads of a grid, one at a time, as the schedule says.
//
// Every thread of a block is a fiber that runs to its next barrier, shuffle or end.  Blocks run one after another, all
// on the operating system's thread that launched them, so a run repeats exactly; there is one machine, and only one
// thread may launch at a time.
//
// What it finds, as a KernelError that names the kernel, the block, the thread and the place: barriers that not all
// threads reach, or reach at different places; shuffles whose mask is wrong or whose source is outside it; deadlock;
// misaligned asynchronous copies; launches that a device refuses.  Reads and writes out of bounds are the address
// sanitizer's to find, races show as bits that differ between schedules, and shared memory that nobody wrote holds NaN.
//
// What it cannot find: races between blocks that run at once, confusion of host and device pointers, missing
// synchronisation of streams, waiting for another block in a loop, and anything about speed or registers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>

#include "emulator/schedule.h"
#include "emulator/types.h"

namespace velbo::simt {

class KernelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Every launch while it lives runs in this order.
class UseSchedule {
 public:
  explicit UseSchedule(const Schedule& schedule);
  ~UseSchedule();
  UseSchedule(const UseSchedule&) = delete;
  UseSchedule& operator=(const UseSchedule&) = delete;

 private:
  Schedule before_;
};

// A line of source.  Not std::source_location, which Clang 14 lacks; as a default argument, here() is the caller's line.
struct Place {
  const char* file;
  int line;

  static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
};

struct Launch {
  const char* name;  // the kernel, as it is written where it is launched
  Place at;
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes;
  std::size_t shared_limit;  // bytes of dynamic shared memory that the kernel may be launched with
};

// Runs `thread` once for every thread of the grid.  What a thread throws comes out of here.
void run_grid(const Launch& launch, const std::function<void()>& thread);

// The rest is for intrinsics.h, called by a running thread.

constexpr unsigned kWarpSize = 32;

// Of the running thread, its block and its launch.
extern uint3 current_thread;
extern uint3 current_block;
extern dim3 current_block_size;
extern dim3 current_grid_size;
unsigned current_lane();
unsigned char* current_shared_memory();

// A call in a kernel: two threads are at the same barrier if they are at the same site.
struct Site {
  const char* what;
  Place at;
};

// Waits for all threads of the block.
void block_barrier(const Site& site);
// Waits for the lanes of `mask`, and returns what each of the warp's lanes gave; valid until this thread's next call.
const std::uint64_t* warp_exchange(unsigned mask, std::uint64_t given, const Site& site);

void begin_copy(void* shared, const void* global, std::size_t bytes, bool valid, const Site& site);
void end_copy_group();
void finish_copies(std::size_t pending_groups);

// Throws a KernelError about the running thread.
[[noreturn]] void fail(const Site& site, const std::string& why);

}  // namespace velbo::simt

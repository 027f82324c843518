// emulator/block.cpp - runs the threads of one block from barrier to barrier.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "emulator/machine_state.h"

namespace velbo::simt {
namespace {

bool same(const Site& a, const Site& b) {
  return a.at.line == b.at.line && std::strcmp(a.at.file, b.at.file) == 0 && std::strcmp(a.what, b.what) == 0;
}

// The body of every fiber.
void run_thread() {
  try {
    (*machine.thread)();
  } catch (const Abandoned&) {
    // So that its stack is unwound.
  } catch (...) {
    machine.failure = std::current_exception();
  }
  running_thread().state = State::ended;
}

void resume(unsigned number) {
  machine.running = number;
  machine.threads[number].begun = true;
  current_thread = machine.threads[number].index;
  machine.fibers[number]->resume();
}

class Warp {
 public:
  explicit Warp(unsigned number)
      : first_(number * kWarpSize),
        size_(std::min(kWarpSize, static_cast<unsigned>(machine.threads.size()) - first_)) {}

  // Lets every lane that can run do so once, then those go on that have met.  False if nothing happened.
  bool advance() {
    bool progress = false;
    for (const unsigned lane : in_order(size_)) {
      if (at(lane).state != State::ready) continue;
      progress = true;
      resume(first_ + lane);
      if (machine.failure) std::rethrow_exception(machine.failure);
    }
    for (unsigned lane = 0; lane < size_; ++lane) {
      if (at(lane).state == State::at_warp_exchange && have_met(lane)) {
        exchange(at(lane).mask);
        progress = true;
      }
    }
    return progress;
  }

 private:
  Thread& at(unsigned lane) { return machine.threads[first_ + lane]; }

  // Whether all lanes that `lane` waits for are where it is.
  bool have_met(unsigned lane) {
    const Thread& thread = at(lane);
    if ((thread.mask >> lane & 1U) == 0) fail_block(text(thread) + ": its mask leaves itself out");
    bool met = true;
    for (unsigned other = 0; other < kWarpSize; ++other) {
      if ((thread.mask >> other & 1U) == 0) continue;
      if (other >= size_)
        fail_block(text(thread) + ": its mask names lane " + std::to_string(other) + " of a shorter warp");
      if (at(other).state == State::ended || at(other).state == State::at_block_barrier) {
        fail_block(text(thread) + ": its mask names a lane that does not come: " + text(at(other)));
      }
      if (at(other).state != State::at_warp_exchange || at(other).mask != thread.mask) {
        met = false;
      } else if (!same(at(other).site, thread.site)) {
        fail_block(text(thread) + " but " + text(at(other)));
      }
    }
    return met;
  }

  void exchange(unsigned mask) {
    for (unsigned lane = 0; lane < size_; ++lane) {
      if ((mask >> lane & 1U) == 0) continue;
      machine.exchanged[first_ + lane] = at(lane).given;
      at(lane).state = State::ready;
    }
  }

  unsigned first_, size_;
};

// Lets the block go on if all of it is at one barrier.  True if it does.
bool pass_barrier() {
  const Thread* waiting = nullptr;
  for (const Thread& thread : machine.threads) {
    if (thread.state == State::ready || thread.state == State::at_warp_exchange) return false;
    if (thread.state == State::at_block_barrier) waiting = &thread;
  }
  if (waiting == nullptr) return false;  // all have ended
  for (Thread& thread : machine.threads) {
    if (thread.state == State::ended || !same(thread.site, waiting->site)) {
      fail_block("a barrier that not all threads reach: " + text(*waiting) + " but " + text(thread));
    }
  }
  for (Thread& thread : machine.threads) thread.state = State::ready;
  return true;
}

[[noreturn]] void fail_deadlock() {
  std::string waiting;
  int named = 0;
  for (const Thread& thread : machine.threads) {
    if (thread.state == State::ended) continue;
    if (++named > 4) {
      waiting += "; ...";
      break;
    }
    waiting += (named > 1 ? "; " : "") + text(thread);
    if (thread.state == State::at_warp_exchange) waiting += " for mask " + std::to_string(thread.mask);
  }
  fail_block("deadlock: " + waiting);
}

void run_threads() {
  const unsigned n_warps = (static_cast<unsigned>(machine.threads.size()) + kWarpSize - 1) / kWarpSize;
  for (;;) {
    bool progress = false;
    for (const unsigned number : in_order(n_warps)) {
      Warp warp(number);
      while (warp.advance()) {
        progress = true;
        if (!machine.schedule.skew) break;
      }
    }
    progress = pass_barrier() || progress;
    if (progress) continue;
    const auto has_ended = [](const Thread& thread) { return thread.state == State::ended; };
    if (std::all_of(machine.threads.begin(), machine.threads.end(), has_ended)) return;
    fail_deadlock();
  }
}

// Ends the threads that were stopped in the middle, so that their stacks are unwound.
void abandon_threads() {
  machine.abandoning = true;
  for (unsigned number = 0; number < machine.threads.size(); ++number) {
    const Thread& thread = machine.threads[number];
    if (thread.begun && thread.state != State::ended) resume(number);
  }
  machine.abandoning = false;
}

}  // namespace

void run_block() {
  const dim3& size = current_block_size;
  const unsigned n = size.x * size.y * size.z;
  machine.threads.assign(n, Thread{});
  machine.exchanged.assign(n, 0);
  while (machine.fibers.size() < n) machine.fibers.push_back(std::make_unique<Fiber>());
  for (unsigned i = 0; i < n; ++i) {
    machine.threads[i].index = {i % size.x, i / size.x % size.y, i / (size.x * size.y)};
    machine.fibers[i]->start(run_thread);
  }

  // Exactly as much as was asked for, so that the address sanitizer sees what lies beyond; NaN until it is written.
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  void* memory = nullptr;
  if (posix_memalign(&memory, 16, std::max<std::size_t>(machine.launch->shared_bytes, 1)) != 0) throw std::bad_alloc();
  const std::unique_ptr<void, Free> owner(memory);
  std::memset(memory, 0xff, machine.launch->shared_bytes);
  machine.shared = static_cast<unsigned char*>(memory);

  try {
    run_threads();
  } catch (...) {
    machine.failure = nullptr;
    abandon_threads();
    throw;
  }
}

}  // namespace velbo::simt

// emulator/machine_state.h - what the emulated processor is made of; for its own sources only.
#pragma once
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "emulator/fiber.h"
#include "emulator/machine.h"

namespace velbo::simt {

enum class State { ready, at_block_barrier, at_warp_exchange, ended };

// An asynchronous copy that has been issued and not been waited for: the bytes, read already, and where they go.
struct PendingCopy {
  std::size_t group;
  void* to;
  std::size_t bytes;
  unsigned char value[16];
};

struct Thread {
  State state = State::ready;
  bool begun = false;
  uint3 index{};
  Site site{};              // where it waits
  unsigned mask = 0;        // which lanes it waits for
  std::uint64_t given = 0;  // what it gives to them
  std::vector<PendingCopy> copies;
  std::size_t n_copy_groups = 0;  // committed
};

// Thrown into threads that wait, so that they end: the launch has failed.
struct Abandoned {};

struct Machine {
  Schedule schedule;
  std::mt19937 random;
  const Launch* launch = nullptr;
  const std::function<void()>* thread = nullptr;
  unsigned char* shared = nullptr;
  std::vector<Thread> threads;                 // of the running block
  std::vector<std::unique_ptr<Fiber>> fibers;  // as many as any block had yet
  std::vector<std::uint64_t> exchanged;        // what each thread gave to its warp's last exchange
  unsigned running = 0;
  bool abandoning = false;
  std::exception_ptr failure;  // what a thread threw
};

extern Machine machine;

inline Thread& running_thread() { return machine.threads[machine.running]; }

// For messages.
std::string text(const uint3& index);
std::string text(const Place& at);
std::string text(const Site& site);
std::string text(const Thread& thread);  // who it is and where it waits

[[noreturn]] void fail_launch(const std::string& why);
[[noreturn]] void fail_block(const std::string& why);  // of the running block

// Numbers 0 to n - 1 in the schedule's order.
std::vector<unsigned> in_order(unsigned n);

// Runs all threads of current_block.
void run_block();

}  // namespace velbo::simt

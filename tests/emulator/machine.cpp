#include "emulator/machine.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>

#include "emulator/machine_state.h"

namespace velbo::simt {

uint3 current_thread{};
uint3 current_block{};
dim3 current_block_size;
dim3 current_grid_size;
Machine machine;

std::string text(const uint3& index) {
  return "(" + std::to_string(index.x) + "," + std::to_string(index.y) + "," + std::to_string(index.z) + ")";
}

std::string text(const Place& at) {
  const std::string file = at.file;
  return file.substr(file.find_last_of('/') + 1) + ":" + std::to_string(at.line);
}

std::string text(const Site& site) { return std::string(site.what) + " at " + text(site.at); }

std::string text(const Thread& thread) {
  const std::string name = "thread " + text(thread.index);
  if (thread.state == State::ended) return name + " has ended";
  if (thread.state == State::ready) return name + " runs";
  return name + " waits in " + text(thread.site);
}

[[noreturn]] void fail_launch(const std::string& why) {
  throw KernelError("kernel " + std::string(machine.launch->name) + " launched at " + text(machine.launch->at) + ": " +
                    why);
}

[[noreturn]] void fail_block(const std::string& why) { fail_launch("block " + text(current_block) + ": " + why); }

std::vector<unsigned> in_order(unsigned n) {
  std::vector<unsigned> order(n);
  std::iota(order.begin(), order.end(), 0U);
  if (machine.schedule.order == Order::reverse) std::reverse(order.begin(), order.end());
  if (machine.schedule.order == Order::random) std::shuffle(order.begin(), order.end(), machine.random);
  return order;
}

namespace {

// From within a thread.
void wait(State state, unsigned mask, const Site& site) {
  const unsigned number = machine.running;
  machine.threads[number].state = state;
  machine.threads[number].mask = mask;
  machine.threads[number].site = site;
  machine.fibers[number]->stop();
  if (machine.abandoning) throw Abandoned{};
}

// What the hardware asks of a launch (the same from compute capability 7.5 to 9.0).
void check_limits(const Launch& launch) {
  const auto times = [](const dim3& a) { return std::uint64_t{a.x} * a.y * a.z; };
  if (times(launch.grid) == 0 || times(launch.block) == 0) fail_launch("a grid or block of no threads");
  if (launch.grid.x > 0x7fffffffU || launch.grid.y > 65535 || launch.grid.z > 65535) fail_launch("a grid too large");
  if (times(launch.block) > 1024 || launch.block.z > 64) {
    fail_launch("a block of " + std::to_string(times(launch.block)) + " threads, more than 1024 or 64 deep");
  }
  if (launch.shared_bytes > launch.shared_limit) {
    fail_launch(std::to_string(launch.shared_bytes) + " bytes of shared memory, and cudaFuncSetAttribute allowed " +
                std::to_string(launch.shared_limit));
  }
}

}  // namespace

UseSchedule::UseSchedule(const Schedule& schedule) : before_(machine.schedule) { machine.schedule = schedule; }
UseSchedule::~UseSchedule() { machine.schedule = before_; }

// One launch at a time, as on a device's stream: fits side by side ask from several threads.
void run_grid(const Launch& launch, const std::function<void()>& thread) {
  static std::mutex one_launch;
  const std::scoped_lock lock(one_launch);
  machine.launch = &launch;
  machine.thread = &thread;
  machine.random.seed(machine.schedule.seed);
  check_limits(launch);
  current_grid_size = launch.grid;
  current_block_size = launch.block;
  const dim3& grid = launch.grid;
  for (const unsigned i : in_order(grid.x * grid.y * grid.z)) {
    current_block = {i % grid.x, i / grid.x % grid.y, i / (grid.x * grid.y)};
    run_block();
  }
}

unsigned current_lane() { return machine.running % kWarpSize; }
unsigned char* current_shared_memory() { return machine.shared; }

void fail(const Site& site, const std::string& why) {
  fail_block("thread " + text(running_thread().index) + " in " + text(site) + ": " + why);
}

void block_barrier(const Site& site) { wait(State::at_block_barrier, 0, site); }

const std::uint64_t* warp_exchange(unsigned mask, std::uint64_t given, const Site& site) {
  running_thread().given = given;
  wait(State::at_warp_exchange, mask, site);
  return &machine.exchanged[machine.running / kWarpSize * kWarpSize];
}

void begin_copy(void* shared, const void* global, std::size_t bytes, bool valid, const Site& site) {
  const auto misaligned = [&](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % bytes != 0; };
  if (misaligned(shared)) fail(site, "its destination is not aligned to " + std::to_string(bytes) + " bytes");
  if (misaligned(global)) fail(site, "its source is not aligned to " + std::to_string(bytes) + " bytes");
  const unsigned char* const to = static_cast<const unsigned char*>(shared);
  if (std::less<>()(to, machine.shared) || std::less<>()(machine.shared + machine.launch->shared_bytes, to + bytes)) {
    fail(site, "its destination is not in the block's shared memory");
  }

  Thread& thread = running_thread();
  PendingCopy copy{.group = thread.n_copy_groups, .to = shared, .bytes = bytes, .value = {}};
  if (valid) std::memcpy(copy.value, global, bytes);
  if (machine.schedule.early_copies) {
    std::memcpy(shared, copy.value, bytes);
  } else {
    std::memset(shared, 0xff, bytes);
    thread.copies.push_back(copy);
  }
}

void end_copy_group() { ++running_thread().n_copy_groups; }

void finish_copies(std::size_t pending_groups) {
  Thread& thread = running_thread();
  const auto pending = std::find_if(thread.copies.begin(), thread.copies.end(), [&](const PendingCopy& copy) {
    return copy.group + pending_groups >= thread.n_copy_groups;
  });
  for (auto copy = thread.copies.begin(); copy != pending; ++copy) std::memcpy(copy->to, copy->value, copy->bytes);
  thread.copies.erase(thread.copies.begin(), pending);
}

}  // namespace velbo::simt

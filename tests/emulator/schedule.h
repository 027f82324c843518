// emulator/schedule.h - the order in which the emulator lets a kernel's threads run.
//
// The hardware promises no order between barriers.  A correct kernel therefore gives the same bits under every schedule,
// and a kernel that lacks a barrier or a wait gives others under at least one of these.
#pragma once
#include <ostream>
#include <string>
#include <vector>

namespace velbo::simt {

// Of the lanes of a warp, the warps of a block and the blocks of a grid.
enum class Order { forward, reverse, random };

struct Schedule {
  Order order = Order::forward;
  // A warp runs on alone until all its lanes wait for the block, so that it is as far ahead of the others as the
  // barriers let it be.  Otherwise the warps advance together.
  bool skew = false;
  // An asynchronous copy is done when it is issued, otherwise when it is waited for (until then its destination holds
  // NaN).  Early copies show a tile that is overwritten while it is still read, late ones a missing wait.
  bool early_copies = false;
  unsigned seed = 1;  // of Order::random

  friend bool operator==(const Schedule&, const Schedule&) = default;
};

inline std::string to_string(const Schedule& schedule) {
  const char* const order = schedule.order == Order::forward   ? "forward"
                            : schedule.order == Order::reverse ? "reverse"
                                                               : "random";
  return std::string(order) + (schedule.skew ? ", skewed" : ", together") +
         (schedule.early_copies ? ", early copies" : ", late copies");
}

inline std::ostream& operator<<(std::ostream& out, const Schedule& schedule) { return out << to_string(schedule); }

inline std::vector<Schedule> all_schedules() {
  std::vector<Schedule> all;
  for (const Order order : {Order::forward, Order::reverse, Order::random}) {
    for (const bool skew : {false, true}) {
      for (const bool early : {false, true}) {
        all.push_back({.order = order, .skew = skew, .early_copies = early});
      }
    }
  }
  return all;
}

}  // namespace velbo::simt

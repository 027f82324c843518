// emulator/every_schedule.h - the first thing to ask of a kernel: the same bits in whatever order its threads run.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <vector>

#include "emulator/machine.h"

namespace velbo::simt {

// all_schedules(), or as many of them as the environment variable VELBO_TEST_SCHEDULES says: under sanitizers all take long.
inline std::vector<Schedule> tested_schedules() {
  const auto all = all_schedules();
  const char* const few = std::getenv("VELBO_TEST_SCHEDULES");
  const std::size_t size = std::size(all), n = few != nullptr ? std::strtoul(few, nullptr, 10) : size;
  std::vector<Schedule> out;
  for (std::size_t i = 0; i < size; ++i)
    if (n >= size || i * n / size != (i + 1) * n / size) out.push_back(all[i]);
  return out;
}

// run() under each of tested_schedules(), in their order: a vector of what it gives.
template <class Run>
auto under_every_schedule(Run run) {
  std::vector<decltype(run())> results;
  for (const Schedule& schedule : tested_schedules()) {
    SCOPED_TRACE(to_string(schedule));
    const UseSchedule use(schedule);
    results.push_back(run());
  }
  return results;
}

template <class T>
testing::AssertionResult same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return testing::AssertionFailure() << a.size() << " elements and " << b.size();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0) {
      return testing::AssertionFailure() << "element " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return testing::AssertionSuccess();
}

// Fails the test unless run(), which launches and gives a std::vector of numbers, gives the same bits under every
// schedule; gives the first one's.
template <class Run>
auto same_under_every_schedule(Run run) {
  const auto results = under_every_schedule(run);
  for (std::size_t i = 1; i < results.size(); ++i) {
    EXPECT_TRUE(same_bits(results[i], results[0]))
        << "under " << tested_schedules()[i] << " and " << tested_schedules()[0];
  }
  return results[0];
}

}  // namespace velbo::simt

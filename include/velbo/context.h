// velbo/context.h - where work runs: a device and a number of host threads.
#pragma once
#include <memory>

#include "velbo/device.h"
#include "velbo/export.h"

namespace velbo {

namespace internal {
template <class T>
struct Ops;
class ThreadTeam;
}  // namespace internal

// Chosen once a fit and passed down to every operation.  Immutable, cheap to copy, usable from any thread.
class VELBO_EXPORT Context {
 public:
  // threads = 0: as many as the processor has.  Results do not depend on the number.
  // streams_rows: a CUDA device gets a model's predictors in slabs, every time that they are gone over, and never has them
  // all.
  // Throws Error(device) with the reason when the device cannot be used, Error(argument) for threads < 0.
  explicit Context(Device device = {}, int threads = 0, bool streams_rows = false);

  [[nodiscard]] Device device() const noexcept { return device_; }
  [[nodiscard]] int threads() const noexcept { return threads_; }
  [[nodiscard]] bool streams_rows() const noexcept { return streams_rows_; }

  // The host's threads, which copies share; started when first needed and gone with the last copy.  Of operations that run at
  // the same time one has them, and the others are done by the threads that call them.
  [[nodiscard]] internal::ThreadTeam& team() const noexcept { return *team_; }
  // The device's operations, for T = float or double; src/backend/ops.h says what is in it.
  template <class T>
  [[nodiscard]] const internal::Ops<T>& ops() const;

 private:
  Device device_;
  int threads_ = 1;
  bool streams_rows_ = false;
  std::shared_ptr<internal::ThreadTeam> team_;
};

}  // namespace velbo

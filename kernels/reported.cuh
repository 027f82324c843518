// reported.cuh - what the functions of a device's tables do around their work.
//
// Runtime::open(device) makes the device current and says how to launch; Runtime::report(Failure) gives what the table's
// functions return.
#pragma once
#include <new>

#include "row_passes.cuh"

namespace velbo::kernels {

// run(launch), and what has to be said of it; the device may still be at work when it returns.
template <class Runtime, class Run>
int started(int device, const Run& run) {
  try {
    run(Runtime::open(device));
    return 0;
  } catch (const Failure& failure) {
    return Runtime::report(failure);
  } catch (const std::bad_alloc&) {  // of the host's; nothing is thrown across the boundary
    return Runtime::report({cudaErrorMemoryAllocation});
  }
}
// The device has finished when it returns.
template <class Runtime, class Run>
int reported(int device, const Run& run) {
  return started<Runtime>(device, [&](const Launch& launch) {
    run(launch);
    check(cudaStreamSynchronize(launch.stream));
  });
}

}  // namespace velbo::kernels

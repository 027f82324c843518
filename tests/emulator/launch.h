// emulator/launch.h - the emulator's VELBO_LAUNCH and VELBO_SHARED_MEMORY; kernels/simt.cuh says what they do.
#pragma once
#include <cstddef>
#include <tuple>
#include <utility>

#include "emulator/machine.h"
#include "emulator/runtime.h"

namespace velbo::simt {

// The arguments are converted to the kernel's parameters once, here; every thread gets a copy of those.
template <class... Parameters, class... Arguments>
void launch(const char* name, const Place& at, void (*kernel)(Parameters...), dim3 grid, dim3 block,
            std::size_t shared_bytes, cudaStream_t, Arguments&&... arguments) {
  const std::tuple<Parameters...> parameters(std::forward<Arguments>(arguments)...);
  const std::size_t limit = shared_memory_limit(reinterpret_cast<const void*>(kernel));
  run_grid({name, at, grid, block, shared_bytes, limit}, [&] { std::apply(kernel, parameters); });
}

}  // namespace velbo::simt

#define VELBO_SHARED_MEMORY(name) unsigned char* const name = ::velbo::simt::current_shared_memory()
#define VELBO_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                      \
  ::velbo::simt::launch(#kernel, ::velbo::simt::Place::here(), (kernel), (grid), (block), (shared_bytes), \
                        (stream)__VA_OPT__(, ) __VA_ARGS__)

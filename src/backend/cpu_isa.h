// backend/cpu_isa.h - which of the instruction-set levels that velbo has code for this processor can run.
#pragma once

namespace velbo::internal {

// The levels of velbo_isa_sources() (cmake/VelboIsa.cmake).  v1 is the processor's baseline and the only one that
// exists on processors other than x86-64.
enum class CpuIsa { v1 = 1, v3 = 3, v4 = 4 };

// The highest level that this processor and its operating system support.
CpuIsa supported_cpu_isa() noexcept;

// "x86-64-v1", "x86-64-v3", "x86-64-v4"; on other processors their architecture: "aarch64".
const char* name_of(CpuIsa isa) noexcept;

}  // namespace velbo::internal

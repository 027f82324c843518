#include "backend/cpu_isa.h"

namespace velbo::internal {

CpuIsa supported_cpu_isa() noexcept {
#if defined(__x86_64__)
  // Feature by feature, because older Clang does not know the levels by name.  These functions also ask whether the
  // operating system saves the wide registers.
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? CpuIsa::v4 : v3 ? CpuIsa::v3 : CpuIsa::v1;
#else
  return CpuIsa::v1;
#endif
}

const char* name_of([[maybe_unused]] CpuIsa isa) noexcept {
#if defined(__x86_64__)
  return isa == CpuIsa::v4 ? "x86-64-v4" : isa == CpuIsa::v3 ? "x86-64-v3" : "x86-64-v1";
#elif defined(__aarch64__)
  return "aarch64";
#else
  return "generic";
#endif
}

}  // namespace velbo::internal

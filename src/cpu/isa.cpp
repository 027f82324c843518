// cpu/isa.cpp - finds the best of the compiled instruction sets that this processor can run.
#include "cpu/isa.h"

#include <cstdlib>
#include <string>

#include "backend/cpu_isa.h"
#include "velbo/error.h"

namespace velbo::internal {

const IsaTable& isa_table_v1();
#if defined(__x86_64__)
const IsaTable& isa_table_v3();
const IsaTable& isa_table_v4();
#endif

IsaTables runnable_isa_tables() {
  IsaTables found{};
#if defined(__x86_64__)
  const CpuIsa best = supported_cpu_isa();
  if (best >= CpuIsa::v4) found.table[found.count++] = &isa_table_v4();
  if (best >= CpuIsa::v3) found.table[found.count++] = &isa_table_v3();
#endif
  found.table[found.count++] = &isa_table_v1();
  return found;
}

const IsaTable& isa() {
  static const IsaTable& chosen = []() -> const IsaTable& {
    const IsaTables tables = runnable_isa_tables();
    const char* wanted = std::getenv("VELBO_CPU_ISA");
    if (wanted == nullptr || *wanted == '\0') return *tables.table[0];
    for (int i = 0; i < tables.count; ++i)
      if (tables.table[i]->name == wanted) return *tables.table[i];
    return *tables.table[0];  // require_isa() complains; random numbers are the same on all of them
  }();
  return chosen;
}

void require_isa() {
  const char* wanted = std::getenv("VELBO_CPU_ISA");
  if (wanted != nullptr && *wanted != '\0' && isa().name != wanted)
    throw Error(ErrorCode::argument, std::string("VELBO_CPU_ISA is \"") + wanted +
                                         "\", expected an instruction set that this processor runs, at best " +
                                         std::string(runnable_isa_tables().table[0]->name));
}

}  // namespace velbo::internal

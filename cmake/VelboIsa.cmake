# velbo_isa_sources(<file.cpp>...)
#
# For the few loops where the time goes.  Compiles each file once per instruction-set level, with VELBO_ISA set to v1,
# v3 or v4; the file puts its functions into a namespace of that name and the dispatcher picks one at run time
# (src/cpu).  On processors other than x86-64 there is one level, v1, compiled with the default flags.
#
# The levels are those of the x86-64 psABI: v3 is AVX2 + FMA (2013), v4 AVX-512 (2017).

set(velbo_isa_levels v1)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  list(APPEND velbo_isa_levels v3 v4)
  set(velbo_isa_flags_v1 -march=x86-64)
  # These loops may fuse: their sums are compared by tolerance across levels, and what must have the same bits on every
  # level (normals) is written so that fusing changes nothing (math/normal.h).
  set(velbo_isa_flags_v3 -march=x86-64-v3 -ffp-contract=fast)
  # Compilers default to 256 bits for v4, for the sake of chips from 2017 that slowed down at 512.
  set(velbo_isa_flags_v4 -march=x86-64-v4 -mprefer-vector-width=512 -ffp-contract=fast)
endif()

# Nobody reads the floating-point exception flags, and a select whose arms may raise them is not vectorised.
set(velbo_isa_flags -fno-trapping-math)

function(velbo_isa_sources)
  foreach(source IN LISTS ARGN)
    cmake_path(GET source STEM stem)
    cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME room)
    foreach(level IN LISTS velbo_isa_levels)
      set(target velbo_${room}_${stem}_${level})
      add_library(${target} OBJECT "${source}")
      velbo_internal_target(${target})
      velbo_check_alignment(${target} PRIVATE)
      target_compile_definitions(${target} PRIVATE VELBO_ISA=${level})
      target_compile_options(${target} PRIVATE ${velbo_isa_flags} ${velbo_isa_flags_${level}})
      set_property(GLOBAL APPEND PROPERTY VELBO_ISA_TARGETS ${target})
    endforeach()
  endforeach()
endfunction()

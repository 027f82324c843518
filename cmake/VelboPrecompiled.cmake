# Headers that take most of a file's time to compile, compiled once: a build from nothing takes two thirds of the time.
# ccache and precompiled headers do not go together, so only builds that find nothing in a cache want this (./dev does where CI=true);
# and a file that forgets an #include is noticed by builds without it.
option(VELBO_PRECOMPILED_HEADERS "Compile Eigen, GoogleTest, fmt and CLI11 once" OFF)

# What GCC 12 thinks of the code of std::string and Eigen is silenced elsewhere because that is in a system's header, which it forgets
# of precompiled ones.
set(velbo_precompiled_warnings $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds;-Wno-maybe-uninitialized>)

# A tenth of GCC's time goes into collecting garbage; with half a gigabyte more a compiler's process it has hardly any to collect.
if(VELBO_PRECOMPILED_HEADERS)
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,GNU>:--param=ggc-min-expand=300;--param=ggc-min-heapsize=500000>")
endif()

# velbo_precompile(<target> <header>...)
function(velbo_precompile target)
  if(VELBO_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} PRIVATE ${ARGN})
    target_compile_options(${target} PRIVATE ${velbo_precompiled_warnings})
  endif()
endfunction()

# The same for tests, which share theirs; after velbo_internal_target() and with the same options.
function(velbo_precompile_test target)
  if(VELBO_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} REUSE_FROM velbo_test_headers)
    target_compile_options(${target} PRIVATE ${velbo_precompiled_warnings})
  endif()
endfunction()

# Headers that take most of a file's time to compile, compiled once: a build from nothing takes two thirds of the time.
# ccache and precompiled headers do not go together, so only builds that find nothing in a cache want this (./dev does where CI=true);
# and a file that forgets an #include is noticed by builds without it.
option(VELBO_PRECOMPILED_HEADERS "Compile Eigen, GoogleTest, fmt and CLI11 once" OFF)

# What GCC 12 thinks of the code of std::string and Eigen is silenced elsewhere because that is in a system's header, which it forgets
# of precompiled ones.
set(velbo_precompiled_warnings $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds;-Wno-maybe-uninitialized>)

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

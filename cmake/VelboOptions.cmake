# What can be chosen when velbo is configured.  A project that adds velbo as a subfolder gets the library and nothing
# else; velbo's own developers get everything.

option(BUILD_SHARED_LIBS "Build libvelbo as a shared library" ON)
option(VELBO_BUILD_CLI "Build the program velbo" ${PROJECT_IS_TOP_LEVEL})
option(VELBO_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(VELBO_INSTALL "Make the install rules" ${PROJECT_IS_TOP_LEVEL})
option(VELBO_WERROR "Treat warnings as errors (the presets and ./dev do)" OFF)

set(VELBO_BUILD_BENCHMARKS "AUTO" CACHE STRING "Build the benchmarks: ON, OFF, or AUTO (where Google Benchmark is)")
set_property(CACHE VELBO_BUILD_BENCHMARKS PROPERTY STRINGS AUTO ON OFF)

set(VELBO_CUDA "AUTO" CACHE STRING "Build the CUDA plugin: ON, OFF, or AUTO (where a CUDA compiler is)")
set_property(CACHE VELBO_CUDA PROPERTY STRINGS AUTO ON OFF)

set(VELBO_SANITIZE "" CACHE STRING "Sanitizers to build everything with: address,undefined or thread; empty for none")

option(VELBO_SANITIZE_QUICK "Leave out of the sanitizers what takes long for what it finds: checks that double the time to compile, slow tests" OFF)

option(VELBO_FUZZ "Build the fuzz targets with libFuzzer (Clang), and nothing else of the tests" OFF)

if(PROJECT_IS_TOP_LEVEL)
  get_property(velbo_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  if(NOT velbo_multi_config AND NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE) # an unoptimised fit is 20 times slower
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    find_program(VELBO_CCACHE ccache)
    mark_as_advanced(VELBO_CCACHE)
    if(VELBO_CCACHE)
      set(CMAKE_CXX_COMPILER_LAUNCHER "${VELBO_CCACHE}")
      set(CMAKE_CUDA_COMPILER_LAUNCHER "${VELBO_CCACHE}")
    endif()
  endif()
endif()

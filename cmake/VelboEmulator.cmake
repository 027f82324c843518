# velbo_emulator_test(NAME <name> SOURCES <file>... [LABELS <label>...] [TIMEOUT <seconds>] [LIBRARIES <target>...])
#
# A velbo_test() whose sources include kernels (kernels/*.cuh) and run them on the emulator of tests/emulator: with
# VELBO_SIMT_EMULATOR defined, kernels/simt.cuh means that and not CUDA.  No CUDA is needed, to build or to run.
#
# Needs Boost.Context; without it these tests are left out, and the configuration says so.
find_package(Boost QUIET CONFIG COMPONENTS context)
if(TARGET Boost::context)
  add_library(velbo_emulator STATIC)
  target_sources(
    velbo_emulator PRIVATE "${PROJECT_SOURCE_DIR}/tests/emulator/block.cpp" "${PROJECT_SOURCE_DIR}/tests/emulator/fiber.cpp"
                           "${PROJECT_SOURCE_DIR}/tests/emulator/machine.cpp" "${PROJECT_SOURCE_DIR}/tests/emulator/runtime.cpp")
  velbo_internal_target(velbo_emulator)
  velbo_check_alignment(velbo_emulator PUBLIC)
  target_include_directories(velbo_emulator PUBLIC "${PROJECT_SOURCE_DIR}/tests" "${PROJECT_SOURCE_DIR}/kernels")
  target_compile_definitions(velbo_emulator INTERFACE VELBO_SIMT_EMULATOR)
  # Kernels ask nvcc to unroll loops.
  target_compile_options(velbo_emulator INTERFACE -Wno-unknown-pragmas)
  target_link_libraries(velbo_emulator PRIVATE Boost::context)
else()
  message(STATUS "Tests of CUDA kernels on the CPU: left out (Boost.Context was not found; Debian: libboost-context-dev)")
endif()

function(velbo_emulator_test)
  if(TARGET velbo_emulator)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "LABELS")
    if("threads" IN_LIST arg_LABELS)
      message(FATAL_ERROR "velbo_emulator_test(${arg_NAME}): the thread sanitizer is not told of the emulator's threads")
    endif()
    velbo_test(${ARGN} OPTIONS $<$<CONFIG:Release>:-O3>) # kernels are run many times
    target_link_libraries(${arg_NAME}_test PRIVATE velbo_emulator)
  endif()
endfunction()

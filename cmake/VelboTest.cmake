# velbo_test(NAME <name> SOURCES <file>... [LABELS <label>...] [TIMEOUT <seconds>] [LIBRARIES <target>...]
#            [ENVIRONMENT <NAME=value>...] [OPTIONS <compiler option>...] [SLOW_SANITIZED])
# velbo_test(NAME <name> PROGRAM <other> ENVIRONMENT <NAME=value>... [LABELS ...] [TIMEOUT s])
#
# One GoogleTest program, <name>_test, linked with velbo's objects (so that it may use what the library hides); each of
# its cases is one ctest test, <name>.<Suite>.<Case>, run in a process of its own, so that a skip shows with its reason.
# With PROGRAM nothing is compiled: the cases of the test <other> are run once more, in another environment.
#
# SLOW_SANITIZED: what it goes through takes long under the sanitizers, and others go through the same memory; left out there with
# VELBO_SANITIZE_QUICK, which continuous integration sets.
#
# LABELS (default: unit)
#   unit         quick, deterministic: also run under the address and undefined-behaviour sanitizers
#   threads      uses threads: also run under the thread sanitizer
#   statistical  checks a random quantity, with a stated false-alarm rate
#   slow         more than a few seconds
#   gpu          does something more where there is a GPU; skips its part elsewhere
#   install      installs velbo somewhere and uses it from there
#   fuzz         feeds nonsense to a parser
#
# Given to the sources: VELBO_TEST_DATA_DIR (tests/data); VELBO_SHARED_DATA_DIR (larger data beside the clone, which
# may be absent: skip visibly); VELBO_CLI (the program, for tests that run it); VELBO_TEST_TMP (a folder to write into).
set(velbo_test_labels unit threads statistical slow gpu install fuzz)
foreach(label IN LISTS velbo_test_labels)
  add_custom_target(velbo_tests_${label})
endforeach()

# What the tests' own code is compiled with: once, and run once, so a third of the time to compile it is saved.  The library's is
# as it is shipped.
set(velbo_test_options $<$<CONFIG:Release>:-O1>)

if(VELBO_PRECOMPILED_HEADERS)
  # A program like the tests: only with the same options can they share headers.
  file(WRITE "${PROJECT_BINARY_DIR}/tests/headers.cpp" "int main() {}\n")
  add_executable(velbo_test_headers EXCLUDE_FROM_ALL "${PROJECT_BINARY_DIR}/tests/headers.cpp")
  velbo_internal_target(velbo_test_headers)
  target_compile_options(velbo_test_headers PRIVATE ${velbo_test_options})
  target_link_libraries(velbo_test_headers PRIVATE GTest::gmock GTest::gtest)
  target_precompile_headers(velbo_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h> <Eigen/Core> <Eigen/Cholesky> <velbo/velbo.h>)
endif()

function(velbo_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "SLOW_SANITIZED" "NAME;PROGRAM;TIMEOUT" "SOURCES;LABELS;LIBRARIES;ENVIRONMENT;OPTIONS")
  if(NOT arg_NAME OR NOT (arg_SOURCES OR arg_PROGRAM) OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "velbo_test(NAME <name> SOURCES <file>... or PROGRAM <name> [LABELS ...] [TIMEOUT s] [LIBRARIES ...])")
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(arg_SLOW_SANITIZED AND VELBO_SANITIZE_QUICK)
    list(REMOVE_ITEM arg_LABELS unit)
    list(APPEND arg_LABELS slow)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()

  if(arg_PROGRAM)
    set(target ${arg_PROGRAM}_test)
  else()
    set(target ${arg_NAME}_test)
    add_executable(${target} ${arg_SOURCES})
    velbo_internal_target(${target})
    if(arg_OPTIONS)
      target_compile_options(${target} PRIVATE ${arg_OPTIONS})
    else()
      target_compile_options(${target} PRIVATE ${velbo_test_options})
      velbo_precompile_test(${target})
    endif()
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${target} PRIVATE velbo_objects GTest::gmock GTest::gtest_main ${arg_LIBRARIES})
    set(scratch "${PROJECT_BINARY_DIR}/tests/scratch/${arg_NAME}")
    file(MAKE_DIRECTORY "${scratch}")
    target_compile_definitions(
      ${target}
      PRIVATE VELBO_TEST_DATA_DIR="${PROJECT_SOURCE_DIR}/tests/data"
              VELBO_SHARED_DATA_DIR="${PROJECT_SOURCE_DIR}/../shared/data"
              VELBO_CLI="${PROJECT_BINARY_DIR}/bin/velbo${CMAKE_EXECUTABLE_SUFFIX}"
              VELBO_TEST_TMP="${scratch}")
    # In tests/, so that the CUDA plugin is in ../lib, where the loader looks.
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
    if(TARGET velbo_cuda)
      add_dependencies(${target} velbo_cuda)
    endif()
  endif()

  gtest_discover_tests(
    ${target}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    TEST_PREFIX "${arg_NAME}."
    TEST_LIST ${arg_NAME}_cases
    NO_PRETTY_VALUES) # a parameter is shown by its name, not by the bytes of its value
  # The cases' properties, set by a script that CTest reads after the one above has found them: handed to
  # gtest_discover_tests(), lists of more than one label fall apart, in ways that differ between versions of CMake.
  # Generated, and not only configured: an environment may name a target's file.
  set(script "${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}_properties.cmake")
  string(CONFIGURE [[
if(@arg_NAME@_cases)
  set_tests_properties(${@arg_NAME@_cases} PROPERTIES LABELS "@arg_LABELS@" TIMEOUT @arg_TIMEOUT@
                       ENVIRONMENT "@arg_ENVIRONMENT@")
endif()
]] properties @ONLY)
  file(GENERATE OUTPUT "${script}" CONTENT "${properties}")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${script}")

  if("gpu" IN_LIST arg_LABELS)
    string(JOIN " " line ${arg_NAME} ${target} ${arg_ENVIRONMENT})
    set_property(GLOBAL APPEND PROPERTY VELBO_GPU_TESTS "${line}")
  endif()

  # velbo_tests_<label> builds what carries the label and nothing else; the sanitizer builds need no more.
  foreach(label IN LISTS arg_LABELS)
    if(NOT label IN_LIST velbo_test_labels)
      message(FATAL_ERROR "velbo_test(${arg_NAME}): the label \"${label}\" is not one of ${velbo_test_labels}")
    endif()
    add_dependencies(velbo_tests_${label} ${target})
  endforeach()
endfunction()

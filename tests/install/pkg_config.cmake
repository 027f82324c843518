# Builds the consumer by hand with what pkg-config says, and runs it.
cmake_minimum_required(VERSION 3.25) # for the policies of a script
if(NOT PKG_CONFIG)
  message("SKIPPED: there is no pkg-config on this machine")
  return()
endif()
set(ENV{PKG_CONFIG_PATH} "${LIBDIR}/pkgconfig")
set(ENV{PKG_CONFIG_LIBDIR} "${LIBDIR}/pkgconfig") # no other velbo of the machine's
execute_process(COMMAND "${PKG_CONFIG}" --modversion velbo OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE
                        COMMAND_ERROR_IS_FATAL ANY)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "velbo.pc says version \"${version}\", not ${VERSION}")
endif()
execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs velbo OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE
                        COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
file(MAKE_DIRECTORY "${BINARY}")
execute_process(
  COMMAND "${COMPILER}" -std=c++20 "${CMAKE_CURRENT_LIST_DIR}/consumer/consumer.cpp" -o "${BINARY}/consumer" ${flags}
          "-Wl,-rpath,${LIBDIR}" COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${BINARY}/consumer" ${ARGUMENTS} COMMAND_ERROR_IS_FATAL ANY)

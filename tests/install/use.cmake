# Configures and builds the consumer in BINARY with OPTIONS, runs it with ARGUMENTS, and, if INSTALL is set, installs the
# whole project into that folder.
cmake_minimum_required(VERSION 3.25) # for the policies of a script
file(REMOVE_RECURSE "${BINARY}")
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()
run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${BINARY}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" ${OPTIONS})
run("${CMAKE_COMMAND}" --build "${BINARY}" --parallel)
run("${BINARY}/consumer" ${ARGUMENTS})
if(INSTALL)
  file(REMOVE_RECURSE "${INSTALL}")
  run("${CMAKE_COMMAND}" --install "${BINARY}" --prefix "${INSTALL}")
endif()

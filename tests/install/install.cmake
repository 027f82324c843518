# Installs the build in BUILD, and moves what was installed to PREFIX: nothing in it may remember where it was first.
cmake_minimum_required(VERSION 3.25) # for the policies of a script
file(REMOVE_RECURSE "${PREFIX}" "${PREFIX}-first")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}-first" COMMAND_ERROR_IS_FATAL ANY)
file(RENAME "${PREFIX}-first" "${PREFIX}")

# Compiles, with the installed headers, a model's boundary written in C.
cmake_minimum_required(VERSION 3.25) # for the policies of a script
file(MAKE_DIRECTORY "${BINARY}")
execute_process(
  COMMAND "${COMPILER}" -x c -std=c99 -pedantic-errors -Wall -Wextra -Werror "-I${INCLUDE}" -c
          "${CMAKE_CURRENT_LIST_DIR}/c_model.c" -o "${BINARY}/c_model.o" COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)

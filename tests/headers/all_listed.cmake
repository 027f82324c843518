# cmake -DROOT=include -DLISTED="velbo/a.h;velbo/b.h" -P all_listed.cmake
cmake_minimum_required(VERSION 3.25) # for the policies of a script
file(GLOB_RECURSE found RELATIVE "${ROOT}" "${ROOT}/velbo/*.h" "${ROOT}/velbo/*.cuh")
foreach(header IN LISTS found)
  if(NOT header IN_LIST LISTED)
    message(SEND_ERROR "include/${header} is not listed in include/CMakeLists.txt and would not be installed")
  endif()
endforeach()

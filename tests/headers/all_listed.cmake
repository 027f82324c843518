# cmake -DROOT=include -DLISTED="velbo/a.h;velbo/b.h" -P all_listed.cmake
file(GLOB_RECURSE found RELATIVE "${ROOT}" "${ROOT}/velbo/*.h")
foreach(header IN LISTS found)
  if(NOT header IN_LIST LISTED)
    message(SEND_ERROR "include/${header} is not listed in include/CMakeLists.txt and would not be installed")
  endif()
endforeach()

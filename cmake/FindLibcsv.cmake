# Finds libcsv (https://github.com/rgamble/libcsv), which comes without a CMake package.  Gives the target
# Libcsv::Libcsv and LIBCSV_INCLUDE_DIR, LIBCSV_LIBRARY.
#
# The shared library is preferred on every platform: libcsv is LGPL, and linking it dynamically is what keeps the
# licence of a program that uses velbo the choice of its authors.

find_path(LIBCSV_INCLUDE_DIR csv.h)
find_library(LIBCSV_LIBRARY NAMES ${CMAKE_SHARED_LIBRARY_PREFIX}csv${CMAKE_SHARED_LIBRARY_SUFFIX} csv)
mark_as_advanced(LIBCSV_INCLUDE_DIR LIBCSV_LIBRARY)

# csv.h is a common name: make sure that this one is libcsv's.
if(LIBCSV_INCLUDE_DIR)
  file(STRINGS "${LIBCSV_INCLUDE_DIR}/csv.h" libcsv_version_lines REGEX "^#define CSV_(MAJOR|MINOR|RELEASE) [0-9]+$")
  string(REGEX REPLACE "[^0-9;]" "" LIBCSV_VERSION "${libcsv_version_lines}")
  string(REPLACE ";" "." LIBCSV_VERSION "${LIBCSV_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Libcsv
  REQUIRED_VARS LIBCSV_LIBRARY LIBCSV_INCLUDE_DIR LIBCSV_VERSION
  VERSION_VAR LIBCSV_VERSION
  REASON_FAILURE_MESSAGE "(Debian and Ubuntu: libcsv-dev)")

if(Libcsv_FOUND AND NOT TARGET Libcsv::Libcsv)
  add_library(Libcsv::Libcsv UNKNOWN IMPORTED)
  set_target_properties(Libcsv::Libcsv PROPERTIES IMPORTED_LOCATION "${LIBCSV_LIBRARY}"
                                                  INTERFACE_INCLUDE_DIRECTORIES "${LIBCSV_INCLUDE_DIR}")
endif()

# Install rules: headers, library, plugin, program, CMake package, pkg-config file, licence.
include(CMakePackageConfigHelpers)

set(velbo_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/velbo")

install(
  TARGETS velbo
  EXPORT velboTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
foreach(header IN LISTS VELBO_PUBLIC_HEADERS VELBO_PUBLIC_CUDA_HEADERS)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES "${PROJECT_SOURCE_DIR}/include/${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/${folder}")
endforeach()
if(TARGET velbo_cuda)
  # Beside libvelbo, where its loader looks.
  install(TARGETS velbo_cuda LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
if(TARGET velbo_cli)
  install(TARGETS velbo_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# CMake: find_package(velbo CONFIG) gives velbo::velbo.
install(
  EXPORT velboTargets
  NAMESPACE velbo::
  DESTINATION "${velbo_cmake_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/velboConfig.cmake.in" "${PROJECT_BINARY_DIR}/velboConfig.cmake"
                              INSTALL_DESTINATION "${velbo_cmake_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/velboConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/velboConfig.cmake" "${PROJECT_BINARY_DIR}/velboConfigVersion.cmake"
        DESTINATION "${velbo_cmake_dir}")
if(NOT BUILD_SHARED_LIBS)
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindLibcsv.cmake" DESTINATION "${velbo_cmake_dir}")
endif()

# pkg-config.  The prefix is found from where the file lies, so that an installed tree can be moved.
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE velbo_libdir)
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE velbo_includedir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${velbo_libdir}/pkgconfig" OUTPUT_VARIABLE velbo_pc_prefix)
cmake_path(RELATIVE_PATH velbo_libdir BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE velbo_pc_libdir)
cmake_path(RELATIVE_PATH velbo_includedir BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE velbo_pc_includedir)
set(velbo_pc_libs "-lvelbo")
if(NOT BUILD_SHARED_LIBS)
  # There is no shared library that names what it needs, so everybody needs it on the command line.
  string(APPEND velbo_pc_libs " -lz -lcsv -pthread -ldl -lstdc++ -lm")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/velbo.pc.in" "${PROJECT_BINARY_DIR}/velbo.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/velbo.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# What libvelbo is built with.  docs/dependencies.md says why each one; none of them shows in the public headers.

find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Libcsv REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)

# Header-only ones: needed to compile velbo's sources, never to link with velbo.
add_library(velbo_private_dependencies INTERFACE)
target_link_libraries(velbo_private_dependencies INTERFACE Eigen3::Eigen nlohmann_json::nlohmann_json)
# Eigen would otherwise start threads and choose instruction sets by itself.
target_compile_definitions(velbo_private_dependencies INTERFACE EIGEN_DONT_PARALLELIZE EIGEN_MPL2_ONLY)
target_include_directories(velbo_private_dependencies SYSTEM INTERFACE ${ZLIB_INCLUDE_DIRS} ${LIBCSV_INCLUDE_DIR})

# Real libraries: what uses libvelbo's objects links these, and so does a user of a static libvelbo.
set(velbo_link_libraries ZLIB::ZLIB Libcsv::Libcsv Threads::Threads ${CMAKE_DL_LIBS})

# Header-only, fmt's own code is compiled in every file that formats something: five seconds each.  Of the releases whose
# list of instantiations is known it is compiled once, hidden, and goes into libvelbo (its shared library is not needed).
if(fmt_VERSION VERSION_LESS 12)
  add_library(velbo_fmt STATIC "${PROJECT_SOURCE_DIR}/cmake/fmt.cpp")
  target_include_directories(velbo_private_dependencies SYSTEM
                             INTERFACE $<TARGET_PROPERTY:fmt::fmt,INTERFACE_INCLUDE_DIRECTORIES>)
  velbo_internal_target(velbo_fmt)
else()
  target_link_libraries(velbo_private_dependencies INTERFACE fmt::fmt-header-only)
endif()

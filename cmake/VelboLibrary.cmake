# Makes libvelbo from the objects, and velbo_objects, which is what the tests link instead.

get_property(velbo_isa_targets GLOBAL PROPERTY VELBO_ISA_TARGETS)
set(velbo_all_objects $<TARGET_OBJECTS:velbo_core>)
foreach(target IN LISTS velbo_isa_targets)
  list(APPEND velbo_all_objects $<TARGET_OBJECTS:${target}>)
endforeach()
if(TARGET velbo_fmt)
  list(APPEND velbo_all_objects $<TARGET_OBJECTS:velbo_fmt>)
endif()

add_library(velbo ${velbo_all_objects}) # shared or static, as BUILD_SHARED_LIBS says
add_library(velbo::velbo ALIAS velbo)
target_include_directories(velbo PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(velbo PUBLIC cxx_std_20)
target_link_libraries(velbo PRIVATE ${velbo_link_libraries})
if(VELBO_SANITIZE)
  target_link_options(velbo PRIVATE -fsanitize=${VELBO_SANITIZE})
elseif(BUILD_SHARED_LIBS)
  target_link_options(velbo PRIVATE -Wl,--no-undefined)
endif()
set_target_properties(
  velbo
  PROPERTIES VERSION ${PROJECT_VERSION}
             SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} # before 1.0 a minor version may break
             LINKER_LANGUAGE CXX
             LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
             ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")

add_library(velbo_objects INTERFACE)
target_sources(velbo_objects INTERFACE ${velbo_all_objects})
target_link_libraries(velbo_objects INTERFACE ${velbo_link_libraries})

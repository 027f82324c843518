# Compiler flags, per target: nothing here changes the flags of a project that includes this one.

set(velbo_warnings
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wnon-virtual-dtor
    -Woverloaded-virtual
    -Wold-style-cast
    -Wcast-align
    -Wcast-qual
    -Wmissing-declarations
    -Wredundant-decls
    -Wundef
    -Wvla
    -Wextra-semi)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Clang has other names for these, or none.
  list(APPEND velbo_warnings -Wduplicated-cond -Wlogical-op)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    list(APPEND velbo_warnings -Wno-restrict) # GCC 12 sees overlaps in "text" + std::string (GCC bug 105651)
  else()
    # Takes every function that is given a temporary and returns a reference to return a reference to the temporary.
    list(APPEND velbo_warnings -Wno-dangling-reference)
  endif()
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND velbo_warnings -Wno-missing-declarations)
endif()

# Numbers first: the same source must give the same bits whatever the optimiser, so no contraction into fma where the
# source has none, and never -ffast-math.  errno after std::sqrt is of no use to anybody here and costs vectorisation.
set(velbo_numeric_flags -fno-math-errno -ffp-contract=off)

# Flags of everything that is compiled in this project: library, program, tests, benchmarks.
function(velbo_internal_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(
    ${target}
    PROPERTIES CXX_STANDARD 20
               CXX_STANDARD_REQUIRED ON
               CXX_EXTENSIONS OFF
               POSITION_INDEPENDENT_CODE ON
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
  target_compile_options(
    ${target}
    PRIVATE ${velbo_numeric_flags}
            ${velbo_warnings}
            # A device that leaves an operation out of its table of operations does not compile, for anybody.
            -Werror=missing-field-initializers)
  if(VELBO_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(VELBO_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${VELBO_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
    if(VELBO_SANITIZE_QUICK AND VELBO_SANITIZE MATCHES "undefined")
      # Checked at every access of Eigen's inlined templates, these double the time to compile.
      target_compile_options(${target} PRIVATE -fno-sanitize=null,object-size,vptr,alignment)
    endif()
    if(VELBO_FUZZ)
      target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    target_link_options(${target} PRIVATE -fsanitize=${VELBO_SANITIZE})
  endif()
  target_link_libraries(${target} PRIVATE velbo_private_dependencies)
  if(TARGET velbo_fmt AND NOT target STREQUAL "velbo_fmt")
    target_link_libraries(${target} PRIVATE velbo_fmt)
  endif()
endfunction()

# After velbo_internal_target(), for targets (scope PRIVATE), or also for those that link them (PUBLIC), that cast pointers to
# vectors: their alignment is checked in quick sanitizer builds too.
function(velbo_check_alignment target scope)
  if(VELBO_SANITIZE MATCHES "undefined")
    target_compile_options(${target} ${scope} -fsanitize=alignment)
  endif()
endfunction()

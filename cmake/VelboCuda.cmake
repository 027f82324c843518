# Finds out whether the CUDA plugin can be built, and sets VELBO_HAVE_CUDA.
#
# AUTO builds it where a working CUDA compiler is and goes on without it elsewhere, saying so; ON makes its absence an
# error.  Nothing but the plugin (kernels/) depends on CUDA.

set(VELBO_HAVE_CUDA OFF)
set(velbo_cuda_minimum 12.4) # the first with C++20 that GCC 13 headers pass through

# A missing or unfit compiler ends the configuration for ON and is a remark for AUTO.
macro(velbo_no_cuda reason)
  if(VELBO_CUDA STREQUAL "ON")
    message(FATAL_ERROR "VELBO_CUDA=ON, but ${reason}.")
  endif()
  message(STATUS "CUDA plugin: left out (${reason})")
endmacro()

if(VELBO_CUDA STREQUAL "OFF")
  message(STATUS "CUDA plugin: left out (VELBO_CUDA=OFF)")
elseif(NOT VELBO_CUDA MATCHES "^(AUTO|ON)$")
  message(FATAL_ERROR "VELBO_CUDA is \"${VELBO_CUDA}\"; it must be AUTO, ON or OFF.")
else()
  # Installed as NVIDIA's packages do, nvcc is often not on the PATH.
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(VELBO_NVCC nvcc HINTS ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
    mark_as_advanced(VELBO_NVCC)
    if(VELBO_NVCC)
      set(ENV{CUDACXX} "${VELBO_NVCC}")
    endif()
  endif()
  # This compiles something, so a compiler that is there but broken (a half-removed toolkit, no host compiler that it
  # accepts) counts as none.
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER AND DEFINED ENV{CUDACXX})
    velbo_no_cuda("the CUDA compiler $ENV{CUDACXX} does not work")
  elseif(NOT CMAKE_CUDA_COMPILER)
    velbo_no_cuda("no CUDA compiler was found")
  else()
    execute_process(COMMAND "${CMAKE_CUDA_COMPILER}" --version OUTPUT_VARIABLE velbo_nvcc_says ERROR_QUIET)
    string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" velbo_nvcc_release "${velbo_nvcc_says}")
    set(velbo_nvcc_version "${CMAKE_MATCH_1}")
    if(NOT velbo_nvcc_version)
      velbo_no_cuda("${CMAKE_CUDA_COMPILER} does not say which CUDA it is")
    elseif(velbo_nvcc_version VERSION_LESS velbo_cuda_minimum)
      velbo_no_cuda("${CMAKE_CUDA_COMPILER} is CUDA ${velbo_nvcc_version}, older than ${velbo_cuda_minimum}")
    else()
      set(VELBO_HAVE_CUDA ON)
    endif()
  endif()
endif()

if(VELBO_HAVE_CUDA)
  # Must be known before the language is enabled.  Code for one architecture, and PTX that newer ones compile when they
  # load it, is enough for development; the preset "release" has code for all that are supported.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES 90 CACHE STRING "CUDA architectures to make code for")
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit ${velbo_cuda_minimum} REQUIRED)
  # CMake 3.25 does not know that nvcc has C++20 and leaves the flag out without a word.
  if(CMAKE_VERSION VERSION_LESS 3.26 AND NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
  endif()
  message(STATUS "CUDA plugin: CUDA ${velbo_nvcc_version}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
endif()

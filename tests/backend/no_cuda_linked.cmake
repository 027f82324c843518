# libvelbo starts on a machine without CUDA: it names no CUDA library.  The plugin has the CUDA runtime inside, names no
# library of CUDA or of the driver either, and shows nothing but its one function.
cmake_minimum_required(VERSION 3.25) # for the policies of a script
function(check_needed file)
  execute_process(COMMAND "${READELF}" --dynamic --wide "${file}" OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*" needed "${dynamic}")
  if(NOT needed MATCHES "libc\\.so")
    message(FATAL_ERROR "${file}: the list of needed libraries was not understood: ${dynamic}")
  endif()
  if(needed MATCHES "lib(cuda|cudart|cublas|cublasLt|curand|cusolver|cusparse|nvrtc|nv[A-Za-z]*)[.-]")
    message(FATAL_ERROR "${file} is linked with a CUDA library: ${needed}")
  endif()
endfunction()

check_needed("${LIBRARY}")
if(PLUGIN)
  check_needed("${PLUGIN}")
  execute_process(COMMAND "${NM}" --dynamic --defined-only "${PLUGIN}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "[0-9a-f]+ [A-Za-z] " "" symbols "${symbols}")
  string(STRIP "${symbols}" symbols)
  if(NOT symbols STREQUAL "velbo_cuda_plugin")
    message(FATAL_ERROR "${PLUGIN} shows other symbols than velbo_cuda_plugin: ${symbols}")
  endif()
endif()

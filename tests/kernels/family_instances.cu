// Kernels that no operation launches yet, for nvcc to compile with the plugin's options: warnings and spills are errors.
#include "gaussian_family.cuh"
#include "sobol.cuh"

namespace velbo::kernels {

#define VELBO_INSTANCES(T)                                                                                \
  template cudaError_t sobol_normals<T>(std::uint64_t, std::uint32_t, std::int64_t, std::int64_t,         \
                                        const std::uint32_t*, T*, cudaStream_t);                          \
  template cudaError_t sample<T>(const FamilyShape&, const T*, const T*, std::int64_t, T*, cudaStream_t); \
  template cudaError_t pull_back<T>(const FamilyShape&, const T*, const T*, const T*, std::int64_t, T, T*, cudaStream_t)
VELBO_INSTANCES(float);
VELBO_INSTANCES(double);

}  // namespace velbo::kernels

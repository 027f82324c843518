// Models as a user compiles them: a shared library that knows nothing of velbo but its public headers.
#include "models.h"

#include <velbo/cuda/device_model.cuh>

#include <cstring>

namespace {

namespace test = velbo::test;

struct Gaussian {
  double mean[test::kGaussianDimension];
  double precision[test::kGaussianDimension][test::kGaussianDimension];
  double log_normaliser;

  template <class T>
  __device__ T operator()(const T* z, T* gradient) const {
    T square = T(0);
    for (int i = 0; i < test::kGaussianDimension; ++i) {
      T product = T(0);
      for (int j = 0; j < test::kGaussianDimension; ++j)
        product += static_cast<T>(precision[i][j]) * (z[j] - static_cast<T>(mean[j]));
      square += product * (z[i] - static_cast<T>(mean[i]));
      if (gradient != nullptr) gradient[i] = -product;
    }
    return static_cast<T>(log_normaliser) - square / 2;
  }
};

struct Funnel {
  template <class T>
  __device__ T operator()(const T* z, T* gradient) const {
    const T v = z[0], precision = exp(-v);
    T squares = T(0);
    for (int i = 1; i < test::kFunnelDimension; ++i) {
      squares += z[i] * z[i];
      if (gradient != nullptr) gradient[i] = -z[i] * precision;
    }
    const T n = T(test::kFunnelDimension - 1);
    if (gradient != nullptr) gradient[0] = -v / 9 - n / 2 + squares * precision / 2;
    return -v * v / 18 - n * v / 2 - squares * precision / 2;
  }
};

Gaussian gaussian() {
  Gaussian out{};
  std::memcpy(out.mean, test::kMean, sizeof out.mean);
  std::memcpy(out.precision, test::kPrecision, sizeof out.precision);
  out.log_normaliser = test::kLogNormaliser;
  return out;
}

// By hand, with a workspace [S, D].

__global__ void square_elements(std::int64_t n, const double* z, double* squares) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < n) squares[i] = z[i] * z[i];
}

__global__ void sum_quartics(std::int64_t n_draws, const double* z, const double* squares, double* logp, double* grad) {
  const std::int64_t s = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (s >= n_draws) return;
  double sum = 0;
  for (std::int64_t i = s * test::kQuarticDimension; i < (s + 1) * test::kQuarticDimension; ++i) {
    sum += squares[i] * squares[i] / 4;
    if (grad != nullptr) grad[i] = -squares[i] * z[i];
  }
  logp[s] = -sum;
}

template <class... Parameters, class... Arguments>
cudaError_t launch(void* stream, std::int64_t n, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>((n + 63) / 64));
  config.blockDim = dim3(64);
  config.stream = static_cast<cudaStream_t>(stream);
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

bool aligned(const void* array) { return reinterpret_cast<std::uintptr_t>(array) % 256 == 0; }

std::int64_t quartic_workspace(void*, std::int64_t n_draws) {
  return n_draws * test::kQuarticDimension * static_cast<std::int64_t>(sizeof(double));
}

int quartic_enqueue(void*, void* stream, std::int64_t n_draws, const void* z, void* logp, void* grad, void* workspace) {
  if (workspace == nullptr || !aligned(z) || !aligned(logp) || !aligned(grad) || !aligned(workspace))
    return test::kMisaligned;
  const auto* const draws = static_cast<const double*>(z);
  auto* const squares = static_cast<double*>(workspace);
  const std::int64_t n = n_draws * test::kQuarticDimension;
  const cudaError_t error = launch(stream, n, square_elements, n, draws, squares);
  if (error != cudaSuccess) return error;
  return launch(stream, n_draws, sum_quartics, n_draws, draws, static_cast<const double*>(squares),
                static_cast<double*>(logp), static_cast<double*>(grad));
}

VelboDeviceModel quartic() {
  VelboDeviceModel out{};
  out.abi = VELBO_DEVICE_MODEL_ABI;
  out.struct_bytes = sizeof out;
  out.scalar = VELBO_SCALAR_DOUBLE;
  out.dimension = test::kQuarticDimension;
  out.workspace_bytes = quartic_workspace;
  out.enqueue = quartic_enqueue;
  return out;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int velbo_test_model(const char* name, VelboDeviceModel* model);
extern "C" int velbo_test_model(const char* name, VelboDeviceModel* model) {
  static velbo::DeviceModel<float, Gaussian> gaussian_float(gaussian(), test::kGaussianDimension);
  static velbo::DeviceModel<double, Gaussian> gaussian_double(gaussian(), test::kGaussianDimension);
  static velbo::DeviceModel<float, Funnel> funnel_float(Funnel{}, test::kFunnelDimension);
  static velbo::DeviceModel<double, Funnel> funnel_double(Funnel{}, test::kFunnelDimension);
  const auto is = [name](const char* other) { return std::strcmp(name, other) == 0; };
  if (is("gaussian_float")) {
    *model = gaussian_float.boundary();
  } else if (is("gaussian_double")) {
    *model = gaussian_double.boundary();
  } else if (is("funnel_float")) {
    *model = funnel_float.boundary();
  } else if (is("funnel_double")) {
    *model = funnel_double.boundary();
  } else if (is("quartic")) {
    *model = quartic();
  } else {
    return 1;
  }
  return 0;
}

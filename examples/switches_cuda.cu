// The same model with its log joint on a GPU.
#include "switches_model.h"

#include <velbo/cuda/model.cuh>

#include <exception>
#include <iostream>

int main(int count, char** arguments) try {
  const velbo::Model host = switches::model(count > 1 ? arguments[1] : "examples/data/wells.csv");
  for (const velbo::DeviceInfo& info : velbo::devices()) {
    if (info.device.kind != velbo::DeviceKind::cuda || !info.usable) continue;
    velbo::CudaModel<double, switches::Prior, velbo::CudaRows<3, switches::Household>> device(host, switches::Prior{},
                                                                                              switches::Household{});
    velbo::FitOptions options;
    options.device = info.device;
    const velbo::Fit fit = velbo::fit(host.on_device(device.boundary()), options);
    std::cout << fit.summary.full_report();
    return fit.summary.converged() ? 0 : 3;
  }
  std::cout << "there is no CUDA device that can be used; examples/switches.cpp is the same on the CPU\n";
  return 0;
} catch (const std::exception& error) {
  std::cerr << "switches_cuda: " << error.what() << '\n';
  return 1;
}

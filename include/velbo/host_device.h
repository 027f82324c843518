// velbo/host_device.h - marks functions that g++ compiles for the host and nvcc for host and device.
#pragma once

#if defined(__CUDACC__)
#define VELBO_HOST_DEVICE __host__ __device__
#else
#define VELBO_HOST_DEVICE
#endif

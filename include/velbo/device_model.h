// velbo/device_model.h - a model's log density as a function on a CUDA device, in a binary that is compiled elsewhere.
//
// The boundary between such a binary and velbo's CUDA plugin is one C struct of function pointers; velbo/cuda/device_model.cuh
// makes it from a functor.  Both sides carry a CUDA runtime of their own.  They share the device's primary context, and
// with it streams and device memory; they share neither error state nor allocation: neither side frees what the other
// allocated, and errors are numbers that their own side explains.  No CUDA header is needed to include this file, and C
// will do.
//
// S draws, D latents, z unconstrained.  velbo maximises E_q[log p(z)] plus the entropy of q: log p(z) is the log joint
// density of data and latents, with the log Jacobians of whatever is constrained, up to a constant.
#pragma once
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

// Raised with every change of what follows.  A model of another number or size is refused.
#define VELBO_DEVICE_MODEL_ABI 1u

// Types of z, logp and grad.
#define VELBO_SCALAR_FLOAT 1
#define VELBO_SCALAR_DOUBLE 2

// Whoever is given the struct reads it during the call and, where it keeps a copy, as long as that lives; `user` and the
// binary that the functions are in have to stay that long.
//
// All functions may be called from any thread, and from several at once.  None may throw, wait for the device, allocate or
// free device memory, or change the current device.
typedef struct VelboDeviceModel {
  uint32_t abi;           // VELBO_DEVICE_MODEL_ABI; this field and the next stay the first two for ever
  uint32_t struct_bytes;  // sizeof(VelboDeviceModel)
  int32_t scalar;         // VELBO_SCALAR_FLOAT or VELBO_SCALAR_DOUBLE
  int64_t dimension;      // D >= 1
  void* user;             // the functions' first argument; velbo does not look at it

  // Bytes of device memory that enqueue() needs for itself, for S = n_draws >= 1 draws.  Null: none.
  int64_t (*workspace_bytes)(void* user, int64_t n_draws);

  // Puts on the stream what writes log p and its gradient at S draws, and returns without waiting for it.
  //   stream     a cudaStream_t of the current device, or a special one such as cudaStreamPerThread; nothing may go to any
  //              other stream unless events bring it back to this one
  //   n_draws    S >= 1
  //   z          [S, D] row-major, to read: draw s is z[s * D] .. z[s * D + D - 1]
  //   logp       [S], to write: log p(z_s); infinite or NaN where it is, which is no error
  //   grad       [S, D] row-major, to write: grad[s * D + i] = d logp[s] / d z[s * D + i]; null: not wanted
  //   workspace  workspace_bytes(user, S) bytes, not initialised, this call's own until the stream has passed it; null: none
  // Arrays are of type `scalar`, in the memory of the current device, aligned to 256 bytes, and do not overlap.
  //
  // Everything has to be on the stream and nothing may depend on when the host runs, so that the call can be captured
  // into a CUDA graph and replayed on other contents of the same arrays: no copies to or from pageable memory, no
  // decisions by what lies on the device.
  //
  // The same z must give the same bits: sums in a fixed order, no atomics on floating-point numbers.
  //
  // Returns 0, or a status of the model's own; what was put on the stream before it failed must leave other memory alone.
  int (*enqueue)(void* user, void* stream, int64_t n_draws, const void* z, void* logp, void* grad, void* workspace);

  // What a status of enqueue() means, one line that lives as long as the model; null if there is nothing to say.  May
  // itself be null.
  const char* (*reason)(void* user, int status);
} VelboDeviceModel;

#if defined(__cplusplus)
}  // extern "C"
#endif

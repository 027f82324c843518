// backend/context.cpp - picks the table of operations of a device.
#include "velbo/context.h"

#include <algorithm>
#include <string>
#include <thread>

#include "backend/cuda_ops.h"
#include "backend/ops.h"
#include "cpu/isa.h"
#include "cpu/thread_team.h"
#include "velbo/error.h"

namespace velbo {
namespace {

constexpr int kMostThreads = 1024;  // rows are cut into 64 chunks

}  // namespace

Context::Context(Device device, int threads, bool streams_rows)
    : device_(device), threads_(threads), streams_rows_(streams_rows) {
  if (threads < 0)
    throw Error(ErrorCode::argument,
                "threads is " + std::to_string(threads) + ", expected 0 (all) or a positive number");
  if (threads > kMostThreads)
    throw Error(ErrorCode::argument,
                "threads is " + std::to_string(threads) + ", expected at most " + std::to_string(kMostThreads));
  require_usable(device);
  internal::require_isa();
  if (threads_ == 0) threads_ = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  team_ = std::make_shared<internal::ThreadTeam>();
}

template <>
const internal::Ops<float>& Context::ops<float>() const {
  return device_.kind == DeviceKind::cuda ? internal::cuda_ops_float() : internal::cpu_ops_float();
}

template <>
const internal::Ops<double>& Context::ops<double>() const {
  return device_.kind == DeviceKind::cuda ? internal::cuda_ops_double() : internal::cpu_ops_double();
}

}  // namespace velbo

// The emulated plugin's tables of topic models.
#include "device_topics.cuh"
#include "emulator/tables.h"

namespace velbo::simt {
namespace {

struct Emulator {
  static kernels::Launch open(int) { return {}; }
  static int report(const kernels::Failure& failure) { return report_failure(failure.error); }
};

}  // namespace

const internal::DeviceTopicOps<float> topics_float = kernels::device_topics<float, Emulator>;
const internal::DeviceTopicOps<double> topics_double = kernels::device_topics<double, Emulator>;

}  // namespace velbo::simt

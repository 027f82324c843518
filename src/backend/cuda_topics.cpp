// backend/cuda_topics.cpp - the table of backend/topic_ops.h on top of the CUDA plugin's, and the choice between it and the CPU's.
#include "backend/cuda_loader.h"
#include "backend/cuda_ops.h"
#include "backend/device_topics.h"
#include "backend/topic_ops.h"

namespace velbo::internal {
namespace {

// Called with contexts of CUDA devices alone, which there are none of without a plugin.
template <class T>
const DeviceTopics<T>& plugin_ops() {
  const VelboCudaPlugin& plugin = *cuda_plugin().table;
  return *static_cast<const DeviceTopics<T>*>(sizeof(T) == sizeof(float) ? plugin.topics_float : plugin.topics_double);
}

template <class T>
constexpr TopicOps<T> cuda_topics{
    .stride = [](std::int64_t n_topics) { return plugin_ops<T>().stride(n_topics); },
    .expectations =
        [](const Context& context, const TopicGlobals& globals, T* topics, double* shift, const TopicSums& sums) {
          require_cuda(plugin_ops<T>().expectations(context.device().index, &globals, topics, shift, &sums));
        },
    .expected_log_sum =
        [](const Context& context, const TopicGlobals& globals, const double* total, const double* other) {
          double sum = 0;
          require_cuda(plugin_ops<T>().expected_log_sum(context.device().index, &globals, total, other, &sum));
          return sum;
        },
    .documents =
        [](const Context& context, const TopicDocuments<T>& d) {
          require_cuda(plugin_ops<T>().documents(context.device().index, &d));
        },
    .statistics =
        [](const Context& context, const TopicStatistics<T>& s) {
          require_cuda(plugin_ops<T>().statistics(context.device().index, &s));
        },
    .expected_log_sums =
        [](const Context& context, std::int64_t n_documents, std::int64_t n_topics, const double* expected_log,
           double* sums) {
          require_cuda(
              plugin_ops<T>().expected_log_sums(context.device().index, n_documents, n_topics, expected_log, sums));
        },
};

}  // namespace

template <class T>
const TopicOps<T>& topic_ops(const Context& context) {
  return context.device().kind == DeviceKind::cuda ? cuda_topics<T> : cpu_topic_ops<T>();
}
template const TopicOps<float>& topic_ops(const Context& context);
template const TopicOps<double>& topic_ops(const Context& context);

}  // namespace velbo::internal

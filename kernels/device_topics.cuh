// device_topics.cuh - the tables of backend/device_topics.h.
#pragma once
#include <cstdint>
#include <vector>

#include "backend/device_topics.h"
#include "reported.cuh"
#include "topic_documents.cuh"
#include "topic_statistics.cuh"
#include "topic_words.cuh"

namespace velbo::kernels {

// Rows of whole 32 bytes, which is what memory is read in.
template <class T>
constexpr std::int64_t topic_stride(std::int64_t n_topics) {
  constexpr std::int64_t n = 32 / sizeof(T);
  return (n_topics + n - 1) / n * n;
}

template <class T, class Runtime>
constexpr internal::DeviceTopics<T> device_topics{
    .stride = [](std::int64_t n_topics) { return topic_stride<T>(n_topics); },
    .expectations =
        [](int device, const internal::TopicGlobals* globals, T* topics, double* shift,
           const internal::TopicSums* sums) {
          return reported<Runtime>(device, [&](const Launch& launch) {
            topic_expectations(launch, *globals, topic_stride<T>(globals->n_topics), topics, shift, *sums);
          });
        },
    .expected_log_sum =
        [](int device, const internal::TopicGlobals* globals, const double* total, const double* other, double* sum) {
          return reported<Runtime>(
              device, [&](const Launch& launch) { *sum = topic_expected_log_sum(launch, *globals, total, other); });
        },
    .documents =
        [](int device, const internal::TopicDocuments<T>* documents) {
          return started<Runtime>(device, [&](const Launch& launch) { launch_topic_documents(launch, *documents); });
        },
    .statistics =
        [](int device, const internal::TopicStatistics<T>* statistics) {
          return started<Runtime>(device, [&](const Launch& launch) { launch_topic_statistics(launch, *statistics); });
        },
    .expected_log_sums =
        [](int device, std::int64_t n_documents, std::int64_t n_topics, const double* expected_log, double* sums) {
          return reported<Runtime>(device, [&](const Launch& launch) {
            const Buffer<double> total(n_topics, launch.stream);
            check(reduce(expected_log, n_documents, n_topics, total.get(), launch.stream));
            const std::vector<double> host = downloaded(total.get(), n_topics, launch.stream);
            for (std::int64_t k = 0; k < n_topics; ++k) sums[k] += host[static_cast<std::size_t>(k)];
          });
        },
};

extern const internal::DeviceTopics<float> topics_float;
extern const internal::DeviceTopics<double> topics_double;

}  // namespace velbo::kernels

// backend/device_topics.h - the operations of backend/topic_ops.h as the CUDA plugin gives them.
//
// The same arguments with the device's number in front.  Return 0 or what VelboCudaPlugin says of errors.
#pragma once
#include <cstdint>

#include "backend/topic_ops.h"

namespace velbo::internal {

template <class T>
struct DeviceTopics {
  std::int64_t (*stride)(std::int64_t n_topics);
  int (*expectations)(int device, const TopicGlobals* globals, T* topics, double* shift, const TopicSums* sums);
  int (*expected_log_sum)(int device, const TopicGlobals* globals, const double* total, const double* other,
                          double* sum);
  int (*documents)(int device, const TopicDocuments<T>* documents);
  int (*statistics)(int device, const TopicStatistics<T>* statistics);
  int (*expected_log_sums)(int device, std::int64_t n_documents, std::int64_t n_topics, const double* expected_log,
                           double* sums);
};

}  // namespace velbo::internal

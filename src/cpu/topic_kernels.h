// cpu/topic_kernels.h - the loops behind backend/topic_ops.h, compiled once an instruction set and chosen with cpu/isa.h.
#pragma once
#include <cstdint>

#include "backend/topic_ops.h"

namespace velbo::internal {

template <class T>
struct TopicKernels {
  int lanes;  // elements of a vector: strides are multiples of it
  // Documents begin .. end - 1.  `scratch` has room for document_scratch() of the longest one, aligned to 64 bytes.
  void (*documents)(const TopicDocuments<T>&, std::int64_t begin, std::int64_t end, T* scratch);
  std::int64_t (*document_scratch)(std::int64_t n_words_of_document, std::int64_t n_topics);  // elements
  // Words begin .. end - 1.
  void (*statistics)(const TopicStatistics<T>&, std::int64_t begin, std::int64_t end);
  // Words begin .. end - 1; log_gamma and expected [K] are added to; digamma_total [K]; scratch [2 K].
  void (*expectations)(const TopicGlobals&, const double* digamma_total, std::int64_t begin, std::int64_t end,
                       T* topics, double* shift, double* log_gamma, double* expected, double* scratch);
};

struct TopicKernelTable {
  TopicKernels<float> of_float;
  TopicKernels<double> of_double;
  // sums [K], added to: lambda_vk; other_vk E log beta_kv.
  void (*totals)(const TopicGlobals&, std::int64_t begin, std::int64_t end, double* sums);
  void (*expected_logs)(const TopicGlobals&, const double* digamma_total, const double* other, std::int64_t begin,
                        std::int64_t end, double* sums);
};

}  // namespace velbo::internal

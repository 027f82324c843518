// backend/topic_ops.h - the table of operations behind topic models (src/topics/topics_model.h), filled by src/cpu.
//
// Plain pointers to memory of the device.  The same bits for any number of threads: documents and words are worked on one by one, and sums
// over words are made of pieces whose number depends on the sizes alone.  T is the arithmetic by word and topic; sums are double.
#pragma once
#include <cstdint>

#include "velbo/context.h"
#include "velbo/corpus.h"

namespace velbo::internal {

// q(beta_k) = Dirichlet(lambda_k), lambda_vk = eta + base_vk + max(statistics_vk, 0).
struct TopicGlobals {
  std::int64_t n_words = 0, n_topics = 0;
  double eta = 0;
  const double* base = nullptr;        // [V, K], or nullptr: zeros
  const double* statistics = nullptr;  // [V, K]
};

// Sums over all words, of each topic [K].
struct TopicSums {
  double* total = nullptr;      // lambda_vk
  double* log_gamma = nullptr;  // log Gamma(lambda_vk)
  double* expected = nullptr;   // max(statistics_vk, 0) E log beta_kv
};

// Documents whose local factors q(theta_d) = Dirichlet(gamma_d) are brought to their optimum:
//   nhat_dv = sum_k exp(E log theta_dk + E log beta_kv)
//   gamma_dk = alpha_k + exp(E log theta_dk) sum_v n_dv exp(E log beta_kv) / nhat_dv       (Blei et al. 2003; Hoffman et al. 2010)
// until the mean over k of |change of gamma_dk| is below the tolerance, or for max_iterations.  The responsibilities are never stored.
template <class T>
struct TopicDocuments {
  std::int64_t n_documents = 0;
  const WordCount* entries = nullptr;     // of a whole corpus
  const std::int64_t* first = nullptr;    // [n] where the document's entries begin
  const std::int64_t* start = nullptr;    // [n + 1] places of its entries in `ratio`, one document after the other
  std::int64_t n_topics = 0, stride = 0;  // elements from a row of topics to the next, and everywhere below
  const T* topics = nullptr;              // [V, stride] exp(E log beta_kv - shift_v), the largest of each row 1
  const double* shift = nullptr;          // [V]
  const double* alpha = nullptr;          // [K]
  double log_normaliser = 0;              // log Gamma(sum alpha) - sum log Gamma(alpha)
  double tolerance = 0;
  std::int32_t max_iterations = 0;
  T* gamma = nullptr;  // [n, stride] where it starts, and then where it ends; what is beyond n_topics is not used
  T* theta = nullptr;  // [n, stride] out: exp(E log theta_dk) times a number of the document's own
  T* ratio = nullptr;  // [start[n]] out: n_dv / nhat_dv, with theta's number
  double* value =
      nullptr;  // [n] out: sum_v n_dv log nhat_dv + E log p(theta_d | alpha) - E log q(theta_d), all of it normalised
  double* expected_log = nullptr;  // [n, K] out: E log theta_dk; or nullptr
  // [n] out; -1: a nhat_dv is too small for T; gamma is as it was, and nothing else has been written.
  std::int32_t* iterations = nullptr;
};

// Where words are in some documents: word v has places[i] for start[v] <= i < start[v + 1].
struct WordPlace {
  std::int32_t document = 0, entry = 0;  // rows of theta, places in ratio
};
template <class T>
struct TopicStatistics {
  std::int64_t n_words = 0, n_topics = 0, stride = 0;
  const std::int64_t* start = nullptr;  // [V + 1]
  const WordPlace* places = nullptr;
  const T* topics = nullptr;
  const T* theta = nullptr;
  const T* ratio = nullptr;
  double* statistics = nullptr;  // [V, K], added to: expected counts of words by topic
};

template <class T>
struct TopicOps {
  // Elements from a row of topics to the next.
  std::int64_t (*stride)(std::int64_t n_topics);
  // topics [V, stride] and shift [V] as in TopicDocuments, and the sums.
  void (*expectations)(const Context&, const TopicGlobals&, T* topics, double* shift, const TopicSums&);
  // sum_vk other_vk E log beta_kv; total [K] as expectations() left it.
  double (*expected_log_sum)(const Context&, const TopicGlobals&, const double* total, const double* other);
  void (*documents)(const Context&, const TopicDocuments<T>&);
  void (*statistics)(const Context&, const TopicStatistics<T>&);
};

template <class T>
const TopicOps<T>& cpu_topic_ops();
extern template const TopicOps<float>& cpu_topic_ops<float>();
extern template const TopicOps<double>& cpu_topic_ops<double>();

}  // namespace velbo::internal

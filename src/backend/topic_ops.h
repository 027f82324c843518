// backend/topic_ops.h - the table of operations behind topic models (src/topics/topics_model.h): filled by src/cpu and by kernels/topics.cu.
//
// Pointers marked [device] are memory of the context's device, all others the host's.  The same bits for any number of threads: documents
// and words are worked on one by one, and sums over words are made of pieces whose number depends on the sizes alone.  T is the arithmetic
// by word and topic; sums are double.
//
// On a CUDA device documents() and statistics() return while it works; copies of what they make wait for it.
#pragma once
#include <cstdint>

#include "velbo/context.h"
#include "velbo/corpus.h"

namespace velbo::internal {

// q(beta_k) = Dirichlet(lambda_k), lambda_vk = eta + base_vk + max(statistics_vk, 0).
struct TopicGlobals {
  std::int64_t n_words = 0, n_topics = 0;
  double eta = 0;
  const double* base = nullptr;        // [device] [V, K], or nullptr: zeros
  const double* statistics = nullptr;  // [device] [V, K]
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
  const WordCount* entries = nullptr;   // [device]
  const std::int64_t* first = nullptr;  // [device] [n] where the document's entries begin
  const std::int64_t* start =
      nullptr;  // [device] [n + 1] places of its entries in `ratio`, one document after the other
  std::int64_t n_topics = 0, stride = 0;  // elements from a row of topics to the next, and everywhere below
  const T* topics = nullptr;      // [device] [V, stride] exp(E log beta_kv - shift_v), the largest of each row 1
  const double* shift = nullptr;  // [device] [V]
  const double* alpha = nullptr;  // [device] [K]
  double log_normaliser = 0;      // log Gamma(sum alpha) - sum log Gamma(alpha)
  double tolerance = 0;
  std::int32_t max_iterations = 0;
  std::int32_t usual_words = 0;  // of a document, for a device's fast memory: another number, the same bits
  bool from_one = false;         // gamma starts from ones, whatever is there
  T* gamma =
      nullptr;  // [device] [n, stride] where it starts, and then where it ends; what is beyond n_topics is not used
  T* theta = nullptr;  // [device] [n, stride] out: exp(E log theta_dk) times a number of the document's own
  T* ratio = nullptr;  // [device] [start[n]] out: n_dv / nhat_dv, with theta's number
  // [device] [n] out: sum_v n_dv log nhat_dv + E log p(theta_d | alpha) - E log q(theta_d), all of it normalised
  double* value = nullptr;
  double* expected_log = nullptr;  // [device] [n, K] out: E log theta_dk; or nullptr
  // [device] [n] out; -1: a nhat_dv is too small for T.  Then gamma is where it started; theta, ratio and expected_log are zeros.
  std::int32_t* iterations = nullptr;
};

// A nhat below this, the largest weights being about 1, may have lost terms that are not small beside it.
template <class T>
inline constexpr T kLeastTotal = sizeof(T) == sizeof(float) ? T(1e-20) : T(1e-200);

// Where words are in some documents: word v has places[i] for start[v] <= i < start[v + 1].
struct WordPlace {
  std::int32_t document = 0, entry = 0;  // rows of theta, places in ratio
};
template <class T>
struct TopicStatistics {
  std::int64_t n_words = 0, n_topics = 0, stride = 0;
  // [device], all of them
  const std::int64_t* start = nullptr;  // [V + 1]
  const WordPlace* places = nullptr;
  const T* topics = nullptr;
  const T* theta = nullptr;
  const T* ratio = nullptr;
  double* statistics = nullptr;  // [V, K] expected counts of words by topic
  bool adds = true;              // to what is there; else that is not read
};

template <class T>
struct TopicOps {
  // Elements from a row of topics to the next.
  std::int64_t (*stride)(std::int64_t n_topics);
  // topics [device] [V, stride] and shift [device] [V] as in TopicDocuments, and the sums.
  void (*expectations)(const Context&, const TopicGlobals&, T* topics, double* shift, const TopicSums&);
  // sum_vk other_vk E log beta_kv; other [device] [V, K], total [K] as expectations() left it.
  double (*expected_log_sum)(const Context&, const TopicGlobals&, const double* total, const double* other);
  void (*documents)(const Context&, const TopicDocuments<T>&);
  void (*statistics)(const Context&, const TopicStatistics<T>&);
  // sums [K], added to: over documents of expected_log [device] [n, K].
  void (*expected_log_sums)(const Context&, std::int64_t n_documents, std::int64_t n_topics, const double* expected_log,
                            double* sums);
};

template <class T>
const TopicOps<T>& cpu_topic_ops();
extern template const TopicOps<float>& cpu_topic_ops<float>();
extern template const TopicOps<double>& cpu_topic_ops<double>();

// Of the context's device.
template <class T>
const TopicOps<T>& topic_ops(const Context& context);

}  // namespace velbo::internal

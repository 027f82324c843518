// cpu/topic_ops.cpp - the CPU side of backend/topic_ops.h: cuts documents and words into pieces and shares them among threads.
#include <algorithm>
#include <vector>

#include "backend/topic_ops.h"
#include "cpu/isa.h"
#include "cpu/parallel.h"
#include "cpu/row_chunks.h"
#include "cpu/topic_kernels.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {

const TopicKernelTable& topic_kernels_v1();
#if defined(__x86_64__)
const TopicKernelTable& topic_kernels_v3();
const TopicKernelTable& topic_kernels_v4();
#endif

namespace {

constexpr std::int64_t kDocumentsOfAPiece = 16, kMostPieces = 64;

const TopicKernelTable& table() {
#if defined(__x86_64__)
  if (isa().name == "v4") return topic_kernels_v4();
  if (isa().name == "v3") return topic_kernels_v3();
#endif
  return topic_kernels_v1();
}

template <class T>
const TopicKernels<T>& kernels() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return table().of_float;
  } else {
    return table().of_double;
  }
}

template <class T>
std::int64_t stride(std::int64_t n_topics) {
  const std::int64_t lanes = kernels<T>().lanes;
  return (n_topics + lanes - 1) / lanes * lanes;
}

// Calls piece(begin, end, sums [n_sums], worker) for pieces of the words and adds up their sums in order.
template <class Piece>
std::vector<double> sum_over_words(const Context& context, std::int64_t n_words, std::int64_t n_topics,
                                   std::int64_t n_sums, double operations, const Piece& piece) {
  const std::int64_t each = std::max<std::int64_t>({1, 4096 / n_topics, (n_words + kMostPieces - 1) / kMostPieces});
  const std::int64_t pieces = (n_words + each - 1) / each;
  std::vector<double> sums(static_cast<std::size_t>(pieces * n_sums));
  const double work = operations * static_cast<double>(n_words) * static_cast<double>(n_topics);
  parallel_for(pieces, workers_for(context, work), [&](std::int64_t i, int) {
    piece(i * each, std::min(n_words, (i + 1) * each), sums.data() + i * n_sums);
  });
  std::vector<double> out(static_cast<std::size_t>(n_sums));
  for (std::size_t at = 0; at < sums.size(); ++at) out[at % out.size()] += sums[at];
  return out;
}

std::vector<double> digammas(const double* total, std::int64_t n_topics) {
  std::vector<double> out(total, total + n_topics);
  for (double& value : out) value = digamma_of(value);
  return out;
}

template <class T>
void expectations(const Context& context, const TopicGlobals& g, T* topics, double* shift, const TopicSums& sums) {
  const std::vector<double> total =
      sum_over_words(context, g.n_words, g.n_topics, g.n_topics, 4,
                     [&](std::int64_t begin, std::int64_t end, double* out) { table().totals(g, begin, end, out); });
  std::copy(total.begin(), total.end(), sums.total);
  const std::vector<double> digamma_total = digammas(sums.total, g.n_topics);
  const std::vector<double> both = sum_over_words(
      context, g.n_words, g.n_topics, 2 * g.n_topics, 100, [&](std::int64_t begin, std::int64_t end, double* out) {
        std::vector<double> scratch(static_cast<std::size_t>(2 * g.n_topics));
        kernels<T>().expectations(g, digamma_total.data(), begin, end, topics, shift, out, out + g.n_topics,
                                  scratch.data());
      });
  std::copy_n(both.begin(), g.n_topics, sums.log_gamma);
  std::copy_n(both.begin() + g.n_topics, g.n_topics, sums.expected);
}

double expected_log_sum(const Context& context, const TopicGlobals& g, const double* total, const double* other) {
  const std::vector<double> digamma_total = digammas(total, g.n_topics);
  const std::vector<double> sums = sum_over_words(
      context, g.n_words, g.n_topics, g.n_topics, 50, [&](std::int64_t begin, std::int64_t end, double* out) {
        table().expected_logs(g, digamma_total.data(), other, begin, end, out);
      });
  double out = 0;
  for (const double value : sums) out += value;
  return out;
}

template <class T>
void documents(const Context& context, const TopicDocuments<T>& d) {
  std::int64_t longest = 0;
  for (std::int64_t i = 0; i < d.n_documents; ++i) longest = std::max(longest, d.start[i + 1] - d.start[i]);
  const double operations =
      80.0 * static_cast<double>(d.n_topics) * static_cast<double>(d.start[d.n_documents] + d.n_documents);
  const Workers workers = workers_for(context, operations);
  Scratches<T> scratch(workers.threads, kernels<T>().document_scratch(longest, d.n_topics));
  parallel_for((d.n_documents + kDocumentsOfAPiece - 1) / kDocumentsOfAPiece, workers, [&](std::int64_t i, int worker) {
    kernels<T>().documents(d, i * kDocumentsOfAPiece, std::min(d.n_documents, (i + 1) * kDocumentsOfAPiece),
                           scratch.of(worker));
  });
}

template <class T>
void statistics(const Context& context, const TopicStatistics<T>& s) {
  const double operations =
      4.0 * static_cast<double>(s.n_topics) * static_cast<double>(s.start[s.n_words] - s.start[0]);
  const std::int64_t each = std::max<std::int64_t>(1, (s.n_words + kMostPieces - 1) / kMostPieces);
  parallel_for((s.n_words + each - 1) / each, workers_for(context, operations),
               [&](std::int64_t i, int) { kernels<T>().statistics(s, i * each, std::min(s.n_words, (i + 1) * each)); });
}

void expected_log_sums(const Context&, std::int64_t n_documents, std::int64_t n_topics, const double* expected_log,
                       double* sums) {
  for (std::int64_t i = 0; i < n_documents; ++i)
    for (std::int64_t k = 0; k < n_topics; ++k) sums[k] += expected_log[i * n_topics + k];
}

template <class T>
constexpr TopicOps<T> ops{.stride = stride<T>,
                          .expectations = expectations<T>,
                          .expected_log_sum = expected_log_sum,
                          .documents = documents<T>,
                          .statistics = statistics<T>,
                          .expected_log_sums = expected_log_sums};

}  // namespace

template <class T>
const TopicOps<T>& cpu_topic_ops() {
  return ops<T>;
}
template const TopicOps<float>& cpu_topic_ops<float>();
template const TopicOps<double>& cpu_topic_ops<double>();

}  // namespace velbo::internal

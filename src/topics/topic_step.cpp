// topics/topic_step.cpp
#include "topics/topic_step.h"

#include <algorithm>

#include "conjugate/dirichlet.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {
namespace {

// Of a block: what is between the local step and the sums over it is in memory.
constexpr std::int64_t kMostDocuments = 4096, kMostEntries = std::int64_t{1} << 22;

std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace

template <class T>
TopicStep<T>::TopicStep(const Context& context, std::int64_t n_words, std::int64_t n_topics, double tolerance,
                        std::int32_t max_iterations)
    : context_(context),
      ops_(cpu_topic_ops<T>()),
      n_words_(n_words),
      n_topics_(n_topics),
      stride_(ops_.stride(n_topics)),
      tolerance_(tolerance),
      max_iterations_(max_iterations),
      total_(size_of(n_topics)),
      log_gamma_(size_of(n_topics)),
      expected_(size_of(n_topics)),
      shift_(size_of(n_words)),
      topics_(n_words * stride_) {}

template <class T>
void TopicStep<T>::set_globals(const TopicGlobals& globals) {
  globals_ = globals;
  ops_.expectations(context_, globals, topics_.data.get(), shift_.data(),
                    {total_.data(), log_gamma_.data(), expected_.data()});
}

template <class T>
void TopicStep<T>::set_alpha(std::span<const double> alpha) {
  alpha_.assign(alpha.begin(), alpha.end());
  log_normaliser_ = -dirichlet_log_beta(alpha_);
}

template <class T>
double TopicStep<T>::expected_log_sum(const double* other) const {
  return ops_.expected_log_sum(context_, globals_, total_.data(), other);
}

// Where the documents of the block that starts at `begin` are; returns where it ends.
template <class T>
std::int64_t TopicStep<T>::take_block(const Job& job, std::int64_t begin) {
  first_.clear();
  start_.assign(1, 0);
  std::int64_t end = begin;
  for (; end < job.units.end && end - begin < kMostDocuments; ++end) {
    const std::int64_t d = job.order != nullptr ? job.order[end] : end;
    const std::int64_t n = job.corpus->start[d + 1] - job.corpus->start[d];
    if (end > begin && start_.back() + n > kMostEntries) break;
    first_.push_back(job.corpus->start[d]);
    start_.push_back(start_.back() + n);
  }
  return end;
}

// The block's entries by word, documents in order.
template <class T>
void TopicStep<T>::find_words(const Job& job, std::int64_t n) {
  word_start_.assign(size_of(n_words_) + 1, 0);
  places_.resize(size_of(start_.back()));
  const auto entries_of = [&](std::int64_t i) {
    return std::span(job.corpus->entries + first_[size_of(i)], size_of(start_[size_of(i) + 1] - start_[size_of(i)]));
  };
  for (std::int64_t i = 0; i < n; ++i)
    for (const WordCount& entry : entries_of(i)) ++word_start_[static_cast<std::size_t>(entry.word) + 1];
  for (std::size_t v = 1; v < word_start_.size(); ++v) word_start_[v] += word_start_[v - 1];
  for (std::int64_t i = 0, at = 0; i < n; ++i)
    for (const WordCount& entry : entries_of(i))
      places_[size_of(word_start_[static_cast<std::size_t>(entry.word)]++)] = {static_cast<std::int32_t>(i),
                                                                               static_cast<std::int32_t>(at++)};
  // What each word's begin has moved to is the next one's.
  for (std::size_t v = word_start_.size() - 1; v > 0; --v) word_start_[v] = word_start_[v - 1];
  word_start_[0] = 0;
}

template <class T>
double TopicStep<T>::run(const Job& job) {
  double sum = 0;
  for (std::int64_t begin = job.units.begin, end = begin; begin < job.units.end; begin = end) {
    end = take_block(job, begin);
    const std::int64_t n = end - begin;
    T* gamma = job.gamma != nullptr ? job.gamma + (begin - job.units.begin) * stride_ : nullptr;
    if (gamma == nullptr) {
      gamma_.assign(size_of(n * stride_), T(1));
      gamma = gamma_.data();
    }
    theta_.resize(size_of(n * stride_));
    ratio_.resize(size_of(start_.back()));
    value_.resize(size_of(n));
    iterations_.resize(size_of(n));
    if (job.expected_log != nullptr) expected_log_.resize(size_of(n * n_topics_));
    const TopicDocuments<T> documents{.n_documents = n,
                                      .entries = job.corpus->entries,
                                      .first = first_.data(),
                                      .start = start_.data(),
                                      .n_topics = n_topics_,
                                      .stride = stride_,
                                      .topics = topics_.data.get(),
                                      .shift = shift_.data(),
                                      .alpha = alpha_.data(),
                                      .log_normaliser = log_normaliser_,
                                      .tolerance = tolerance_,
                                      .max_iterations = max_iterations_,
                                      .gamma = gamma,
                                      .theta = theta_.data(),
                                      .ratio = ratio_.data(),
                                      .value = value_.data(),
                                      .expected_log = job.expected_log != nullptr ? expected_log_.data() : nullptr,
                                      .iterations = iterations_.data()};
    ops_.documents(context_, documents);
    careful_documents(job, documents);
    if (job.statistics != nullptr) {
      find_words(job, n);
      ops_.statistics(context_, {.n_words = n_words_,
                                 .n_topics = n_topics_,
                                 .stride = stride_,
                                 .start = word_start_.data(),
                                 .places = places_.data(),
                                 .topics = topics_.data.get(),
                                 .theta = theta_.data(),
                                 .ratio = ratio_.data(),
                                 .statistics = job.statistics});
    }
    for (std::int64_t i = 0; i < n; ++i) {
      sum += value_[size_of(i)];
      word_iterations_ += static_cast<double>(iterations_[size_of(i)]) *
                          static_cast<double>(start_[size_of(i) + 1] - start_[size_of(i)]);
    }
    if (job.expected_log != nullptr)
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t k = 0; k < n_topics_; ++k) job.expected_log[k] += expected_log_[size_of(i * n_topics_ + k)];
    if (job.visit) job.visit(begin, n, gamma);
  }
  return sum;
}

// Those that the kernels could not do; their part of the sums over words is added at once, and the kernels find zeros.
template <class T>
void TopicStep<T>::careful_documents(const Job& job, const TopicDocuments<T>& d) {
  std::vector<double> digamma_total, gamma(size_of(n_topics_)), expected_log(size_of(n_topics_));
  for (std::int64_t i = 0; i < d.n_documents; ++i) {
    if (d.iterations[i] >= 0) continue;
    if (digamma_total.empty())
      for (const double total : total_) digamma_total.push_back(digamma_of(total));
    T* const row = d.gamma + i * stride_;
    for (std::int64_t k = 0; k < n_topics_; ++k) gamma[size_of(k)] = static_cast<double>(row[k]);
    const std::span document(d.entries + d.first[i], size_of(d.start[i + 1] - d.start[i]));
    d.value[i] = careful_document(document, globals_, digamma_total, alpha_, log_normaliser_, tolerance_,
                                  max_iterations_, gamma, expected_log, job.statistics);
    for (std::int64_t k = 0; k < n_topics_; ++k) row[k] = static_cast<T>(gamma[size_of(k)]);
    if (d.expected_log != nullptr) std::copy(expected_log.begin(), expected_log.end(), d.expected_log + i * n_topics_);
    std::fill_n(d.theta + i * stride_, stride_, T(0));
    std::fill_n(d.ratio + d.start[i], d.start[i + 1] - d.start[i], T(0));
    d.iterations[i] = max_iterations_;
  }
}

template class TopicStep<float>;
template class TopicStep<double>;

}  // namespace velbo::internal

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
      ops_(topic_ops<T>(context)),
      n_words_(n_words),
      n_topics_(n_topics),
      stride_(ops_.stride(n_topics)),
      tolerance_(tolerance),
      max_iterations_(max_iterations),
      total_(size_of(n_topics)),
      log_gamma_(size_of(n_topics)),
      expected_(size_of(n_topics)),
      shift_(context.device().kind == DeviceKind::cpu ? size_of(n_words) : 0),
      topics_(context.device().kind == DeviceKind::cpu ? n_words * stride_ : 0) {
  if (context.device().kind != DeviceKind::cpu) device_.emplace(context, n_words, n_topics);
}

template <class T>
void TopicStep<T>::set_globals(const TopicGlobals& globals) {
  globals_ = globals;
  const TopicSums sums{total_.data(), log_gamma_.data(), expected_.data()};
  if (device_) {
    device_->set_globals(globals, sums);
  } else {
    ops_.expectations(context_, globals, topics_.data.get(), shift_.data(), sums);
  }
}

template <class T>
void TopicStep<T>::set_alpha(std::span<const double> alpha) {
  alpha_.assign(alpha.begin(), alpha.end());
  log_normaliser_ = -dirichlet_log_beta(alpha_);
  if (device_) device_->set_alpha(alpha_);
}

template <class T>
double TopicStep<T>::expected_log_sum(const double* other) const {
  if (device_) return device_->expected_log_sum(total_.data(), other);
  return ops_.expected_log_sum(context_, globals_, total_.data(), other);
}

// Where the documents of the block are.
template <class T>
void TopicStep<T>::take_block(const Job& job, std::int64_t begin, std::int64_t end) {
  first_.clear();
  start_.assign(1, 0);
  for (std::int64_t u = begin; u < end; ++u) {
    first_.push_back(job.corpus->start[job.document_of(u)]);
    start_.push_back(start_.back() + static_cast<std::int64_t>(job.document(u).size()));
  }
}

template <class T>
double TopicStep<T>::run(const Job& job) {
  if (device_) return run_on_device(job);
  double sum = 0;
  for (std::int64_t begin = job.units.begin, end = begin; begin < job.units.end; begin = end) {
    end = job.block_end(begin, kMostDocuments, kMostEntries);
    take_block(job, begin, end);
    const std::int64_t n = end - begin;
    T* gamma = job.gamma != nullptr ? job.gamma + (begin - job.units.begin) * stride_ : nullptr;
    if (gamma == nullptr) {
      gamma_.resize(size_of(n * stride_));
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
                                      .from_one = job.gamma == nullptr,
                                      .gamma = gamma,
                                      .theta = theta_.data(),
                                      .ratio = ratio_.data(),
                                      .value = value_.data(),
                                      .expected_log = job.expected_log != nullptr ? expected_log_.data() : nullptr,
                                      .iterations = iterations_.data()};
    ops_.documents(context_, documents);
    careful_documents(job, documents);
    if (job.statistics != nullptr) {
      words_.find(job, begin, end, n_words_);
      ops_.statistics(context_, {.n_words = n_words_,
                                 .n_topics = n_topics_,
                                 .stride = stride_,
                                 .start = words_.start.data(),
                                 .places = words_.places.data(),
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
      ops_.expected_log_sums(context_, n, n_topics_, expected_log_.data(), job.expected_log);
    if (job.visit) job.visit(begin, n, gamma);
  }
  return sum;
}

template <class T>
double TopicStep<T>::run_on_device(const Job& job) {
  return device_->run(job,
                      {log_normaliser_, tolerance_, max_iterations_,
                       [&](std::int64_t unit, T* gamma) {
                         const double value = careful(job, job.document(unit), gamma);
                         if (job.expected_log != nullptr)
                           for (std::size_t k = 0; k < careful_log_.size(); ++k) job.expected_log[k] += careful_log_[k];
                         return value;
                       }},
                      word_iterations_);
}

// Those that the kernels could not do; their part of the sums over words is added at once, and the kernels find zeros.
template <class T>
void TopicStep<T>::careful_documents(const Job& job, const TopicDocuments<T>& d) {
  for (std::int64_t i = 0; i < d.n_documents; ++i) {
    if (d.iterations[i] >= 0) continue;
    const std::span document(d.entries + d.first[i], size_of(d.start[i + 1] - d.start[i]));
    d.value[i] = careful(job, document, d.gamma + i * stride_);
    if (d.expected_log != nullptr) std::copy(careful_log_.begin(), careful_log_.end(), d.expected_log + i * n_topics_);
    d.iterations[i] = max_iterations_;
  }
}

template <class T>
double TopicStep<T>::careful(const Job& job, std::span<const WordCount> document, T* gamma) {
  std::vector<double> digamma_total, wide(gamma, gamma + n_topics_);
  for (const double total : total_) digamma_total.push_back(digamma_of(total));
  careful_log_.resize(size_of(n_topics_));
  const double value = careful_document(document, globals_, digamma_total, alpha_, log_normaliser_, tolerance_,
                                        max_iterations_, wide, careful_log_, job.statistics);
  for (std::size_t k = 0; k < wide.size(); ++k) gamma[k] = static_cast<T>(wide[k]);
  return value;
}

template class TopicStep<float>;
template class TopicStep<double>;

}  // namespace velbo::internal

// topics/topic_step.h - local steps over documents of a corpus, block by block: what fits, transform and evaluation share.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend/topic_ops.h"
#include "cpu/row_chunks.h"
#include "topics/topic_device.h"
#include "topics/topic_job.h"
#include "topics/topic_state.h"
#include "topics/word_places.h"
#include "velbo/context.h"

namespace velbo::internal {

template <class T>
class TopicStep {
 public:
  TopicStep(const Context& context, std::int64_t n_words, std::int64_t n_topics, double tolerance,
            std::int32_t max_iterations);

  [[nodiscard]] std::int64_t stride() const { return stride_; }

  // `globals` point to what stays while they are used.
  void set_globals(const TopicGlobals& globals);
  void set_alpha(std::span<const double> alpha);
  [[nodiscard]] const std::vector<double>& alpha() const { return alpha_; }
  [[nodiscard]] double log_normaliser() const { return log_normaliser_; }
  // Of each topic [K]; see TopicSums.
  [[nodiscard]] const std::vector<double>& total() const { return total_; }
  [[nodiscard]] const std::vector<double>& log_gamma() const { return log_gamma_; }
  [[nodiscard]] const std::vector<double>& expected() const { return expected_; }
  // sum_vk other_vk E log beta_kv.
  [[nodiscard]] double expected_log_sum(const double* other) const;

  using Job = TopicJob<T>;
  // The sum of the documents' parts of the ELBO.
  double run(const Job& job);

  [[nodiscard]] double word_iterations() const { return word_iterations_; }
  void set_word_iterations(double value) { word_iterations_ = value; }

  // A device may keep the local factors of jobs with gamma for itself: whether it does, its rows [D, stride], and that the host's have
  // been changed.
  [[nodiscard]] bool keeps_gamma() const { return device_ && device_->keeps_gamma(); }
  void fetch_gamma(T* rows) const { device_->fetch_gamma(rows); }
  void forget_gamma() {
    if (device_) device_->forget_gamma();
  }

 private:
  double run_on_device(const Job& job);
  void take_block(const Job& job, std::int64_t begin, std::int64_t end);
  void careful_documents(const Job& job, const TopicDocuments<T>& documents);
  // Of a document in logarithms, its gamma [K] in and out: its value.  E log theta is in careful_log_ then.
  double careful(const Job& job, std::span<const WordCount> document, T* gamma);

  Context context_;
  const TopicOps<T>& ops_;
  std::int64_t n_words_, n_topics_, stride_;
  double tolerance_;
  std::int32_t max_iterations_;
  TopicGlobals globals_;
  std::vector<double> alpha_, total_, log_gamma_, expected_;
  std::vector<double> shift_;  // the CPU's
  double log_normaliser_ = 0, word_iterations_ = 0;
  Scratch<T> topics_;                             // the CPU's
  mutable std::optional<TopicDevice<T>> device_;  // a CUDA device's

  // Of a block.
  std::vector<std::int64_t> first_, start_;
  WordPlaces words_;
  std::vector<double> careful_log_;
  std::vector<T> gamma_, theta_, ratio_;
  std::vector<double> value_, expected_log_;
  std::vector<std::int32_t> iterations_;
};

extern template class TopicStep<float>;
extern template class TopicStep<double>;

// One document in logarithms and double, where nhat is too small for the kernels: rows of very small alpha or eta.  gamma [K] in and out;
// statistics [V, K] or nullptr; expected_log [K].  Returns the document's part of the ELBO.
double careful_document(std::span<const WordCount> document, const TopicGlobals& globals,
                        std::span<const double> digamma_total, std::span<const double> alpha, double log_normaliser,
                        double tolerance, std::int32_t max_iterations, std::span<double> gamma,
                        std::span<double> expected_log, double* statistics);

}  // namespace velbo::internal

// topics/topic_device.h - topic models on a CUDA device: what stays there between operations, and documents on their way to it.
//
// Documents go there block by block, and a block stays as long as there is room: half of what was free when the first one came.  So do the
// local factors that are kept.  Nothing of this changes a bit.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "backend/topic_ops.h"
#include "topics/topic_job.h"
#include "topics/word_places.h"
#include "velbo/array.h"
#include "velbo/context.h"

namespace velbo::internal {

template <class T>
class TopicDevice {
 public:
  // All jobs are of one corpus in one order.  most_documents: of a block; 0: as many as suit the device.
  TopicDevice(const Context& context, std::int64_t n_words, std::int64_t n_topics, std::int64_t most_documents = 0);

  // Pointers are the host's, read before these return.
  void set_globals(const TopicGlobals& globals, const TopicSums& sums);
  void set_alpha(const std::vector<double>& alpha);
  double expected_log_sum(const double* total, const double* other);

  struct Local {
    double log_normaliser = 0, tolerance = 0;
    std::int32_t max_iterations = 0;
    // A document that the kernels could not do, its gamma [K] in and out: its value.  Sums over words and of E log theta are added to the job's.
    std::function<double(std::int64_t unit, T* gamma)> careful = {};
  };
  // The sum of the documents' values; word_iterations is added to.
  double run(const TopicJob<T>& job, const Local& local, double& word_iterations);

  // Of jobs with gamma, which is then up to date on the device alone: whether there is such, its rows [D, stride], and that the host's are
  // to be taken next.
  [[nodiscard]] bool keeps_gamma() const { return gamma_is_here_; }
  void fetch_gamma(T* rows) const;
  void forget_gamma() { gamma_is_here_ = false; }

 private:
  struct Block {
    UnitRange units;
    std::int64_t n_entries = 0;
    std::int32_t usual_words = 0;
    // The host's, until they are on the device.
    std::vector<WordCount> host_entries;
    std::vector<std::int64_t> host_start;
    WordPlaces host_words;
    // Pairs of int32 as they lie: WordCount and WordPlace.
    Array<std::int64_t> entries, start, word_start, places;
  };
  std::shared_ptr<Block> block_at(const TopicJob<T>& job, std::int64_t begin) const;
  void bring(const std::shared_ptr<Block>& block);
  void keep_gamma(const TopicJob<T>& job);
  T* gamma_of(const TopicJob<T>& job, const Block& block);
  void launch(const TopicJob<T>& job, const Local& local, const Block& block, bool first);
  double collect(const TopicJob<T>& job, const Local& local, const Block& block, double& word_iterations);
  std::int64_t budget();

  Context context_;
  const TopicOps<T>& ops_;
  std::int64_t n_words_, n_topics_, stride_, most_documents_;
  Array<double> statistics_, base_, shift_, alpha_;
  Array<double> sums_;  // [V, K] of a job, and what else comes for a moment
  Array<T> topics_;
  TopicGlobals globals_;

  std::map<std::pair<std::int64_t, std::int64_t>, std::shared_ptr<Block>> kept_;
  std::int64_t left_ = -1;  // bytes for what is kept; -1: not yet known
  Array<T> kept_gamma_;
  bool gamma_is_here_ = false;

  // Of a block.
  Array<T> gamma_, theta_, ratio_;
  Array<double> value_, expected_log_;
  Array<std::int32_t> iterations_;
  std::vector<double> host_value_;
  std::vector<std::int32_t> host_iterations_;
};

extern template class TopicDevice<float>;
extern template class TopicDevice<double>;

}  // namespace velbo::internal

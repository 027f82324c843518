// topics/topic_device.cpp
#include "topics/topic_device.h"

#include <algorithm>

#include "backend/cuda_ops.h"

namespace velbo::internal {
namespace {

// Of a block: enough documents for every multiprocessor to have many.
constexpr std::int64_t kMostDocuments = 16384, kMostEntries = std::int64_t{1} << 22,
                       kMostElements = std::int64_t{1} << 25;

std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

// At least n elements; what was there is lost where there were fewer.
template <class E>
E* room(const Context& context, Array<E>& array, std::int64_t n) {
  if (array.size() < n) {
    array = Array<E>();
    array = Array<E>(context.device(), n);
  }
  return array.data();
}

template <class E>
std::int64_t bytes_of(std::int64_t n) {
  return n * static_cast<std::int64_t>(sizeof(E));
}

template <class E>
void upload(const Context& context, E* to, const E* from, std::int64_t n) {
  if (n > 0) cuda_upload(context.device().index, to, from, bytes_of<E>(n));
}
template <class E>
void download(const Context& context, E* to, const E* from, std::int64_t n) {
  if (n > 0) cuda_download(context.device().index, to, from, bytes_of<E>(n));
}

// Elements of eight bytes, and the host's are not needed any more.
template <class E>
void bring_all(const Context& context, Array<std::int64_t>& array, std::vector<E>& host) {
  static_assert(sizeof(E) == sizeof(std::int64_t));
  array = Array<std::int64_t>(context.device(), static_cast<std::int64_t>(host.size()));
  if (!host.empty())
    cuda_upload(context.device().index, array.data(), host.data(), bytes_of<E>(static_cast<std::int64_t>(host.size())));
  std::vector<E>().swap(host);
}

}  // namespace

template <class T>
TopicDevice<T>::TopicDevice(const Context& context, std::int64_t n_words, std::int64_t n_topics,
                            std::int64_t most_documents)
    : context_(context),
      ops_(topic_ops<T>(context)),
      n_words_(n_words),
      n_topics_(n_topics),
      stride_(ops_.stride(n_topics)),
      most_documents_(most_documents > 0 ? most_documents
                                         : std::clamp<std::int64_t>(kMostElements / stride_, 128, kMostDocuments)),
      statistics_(context.device(), n_words * n_topics),
      shift_(context.device(), n_words),
      alpha_(context.device(), n_topics),
      sums_(context.device(), n_words * n_topics),
      topics_(context.device(), n_words * stride_) {}

template <class T>
void TopicDevice<T>::set_globals(const TopicGlobals& globals, const TopicSums& sums) {
  globals_ = globals;
  const std::int64_t n = n_words_ * n_topics_;
  upload(context_, statistics_.data(), globals.statistics, n);
  globals_.statistics = statistics_.data();
  if (globals.base != nullptr) {
    upload(context_, room(context_, base_, n), globals.base, n);
    globals_.base = base_.data();
  }
  ops_.expectations(context_, globals_, topics_.data(), shift_.data(), sums);
}

template <class T>
void TopicDevice<T>::set_alpha(const std::vector<double>& alpha) {
  alpha_.upload(alpha);
}

template <class T>
double TopicDevice<T>::expected_log_sum(const double* total, const double* other) {
  upload(context_, sums_.data(), other, n_words_ * n_topics_);
  return ops_.expected_log_sum(context_, globals_, total, sums_.data());
}

template <class T>
std::int64_t TopicDevice<T>::budget() {
  if (left_ < 0) left_ = cuda_memory(context_.device().index).free / 2;
  return left_;
}

// One that is kept, or what the host has to do for a new one.
template <class T>
std::shared_ptr<typename TopicDevice<T>::Block> TopicDevice<T>::block_at(const TopicJob<T>& job,
                                                                         std::int64_t begin) const {
  if (begin == job.units.end) return nullptr;
  const std::int64_t end = job.block_end(begin, most_documents_, kMostEntries);
  if (const auto kept = kept_.find({begin, end}); kept != kept_.end()) return kept->second;
  auto block = std::make_shared<Block>();
  block->units = {begin, end};
  block->host_start.assign(1, 0);
  std::vector<std::int64_t> lengths;
  for (std::int64_t u = begin; u < end; ++u) {
    const std::span<const WordCount> document = job.document(u);
    block->host_entries.insert(block->host_entries.end(), document.begin(), document.end());
    block->host_start.push_back(static_cast<std::int64_t>(block->host_entries.size()));
    lengths.push_back(static_cast<std::int64_t>(document.size()));
  }
  block->n_entries = block->host_start.back();
  // Longer than all but a twentieth: a few long documents shall not take the fast memory from the others.
  const auto usual = lengths.begin() + static_cast<std::ptrdiff_t>((lengths.size() - 1) * 19 / 20);
  std::nth_element(lengths.begin(), usual, lengths.end());
  block->usual_words = static_cast<std::int32_t>(*usual);
  block->host_words.find(job, begin, end, n_words_);
  return block;
}

template <class T>
void TopicDevice<T>::bring(const std::shared_ptr<Block>& block) {
  if (block->start.size() > 0) return;
  const std::int64_t bytes = bytes_of<std::int64_t>(2 * block->n_entries + block->units.size() + 1 + n_words_ + 1);
  const bool keep = bytes <= budget();
  bring_all(context_, block->entries, block->host_entries);
  bring_all(context_, block->start, block->host_start);
  bring_all(context_, block->word_start, block->host_words.start);
  bring_all(context_, block->places, block->host_words.places);
  if (!keep) return;
  left_ -= bytes;
  kept_[{block->units.begin, block->units.end}] = block;
}

template <class T>
void TopicDevice<T>::keep_gamma(const TopicJob<T>& job) {
  if (job.gamma == nullptr || gamma_is_here_) return;
  const std::int64_t n = job.corpus->n_documents * stride_;
  if (kept_gamma_.size() == 0) {
    if (bytes_of<T>(n) > budget()) return;
    left_ -= bytes_of<T>(n);
    kept_gamma_ = Array<T>(context_.device(), n);
  }
  upload<T>(context_, kept_gamma_.data(), job.gamma - job.units.begin * stride_, n);
  gamma_is_here_ = true;
}

template <class T>
void TopicDevice<T>::fetch_gamma(T* rows) const {
  download<T>(context_, rows, kept_gamma_.data(), kept_gamma_.size());
}

template <class T>
T* TopicDevice<T>::gamma_of(const TopicJob<T>& job, const Block& block) {
  if (job.gamma != nullptr && gamma_is_here_) return kept_gamma_.data() + block.units.begin * stride_;
  return room(context_, gamma_, block.units.size() * stride_);
}

template <class T>
void TopicDevice<T>::launch(const TopicJob<T>& job, const Local& local, const Block& block, bool first) {
  const std::int64_t n = block.units.size();
  T* const gamma = gamma_of(job, block);
  if (job.gamma != nullptr && !gamma_is_here_)
    upload<T>(context_, gamma, job.gamma + (block.units.begin - job.units.begin) * stride_, n * stride_);
  const TopicDocuments<T> documents{
      .n_documents = n,
      .entries = reinterpret_cast<const WordCount*>(block.entries.data()),
      .first = block.start.data(),
      .start = block.start.data(),
      .n_topics = n_topics_,
      .stride = stride_,
      .topics = topics_.data(),
      .shift = shift_.data(),
      .alpha = alpha_.data(),
      .log_normaliser = local.log_normaliser,
      .tolerance = local.tolerance,
      .max_iterations = local.max_iterations,
      .usual_words = block.usual_words,
      .from_one = job.gamma == nullptr,
      .gamma = gamma,
      .theta = room(context_, theta_, n * stride_),
      .ratio = room(context_, ratio_, block.n_entries),
      .value = room(context_, value_, n),
      .expected_log = job.expected_log != nullptr ? room(context_, expected_log_, n * n_topics_) : nullptr,
      .iterations = room(context_, iterations_, n)};
  ops_.documents(context_, documents);
  if (job.statistics == nullptr) return;
  ops_.statistics(context_, {.n_words = n_words_,
                             .n_topics = n_topics_,
                             .stride = stride_,
                             .start = block.word_start.data(),
                             .places = reinterpret_cast<const WordPlace*>(block.places.data()),
                             .topics = topics_.data(),
                             .theta = documents.theta,
                             .ratio = documents.ratio,
                             .statistics = sums_.data(),
                             .adds = !first});
}

template <class T>
double TopicDevice<T>::collect(const TopicJob<T>& job, const Local& local, const Block& block,
                               double& word_iterations) {
  const std::int64_t n = block.units.size();
  host_value_.resize(size_of(n));
  host_iterations_.resize(size_of(n));
  download(context_, host_value_.data(), value_.data(), n);
  download(context_, host_iterations_.data(), iterations_.data(), n);
  if (job.expected_log != nullptr)
    ops_.expected_log_sums(context_, n, n_topics_, expected_log_.data(), job.expected_log);
  T* const gamma = gamma_of(job, block);
  double sum = 0;
  std::vector<T> row(size_of(stride_));
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t unit = block.units.begin + i;
    std::int32_t iterations = host_iterations_[size_of(i)];
    if (iterations < 0) {
      iterations = local.max_iterations;
      download(context_, row.data(), gamma + i * stride_, stride_);
      host_value_[size_of(i)] = local.careful(unit, row.data());
      upload(context_, gamma + i * stride_, row.data(), stride_);
    }
    sum += host_value_[size_of(i)];
    word_iterations += static_cast<double>(iterations) * static_cast<double>(job.document(unit).size());
  }
  if (job.gamma != nullptr && !gamma_is_here_)
    download<T>(context_, job.gamma + (block.units.begin - job.units.begin) * stride_, gamma, n * stride_);
  if (job.visit) {
    std::vector<T> rows(size_of(n * stride_));
    download(context_, rows.data(), gamma, n * stride_);
    job.visit(block.units.begin, n, rows.data());
  }
  return sum;
}

template <class T>
double TopicDevice<T>::run(const TopicJob<T>& job, const Local& local, double& word_iterations) {
  keep_gamma(job);
  double sum = 0;
  bool first = true;
  for (std::shared_ptr<Block> block = block_at(job, job.units.begin), next; block != nullptr; block = next) {
    bring(block);
    launch(job, local, *block, first);
    first = false;
    next = block_at(job, block->units.end);  // while the device works
    sum += collect(job, local, *block, word_iterations);
  }
  if (job.statistics == nullptr || first) return sum;
  std::vector<double> all(size_of(n_words_ * n_topics_));
  download(context_, all.data(), sums_.data(), n_words_ * n_topics_);
  for (std::size_t i = 0; i < all.size(); ++i) job.statistics[i] += all[i];
  return sum;
}

template class TopicDevice<float>;
template class TopicDevice<double>;

}  // namespace velbo::internal

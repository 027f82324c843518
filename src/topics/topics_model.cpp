// topics/topics_model.cpp
#include "topics/topics_model.h"

#include <algorithm>
#include <numeric>

#include "conjugate/dirichlet.h"
#include "data/uniform_below.h"
#include "math/special.h"
#include "velbo/error.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kBytesInMemory = std::int64_t{64} << 20, kNeighbours = 64;

}  // namespace

std::vector<std::int64_t> document_order(const Corpus& corpus, std::uint64_t seed) {
  const std::int64_t n = corpus.n_documents();
  const bool large = corpus.n_entries() * std::int64_t{sizeof(WordCount)} >= kBytesInMemory;
  const std::int64_t each = large ? kNeighbours : 1;
  std::vector<std::int64_t> blocks(static_cast<std::size_t>((n + each - 1) / each));
  std::iota(blocks.begin(), blocks.end(), std::int64_t{0});
  const Key key = fold_in(make_key(seed, Purpose::shuffle), 1);
  for (std::size_t i = blocks.size(); i > 1; --i) std::swap(blocks[i - 1], blocks[uniform_below(i, key, i)]);
  std::vector<std::int64_t> order;
  order.reserve(static_cast<std::size_t>(n));
  for (const std::int64_t block : blocks)
    for (std::int64_t d = block * each; d < std::min(n, (block + 1) * each); ++d) order.push_back(d);
  return order;
}

template <class T>
TopicsModel<T>::TopicsModel(const Context& context, Corpus corpus, const TopicSettings& settings,
                            const TopicState* earlier, std::uint64_t seed)
    : corpus_(std::move(corpus)),
      settings_(settings),
      step_(context, corpus_.n_words(), settings.n_topics, settings.local_tolerance, settings.local_iterations),
      order_(document_order(corpus_, seed)),
      base_of_alpha_(static_cast<std::size_t>(settings.n_topics) + 1) {
  const auto n_topics = static_cast<std::size_t>(settings_.n_topics);
  step_.set_alpha(std::vector<double>(n_topics, settings_.alpha));
  std::vector<double> total(n_topics, settings_.eta * static_cast<double>(corpus_.n_words()));
  if (earlier != nullptr) {
    base_ = earlier->statistics;
    base_of_alpha_ = earlier->alpha_statistics;
    step_.set_alpha(earlier->alpha);
    base_alpha_term_ = alpha_term(base_of_alpha_);
    for (std::size_t i = 0; i < base_.size(); ++i) {
      total[i % n_topics] += base_[i];
      prior_log_beta_ += log_gamma(settings_.eta + base_[i]);
    }
  } else {
    prior_log_beta_ = static_cast<double>(n_entries()) * log_gamma(settings_.eta);
  }
  for (const double value : total) prior_log_beta_ -= log_gamma(value);
}

template <class T>
void TopicsModel<T>::set_statistics(std::span<const double> statistics) {
  statistics_.assign(statistics.begin(), statistics.begin() + n_entries());
  step_.set_globals({corpus_.n_words(), settings_.n_topics, settings_.eta, base_.empty() ? nullptr : base_.data(),
                     statistics_.data()});
  if (!settings_.learn_alpha) return;
  std::vector<double> mean(statistics.begin() + n_entries(), statistics.end());
  for (std::size_t k = 0; k < mean.size(); ++k) mean[k] += base_of_alpha_[k];
  const double documents = mean.back();
  mean.pop_back();
  if (!(documents > 0)) return;
  for (double& value : mean) value /= documents;
  const std::vector<double> start(mean.size(), settings_.alpha);
  step_.set_alpha(dirichlet_maximiser(mean, start, kLeastConcentration, kMostConcentration));
}

template <class T>
double TopicsModel<T>::local_step(UnitRange units, bool keep, std::span<double> statistics) {
  typename TopicStep<T>::Job job;
  job.corpus = &corpus_.store();
  job.order = order_.data();
  job.units = units;
  job.statistics = statistics.data();
  if (settings_.learn_alpha) {
    job.expected_log = statistics.data() + n_entries();
    statistics.back() += static_cast<double>(units.size());
  }
  if (keep) {
    if (gamma_.empty()) gamma_.assign(static_cast<std::size_t>(corpus_.n_documents() * step_.stride()), T(1));
    job.gamma = gamma_.data() + units.begin * step_.stride();
  }
  return step_.run(job);
}

template <class T>
double TopicsModel<T>::alpha_term(std::span<const double> of_alpha) const {
  double sum = of_alpha.back() * step_.log_normaliser();
  for (std::size_t k = 0; k < step_.alpha().size(); ++k) sum += (step_.alpha()[k] - 1) * of_alpha[k];
  return sum;
}

template <class T>
double TopicsModel<T>::statistics_term(std::span<const double> statistics) const {
  return step_.expected_log_sum(statistics.data()) +
         alpha_term(statistics.subspan(static_cast<std::size_t>(n_entries())));
}

// -KL(q || prior) of all topics, and what alpha's move since the earlier documents means for them.
template <class T>
double TopicsModel<T>::global_elbo() const {
  double log_beta = 0, moved = 0;
  for (std::size_t k = 0; k < step_.total().size(); ++k) {
    log_beta += step_.log_gamma()[k] - log_gamma(step_.total()[k]);
    moved += step_.expected()[k];
  }
  return log_beta - prior_log_beta_ - moved + (alpha_term(base_of_alpha_) - base_alpha_term_);
}

template <class T>
void TopicsModel<T>::save(EngineState& state) const {
  state.set("word_iterations", step_.word_iterations());
  if (gamma_.empty()) return;
  std::vector<T> fetched;
  if (step_.keeps_gamma()) {
    fetched.resize(gamma_.size());
    step_.fetch_gamma(fetched.data());
  }
  const T* const gamma = fetched.empty() ? gamma_.data() : fetched.data();
  state.set("gamma", Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
                         gamma, corpus_.n_documents(), step_.stride())
                         .leftCols(settings_.n_topics)
                         .template cast<double>());
}

template <class T>
void TopicsModel<T>::load(const EngineState& state) {
  step_.set_word_iterations(state.number("word_iterations"));
  gamma_.clear();
  step_.forget_gamma();
  if (!state.has("gamma")) return;
  const Eigen::MatrixXd gamma = state.matrix("gamma");
  if (gamma.rows() != corpus_.n_documents() || gamma.cols() != settings_.n_topics)
    throw Error(ErrorCode::file, "\"gamma\" has another shape than the documents");
  gamma_.assign(static_cast<std::size_t>(corpus_.n_documents() * step_.stride()), T(1));
  Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(gamma_.data(), corpus_.n_documents(),
                                                                                step_.stride())
      .leftCols(settings_.n_topics) = gamma.cast<T>();
}

template class TopicsModel<float>;
template class TopicsModel<double>;

}  // namespace velbo::internal

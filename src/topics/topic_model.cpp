// topics/topic_model.cpp - what a fitted model says of its topics and of new documents.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "topics/known_words.h"
#include "topics/topic_state.h"
#include "topics/topic_step.h"
#include "velbo/error.h"
#include "velbo/topics.h"

namespace velbo {
namespace {

using internal::TopicState;

std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

// Gives visit(first, n, gamma, stride) the local factors of documents begin .. end - 1, block by block.
template <class T, class Visit>
void infer_in(const TopicState& s, const Corpus& corpus, std::int64_t begin, std::int64_t end, const TopicUse& use,
              const Visit& visit) {
  internal::TopicStep<T> step(Context(Device{}, use.threads), s.n_words, s.settings.n_topics,
                              s.settings.local_tolerance, s.settings.local_iterations);
  step.set_globals(s.globals());
  step.set_alpha(s.alpha);
  typename internal::TopicStep<T>::Job job;
  job.corpus = &corpus.store();
  job.units = {begin, end};
  job.visit = [&](std::int64_t first, std::int64_t n, const T* gamma) { visit(first, n, gamma, step.stride()); };
  step.run(job);
}

template <class Visit>
void infer(const TopicState& s, const Corpus& corpus, std::int64_t begin, std::int64_t end, const TopicUse& use,
           const Visit& visit) {
  if (use.scalar == Scalar::float64) {
    infer_in<double>(s, corpus, begin, end, use, visit);
  } else {
    infer_in<float>(s, corpus, begin, end, use, visit);
  }
}

// out [K] = gamma over its sum.
template <class T>
void mean_of(const T* gamma, std::int64_t n_topics, double* out) {
  double total = 0;
  for (std::int64_t k = 0; k < n_topics; ++k) total += static_cast<double>(gamma[k]);
  for (std::int64_t k = 0; k < n_topics; ++k) out[k] = static_cast<double>(gamma[k]) / total;
}

}  // namespace

namespace internal {

void TopicState::derive() {
  weights.assign(size_of(settings.n_topics), 0.0);
  for (std::size_t row = 0; row < statistics.size(); row += weights.size())
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] += statistics[row + k];
  total = weights;
  for (double& value : total) value += settings.eta * static_cast<double>(n_words);
  double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!(sum > 0)) {
    weights = alpha;
    sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  }
  for (double& weight : weights) weight /= sum;
}

}  // namespace internal

std::int64_t TopicModel::n_topics() const noexcept { return state_->settings.n_topics; }
std::int64_t TopicModel::n_words() const noexcept { return state_->n_words; }
std::int64_t TopicModel::n_documents() const noexcept { return state_->n_documents; }
const std::vector<std::string>& TopicModel::vocabulary() const noexcept { return state_->vocabulary; }
const std::vector<double>& TopicModel::alpha() const noexcept { return state_->alpha; }
double TopicModel::eta() const noexcept { return state_->settings.eta; }
const ConjugateRun& TopicModel::run() const noexcept { return state_->run; }
double TopicModel::word_iterations() const noexcept { return state_->word_iterations; }

std::vector<double> TopicModel::topic_parameters() const {
  const std::size_t k_count = size_of(n_topics()), v_count = size_of(n_words());
  std::vector<double> out(k_count * v_count);
  for (std::size_t k = 0; k < k_count; ++k)
    for (std::size_t v = 0; v < v_count; ++v) out[k * v_count + v] = eta() + state_->statistics[v * k_count + k];
  return out;
}

std::vector<double> TopicModel::topics() const {
  std::vector<double> out = topic_parameters();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] /= state_->total[i / size_of(n_words())];
  return out;
}

std::vector<double> TopicModel::topic_weights() const { return state_->weights; }

std::vector<TopWord> TopicModel::top_words(std::int64_t topic, std::int64_t n) const {
  if (topic < 0 || topic >= n_topics())
    throw Error(ErrorCode::argument, fmt::format("topic is {}, expected 0 to {}", topic, n_topics() - 1));
  if (n < 0) throw Error(ErrorCode::argument, fmt::format("{} top words were asked for, expected 0 or more", n));
  const TopicState& s = *state_;
  const std::size_t k_count = size_of(n_topics());
  const auto at = [&](std::size_t v, std::size_t k) { return s.statistics[v * k_count + k]; };
  std::vector<std::int64_t> order(size_of(n_words()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const std::size_t most = std::min(order.size(), size_of(n));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(),
                    [&](std::int64_t a, std::int64_t b) {
                      const double of_a = at(size_of(a), size_of(topic)), of_b = at(size_of(b), size_of(topic));
                      return of_a != of_b ? of_a > of_b : a < b;
                    });
  std::vector<TopWord> out;
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t v = size_of(order[i]);
    double share = 0;
    for (std::size_t k = 0; k < k_count; ++k) share += s.weights[k] * (eta() + at(v, k)) / s.total[k];
    const double probability = (eta() + at(v, size_of(topic))) / s.total[size_of(topic)];
    out.push_back(
        {order[i], s.vocabulary.empty() ? fmt::format("#{}", v) : s.vocabulary[v], probability, probability / share});
  }
  return out;
}

std::vector<double> TopicModel::transform(const Corpus& corpus, std::int64_t begin, std::int64_t end,
                                          const TopicUse& use) const {
  if (begin < 0 || end < begin || end > corpus.n_documents())
    throw Error(ErrorCode::argument, fmt::format("documents {} to {} were asked for, of a corpus of {}", begin, end - 1,
                                                 corpus.n_documents()));
  const internal::KnownCorpus known = internal::known_words(*state_, corpus, use.unknown_words, false);
  std::vector<double> out(size_of((end - begin) * n_topics()));
  infer(*state_, known.corpus, begin, end, use,
        [&](std::int64_t first, std::int64_t n, const auto* gamma, std::int64_t stride) {
          for (std::int64_t i = 0; i < n; ++i)
            mean_of(gamma + i * stride, n_topics(), out.data() + (first - begin + i) * n_topics());
        });
  return out;
}

std::vector<double> TopicModel::transform(const Corpus& corpus, const TopicUse& use) const {
  return transform(corpus, 0, corpus.n_documents(), use);
}

DocumentCompletion TopicModel::complete_documents(const Corpus& corpus, std::uint64_t seed, const TopicUse& use) const {
  const internal::KnownCorpus known = internal::known_words(*state_, corpus, use.unknown_words, false);
  const CorpusHalves halves = complete_halves(known.corpus, seed);
  DocumentCompletion out = complete_documents(halves.observed, halves.scored, use);
  out.n_ignored = known.n_ignored;
  return out;
}

DocumentCompletion TopicModel::complete_documents(const Corpus& observed, const Corpus& scored,
                                                  const TopicUse& use) const {
  if (observed.n_documents() != scored.n_documents())
    throw Error(ErrorCode::shape,
                fmt::format("{} documents are observed, but {} scored", observed.n_documents(), scored.n_documents()));
  const internal::KnownCorpus seen = internal::known_words(*state_, observed, use.unknown_words, false);
  const internal::KnownCorpus asked = internal::known_words(*state_, scored, use.unknown_words, false);
  const std::size_t k_count = size_of(n_topics());
  DocumentCompletion out;
  out.n_ignored = seen.n_ignored + asked.n_ignored;
  double sum = 0;
  std::vector<double> theta(k_count);
  infer(*state_, seen.corpus, 0, seen.corpus.n_documents(), use,
        [&](std::int64_t first, std::int64_t n, const auto* gamma, std::int64_t stride) {
          for (std::int64_t i = 0; i < n; ++i) {
            mean_of(gamma + i * stride, n_topics(), theta.data());
            for (std::size_t k = 0; k < k_count; ++k) theta[k] /= state_->total[k];
            for (const WordCount& entry : asked.corpus.document(first + i)) {
              const double* const row = state_->statistics.data() + size_of(entry.word) * k_count;
              double p = 0;
              for (std::size_t k = 0; k < k_count; ++k) p += theta[k] * (eta() + row[k]);
              sum += entry.count * std::log(p);
              out.n_tokens += entry.count;
            }
          }
        });
  out.log_predictive = out.n_tokens > 0 ? sum / static_cast<double>(out.n_tokens) : std::nan("");
  out.perplexity = std::exp(-out.log_predictive);
  return out;
}

}  // namespace velbo

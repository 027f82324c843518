// Local steps of topic models on a CUDA device as an engine calls them, documents resident: the kernel that brings documents to their optimum,
// the one that sums expected counts over words, and the results' way to the host.  The answer is compared with the CPU's first.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cuda_benchmark.h"
#include "cuda_ceilings.h"
#include "topics/topic_step.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kDocuments = 16384, kVocabulary = 5000, kWords = 80;  // distinct words of a document
constexpr std::int32_t kIterations = 30;

std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

// Words by a power law, each once a document.
CorpusStore documents() {
  CorpusStore out;
  std::vector<float> noise(size_of(2 * kDocuments * kWords));
  standard_normals(make_key(1, Purpose::test), 0, 0, 0, std::span<float>(noise));
  out.own_start.push_back(0);
  for (std::int64_t d = 0; d < kDocuments; ++d) {
    std::vector<std::int32_t> words;
    for (std::int64_t w = 0; w < kWords; ++w) {
      const double u = 0.5 * std::erfc(static_cast<double>(noise[size_of(d * kWords + w)]) / std::sqrt(2.0));
      words.push_back(static_cast<std::int32_t>(std::pow(static_cast<double>(kVocabulary), u)) - 1);
    }
    std::sort(words.begin(), words.end());
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (i > 0 && words[i] == words[i - 1]) {
        ++out.own_entries.back().count;
      } else {
        out.own_entries.push_back({words[i], 1});
      }
    }
    out.own_start.push_back(static_cast<std::int64_t>(out.own_entries.size()));
  }
  out.n_documents = kDocuments;
  out.n_words = kVocabulary;
  out.use_own();
  return out;
}

// K.  The tolerance is never reached, so that every document takes as many iterations.
template <class T>
void local_step(benchmark::State& state) {
  if (!has_device(state)) return;
  const std::int64_t n_topics = state.range(0);
  const CorpusStore corpus = documents();
  std::vector<double> start(size_of(kVocabulary * n_topics));
  standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<double>(start));
  for (double& value : start) value = std::exp(3 * value);
  const auto run = [&](TopicStep<T>& step, std::vector<double>& statistics, std::int64_t n) {
    std::fill(statistics.begin(), statistics.end(), 0.0);
    TopicJob<T> job;
    job.corpus = &corpus;
    job.units = {0, n};
    job.statistics = statistics.data();
    return step.run(job);
  };
  const auto prepare = [&](TopicStep<T>& step) {
    step.set_globals({kVocabulary, n_topics, 0.02, nullptr, start.data()});
    step.set_alpha(std::vector<double>(size_of(n_topics), 0.02));
  };
  TopicStep<T> device(Context(kDevice), kVocabulary, n_topics, 1e-30, kIterations);
  TopicStep<T> cpu(Context(), kVocabulary, n_topics, 1e-30, kIterations);
  prepare(device);
  prepare(cpu);
  std::vector<double> found(start.size()), expected(start.size());
  const double value = run(device, found, 1000), value_on_cpu = run(cpu, expected, 1000);
  double off = 0, total = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    off += std::abs(found[i] - expected[i]);
    total += expected[i];
  }
  if (!(off < 1e-3 * total) || !(std::abs(value - value_on_cpu) < 1e-4 * std::abs(value_on_cpu))) {
    state.SkipWithError("the device's statistics are not the CPU's");
    return;
  }
  run(device, found, kDocuments);  // documents have come to stay
  time_runs(state, false, [&] { run(device, found, kDocuments); });
  const double word_iterations = static_cast<double>(corpus.n_entries) * kIterations;
  // What both products of an iteration need, and the bytes that come and go once: rows of topics, entries, places, theta, statistics.
  const double flops = 4 * word_iterations * static_cast<double>(n_topics);
  const double rows = static_cast<double>(corpus.n_entries) * static_cast<double>(n_topics) * sizeof(T);
  const double bytes = 2 * rows + 24 * static_cast<double>(corpus.n_entries) + 16 * static_cast<double>(start.size());
  const CudaCeilings& ceilings = cuda_ceilings(kDevice.index);
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["documents/s"] = benchmark::Counter(kDocuments, rate);
  state.counters["word_iterations/s"] = benchmark::Counter(word_iterations, rate);
  state.counters["floor_us"] = 1e6 * std::max(flops / ceilings.fma_flops, bytes / ceilings.copy_bytes);
}

BENCHMARK(local_step<float>)->ArgName("K")->UseManualTime()->Unit(benchmark::kMicrosecond)->Arg(50)->Arg(200);
BENCHMARK(local_step<double>)->ArgName("K")->UseManualTime()->Unit(benchmark::kMicrosecond)->Arg(50);

}  // namespace
}  // namespace velbo::internal

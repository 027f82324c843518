// topic_documents.cuh - the local steps of topic models: a block of threads brings a document to its optimum.
//
// An iteration is two products with the document's rows of topics [words, K], which the block keeps in shared memory as far as there is
// room: words' sums over topics, a few threads a word, and topics' sums over words, 16 bytes of topics a thread and the words dealt out to
// slices of threads.  Which thread adds what depends on K and on the document's own number of words, not on what is in shared memory.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "backend/topic_ops.h"
#include "math/gamma_series.h"
#include "row_passes.cuh"

namespace velbo::kernels {

using internal::TopicDocuments;

constexpr int kMostTopicThreads = 256;
constexpr int kTopicSums = 6;  // that a document's threads make together, each with memory of its own
constexpr std::size_t kTopicSlots = kTopicSums * 2 * kMostTopicThreads / 32;

template <class T>
struct TopicDocumentsArguments {
  TopicDocuments<T> d;
  int vectors = 0;    // of 16 bytes, of a row of topics
  int leading = 0;    // elements from a row in shared memory to the next: an odd number of vectors, for different banks
  int slices = 0;     // of a document's words
  int cached = 0;     // words whose rows are in shared memory
  T* rows = nullptr;  // [device] [blocks, 3 + slices, vectors] where shared memory does not hold them
};

// The sum and the least over the block's threads, the same in all of them: lanes first, then warps, in order.  slots [2, warps] are no other
// sum's while a thread may still read them.
template <class T>
struct SumAndLeast {
  T sum, least;
};
template <class T>
__device__ __forceinline__ SumAndLeast<T> over_block(SumAndLeast<T> of, double* memory) {
  T* const slots = reinterpret_cast<T*>(memory);
  const unsigned warp = threadIdx.x / 32, warps = blockDim.x / 32;
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    of.sum += __shfl_xor_sync(~0U, of.sum, lanes);
    of.least = internal::min_of(of.least, __shfl_xor_sync(~0U, of.least, lanes));
  }
  if (threadIdx.x % 32 == 0) {
    slots[warp] = of.sum;
    slots[warps + warp] = of.least;
  }
  __syncthreads();
  of = {slots[0], slots[warps]};
  for (unsigned other = 1; other < warps; ++other) {
    of.sum += slots[other];
    of.least = internal::min_of(of.least, slots[warps + other]);
  }
  return of;
}

template <class T>
struct TopicBlock {
  using Arguments = TopicDocumentsArguments<T>;
  static constexpr int kLanes = kernels::kLanes<T>;

  const Arguments& a;
  double* slots;  // [kTopicSlots]
  T* e;           // [3 + slices, vectors]: e, gamma, what e is made of, and sums of slices
  T* cache;       // [cached, leading] rows; after them of each word n_dv, and n_dv / nhat_dv
  int n_words = 0, n_cached = 0;
  const WordCount* entries = nullptr;
  T* ratio = nullptr;  // of the document

  __device__ __forceinline__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ static int n_threads() { return static_cast<int>(blockDim.x); }
  __device__ __forceinline__ int width() const { return a.vectors * kLanes; }
  __device__ __forceinline__ T* gamma() const { return e + width(); }
  __device__ __forceinline__ T* rest() const { return e + 2 * width(); }
  __device__ __forceinline__ T* partial() const { return e + 3 * width(); }
  __device__ __forceinline__ T* counts() const { return cache + a.cached * a.leading; }
  __device__ __forceinline__ T* held() const { return counts() + a.cached; }
  __device__ __forceinline__ const T* row(int w) const { return a.d.topics + entries[w].word * a.d.stride; }
  __device__ __forceinline__ double* slot(int sum) const { return slots + sum * 2 * (kMostTopicThreads / 32); }

  __device__ __forceinline__ void begin(std::int64_t i) {
    entries = a.d.entries + a.d.first[i];
    n_words = static_cast<int>(a.d.start[i + 1] - a.d.start[i]);
    n_cached = n_words < a.cached ? n_words : a.cached;
    ratio = a.d.ratio + a.d.start[i];
    for (int at = thread(); at < n_cached * a.vectors; at += n_threads()) {
      const int w = at / a.vectors, v = at - w * a.vectors;
      simt::copy_async<16>(cache + w * a.leading + v * kLanes, row(w) + v * kLanes);
    }
    simt::commit_copies();
    for (int w = thread(); w < n_cached; w += n_threads()) counts()[w] = static_cast<T>(entries[w].count);
    for (int k = thread(); k < width(); k += n_threads()) {
      gamma()[k] = k >= a.d.n_topics || a.d.from_one ? T(1) : a.d.gamma[i * a.d.stride + k];
      if (k >= a.d.n_topics) e[k] = T(0);
    }
    simt::wait_copies<0>();
  }

  // e_k = e^(digamma(gamma_k) + shift), the shift such that no e_k is large and the largest is not small, after gamma_k = alpha_k +
  // e_k sum_w if kUpdate.  The shift, and the sum over k of |change of gamma_k|.
  template <bool kUpdate>
  __device__ __forceinline__ SumAndLeast<T> weigh() {
    SumAndLeast<T> own{T(0), T(1e30)};  // log y - digamma(x) is at most about 1 / x: 1e6
    for (int k = thread(); k < a.d.n_topics; k += n_threads()) {
      T g = gamma()[k];
      if constexpr (kUpdate) {
        T sum = partial()[k];
        for (int slice = 1; slice < a.slices; ++slice) sum += partial()[slice * width() + k];
        const T next = static_cast<T>(a.d.alpha[k]) + e[k] * sum;
        own.sum += internal::abs_of(next - g);
        gamma()[k] = g = next;
      }
      const internal::ShiftedGamma<T> s = internal::shifted_gamma(g);
      const T least = internal::log_minus_digamma(s);
      e[k] = s.y;
      rest()[k] = least;
      own.least = internal::min_of(own.least, least);
    }
    const SumAndLeast<T> all = over_block(own, slot(0));
    for (int k = thread(); k < a.d.n_topics; k += n_threads()) e[k] *= internal::exp_nonpositive(all.least - rest()[k]);
    __syncthreads();
    return all;
  }

  __device__ __forceinline__ T product(const T* words_row, int part, int parts) const {
    T sum[kLanes] = {};
#pragma unroll 2
    for (int v = part; v < a.vectors; v += parts) {
      const Lanes<T> b = load(words_row + v * kLanes), x = load(e + v * kLanes);
#pragma unroll
      for (int q = 0; q < kLanes; ++q) sum[q] = internal::elementary::mul_add(b.of[q], x.of[q], sum[q]);
    }
    if constexpr (kLanes == 4) return (sum[0] + sum[1]) + (sum[2] + sum[3]);
    return sum[0] + sum[1];
  }

  // Gives visit(word, nhat) to one thread a word.
  template <class Visit>
  __device__ __forceinline__ void words(const Visit& visit) const {
    int parts = 1;  // threads of a word, neighbours in a warp
    while (parts < 32 && 2 * parts * n_words <= n_threads() && parts < a.vectors) parts *= 2;
    const int part = thread() % parts;
    for (int first = 0; first < n_words; first += n_threads() / parts) {
      const int w = first + thread() / parts;
      T sum = T(0);
      if (w < n_cached) {
        sum = product(cache + w * a.leading, part, parts);
      } else if (w < n_words) {
        sum = product(row(w), part, parts);
      }
      for (int lanes = parts / 2; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(~0U, sum, lanes);
      if (w < n_words && part == 0) visit(w, sum);
    }
  }

  // partial = sums over the slices' words of n / nhat times their rows.
  __device__ __forceinline__ void topics() {
    const int slice = thread() / a.vectors;
    if (slice >= a.slices) return;
    for (int v = thread() - slice * a.vectors; v < a.vectors; v += n_threads()) {
      Lanes<T> sum{};
      const auto add = [&](T r, const T* words_row) {
        const Lanes<T> b = load(words_row + v * kLanes);
#pragma unroll
        for (int q = 0; q < kLanes; ++q) sum.of[q] = internal::elementary::mul_add(r, b.of[q], sum.of[q]);
      };
      int w = slice;
#pragma unroll 4
      for (; w < n_cached; w += a.slices) add(held()[w], cache + w * a.leading);
      for (; w < n_words; w += a.slices) add(ratio[w], row(w));
      *reinterpret_cast<Lanes<T>*>(partial() + (slice * a.vectors + v) * kLanes) = sum;
    }
  }

  __device__ __forceinline__ double total(double of, int sum) const {
    return over_block(SumAndLeast<double>{of, 0}, slot(sum)).sum;
  }

  __device__ __forceinline__ void document(std::int64_t i) {
    begin(i);
    T shift = weigh<false>().least;
    int bad = 0;
    std::int32_t iteration = 0;
    for (bool moves = true; moves && iteration < a.d.max_iterations; ++iteration) {
      words([&](int w, T nhat) {
        if (!(nhat >= internal::kLeastTotal<T>)) bad = 1;
        if (w < n_cached) {
          held()[w] = counts()[w] / nhat;
        } else {
          ratio[w] = static_cast<T>(entries[w].count) / nhat;
        }
      });
      __syncthreads();
      topics();
      __syncthreads();
      const SumAndLeast<T> step = weigh<true>();
      moves = !(step.sum / static_cast<T>(a.d.n_topics) < static_cast<T>(a.d.tolerance));
      shift = step.least;
    }
    double value = 0, n_tokens = 0, gamma_sum = 0;
    words([&](int w, T nhat) {
      if (!(nhat >= internal::kLeastTotal<T>)) bad = 1;
      const T count = static_cast<T>(entries[w].count);
      ratio[w] = count / nhat;
      n_tokens += static_cast<double>(count);
      value +=
          static_cast<double>(count) * (internal::log_positive(static_cast<double>(nhat)) + a.d.shift[entries[w].word]);
    });
    for (int k = thread(); k < a.d.n_topics; k += n_threads()) gamma_sum += static_cast<double>(gamma()[k]);
    value = total(value, 1);
    n_tokens = total(n_tokens, 2);
    gamma_sum = total(gamma_sum, 3);
    const bool is_bad = total(bad, 4) > 0;
    finish(i, iteration, shift, value, n_tokens, gamma_sum, is_bad);
  }

  __device__ __forceinline__ void finish(std::int64_t i, std::int32_t iteration, T shift, double value, double n_tokens,
                                         double gamma_sum, bool is_bad) {
    const int n_topics = static_cast<int>(a.d.n_topics), stride = static_cast<int>(a.d.stride);
    const internal::GammaTerms of_sum = internal::gamma_terms(gamma_sum);
    double terms = 0;
    for (int k = thread(); k < stride; k += n_threads()) {
      const bool here = k < n_topics && !is_bad;
      a.d.theta[i * stride + k] = here ? e[k] : T(0);
      if (!is_bad || a.d.from_one) a.d.gamma[i * stride + k] = here ? gamma()[k] : T(1);
      if (k >= n_topics) continue;
      double expected_log = 0;
      if (here) {
        const double g = static_cast<double>(gamma()[k]);
        const internal::GammaTerms of_k = internal::gamma_terms(g);
        expected_log = of_k.digamma - of_sum.digamma;
        terms += of_k.log_gamma + (a.d.alpha[k] - g) * expected_log;
      }
      if (a.d.expected_log != nullptr) a.d.expected_log[i * n_topics + k] = expected_log;
    }
    if (is_bad)
      for (int w = thread(); w < n_words; w += n_threads()) ratio[w] = T(0);
    terms = total(terms, 5);
    if (thread() != 0) return;
    a.d.iterations[i] = is_bad ? -1 : iteration;
    a.d.value[i] = is_bad ? 0
                          : value - n_tokens * (static_cast<double>(shift) + of_sum.digamma) + a.d.log_normaliser -
                                of_sum.log_gamma + terms;
  }
};

// kShared: vectors of K are in shared memory, else in a.rows.
template <class T, bool kShared>
__global__ void __launch_bounds__(kMostTopicThreads, 3) topic_documents(const TopicDocumentsArguments<T> a) {
  VELBO_SHARED_MEMORY(raw);
  double* const slots = reinterpret_cast<double*>(raw);
  T* const rest_of_shared = reinterpret_cast<T*>(slots + kTopicSlots);
  const std::int64_t width = a.vectors * kLanes<T>, n_rows = 3 + a.slices;
  T* const rows = kShared ? rest_of_shared : a.rows + blockIdx.x * n_rows * width;
  T* const cache = kShared ? rest_of_shared + n_rows * width : rest_of_shared;
  TopicBlock<T> block{a, slots, rows, cache};
  for (std::int64_t i = blockIdx.x; i < a.d.n_documents; i += gridDim.x) block.document(i);
}

template <class T>
void launch_topic_documents(const Launch& launch, const TopicDocuments<T>& d) {
  if (d.n_documents <= 0) return;
  constexpr int lanes = kLanes<T>;
  constexpr std::size_t slots = kTopicSlots * sizeof(double);
  const unsigned threads = d.n_topics <= 128 ? 128 : kMostTopicThreads;
  TopicDocumentsArguments<T> a{.d = d};
  a.vectors = static_cast<int>((d.n_topics + lanes - 1) / lanes);
  a.leading = leading_of<T>(a.vectors * lanes);
  a.slices = std::clamp(static_cast<int>(threads) / a.vectors, 1, 16);
  const std::size_t rows =
      static_cast<std::size_t>(3 + a.slices) * static_cast<std::size_t>(a.vectors * lanes) * sizeof(T);
  // So much that a multiprocessor has room for 16 warps.
  const std::size_t most = threads < kMostTopicThreads ? launch.shared_bytes / 2 : launch.shared_bytes;
  const bool shared = slots + rows <= most;
  const std::size_t of_a_word = static_cast<std::size_t>(a.leading + 2) * sizeof(T),
                    taken = slots + (shared ? rows : 0);
  const std::size_t room = most > taken ? (most - taken) / of_a_word : 0;
  a.cached = static_cast<int>(std::min(room, static_cast<std::size_t>(std::max(0, d.usual_words))));
  const std::size_t bytes = taken + static_cast<std::size_t>(a.cached) * of_a_word;
  if (shared) {
    const auto kernel = topic_documents<T, true>;
    allow_shared_memory(launch, kernel, bytes);
    VELBO_LAUNCH(kernel, static_cast<unsigned>(d.n_documents), threads, bytes, launch.stream, a);
    check(cudaGetLastError());
  } else {
    const auto kernel = topic_documents<T, false>;
    allow_shared_memory(launch, kernel, bytes);
    const std::int64_t blocks = std::min(launch.most_blocks, d.n_documents);
    const Buffer<T> memory(blocks * (3 + a.slices) * a.vectors * lanes, launch.stream);
    a.rows = memory.get();
    VELBO_LAUNCH(kernel, static_cast<unsigned>(blocks), threads, bytes, launch.stream, a);
    check(cudaGetLastError());
  }
}

}  // namespace velbo::kernels

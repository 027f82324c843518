// velbo/topics.h - topic models: latent Dirichlet allocation (Blei, Ng and Jordan 2003) by variational Bayes.
//
//   beta_k  ~ Dirichlet(eta, ..., eta)   K topics over V words
//   theta_d ~ Dirichlet(alpha)           each document's shares of the topics, alpha [K]
//   each token of document d: a topic from theta_d, and a word from that topic
//
// q is a product: Dirichlet(lambda_k) of topics, Dirichlet(gamma_d) of documents, a categorical of each token, which is never stored.
// docs/topics.md has the equations, and says what the engines of velbo/conjugate.h do here.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/conjugate.h"
#include "velbo/corpus.h"
#include "velbo/export.h"

namespace velbo {

namespace internal {
struct TopicState;
}

// What becomes of words of new documents that the model does not know: those beyond its V or, where both have a vocabulary, not in it.
enum class UnknownWords {
  error,      // Error(data) naming the first one
  leave_out,  // their tokens are not counted
  grow,       // partial_fit() only: the vocabulary grows by them, in the order of the new corpus's
};
VELBO_EXPORT std::string_view name(UnknownWords unknown) noexcept;
VELBO_EXPORT UnknownWords parse_unknown_words(std::string_view text);

struct TopWord {
  std::int64_t word = 0;   // its place in the vocabulary
  std::string text;        // "#17" where there is no vocabulary
  double probability = 0;  // E beta_kv
  double lift = 0;         // that over the word's share of all tokens as the model has it, sum_k weight_k E beta_kv
};

// Of each topic's first words, by how often they share documents of a corpus: D(i) documents with word i, D(i, j) with both.
struct TopicCoherence {
  std::vector<double> umass;  // [K] mean over pairs of log (D(i, j) + 1) / D(j), j the likelier one (Mimno et al. 2011)
  std::vector<double>
      npmi;  // [K] mean of log (p_ij / (p_i p_j)) / -log p_ij, p = D / documents, -1 without p_ij (Aletras, Stevenson 2013)
};

// Document completion: what a model says of one half of each document's tokens, having seen the other (Wallach et al. 2009).
struct DocumentCompletion {
  double log_predictive =
      0;  // nats a scored token: the mean of log sum_k E theta_dk E beta_kv, theta_d inferred from the other half
  double perplexity = 0;       // exp(-log_predictive)
  std::int64_t n_tokens = 0;   // scored
  std::int64_t n_ignored = 0;  // unknown words' tokens, left out before documents are halved
};

// For what is asked of a fitted model.
struct TopicUse {
  UnknownWords unknown_words = UnknownWords::error;
  int threads = 0;                    // 0: all; results do not depend on it
  Scalar scalar = Scalar::automatic;  // of the arithmetic by word: float
};

// The fitted posterior.  Immutable, cheap to copy, usable from any thread.
class VELBO_EXPORT TopicModel {
 public:
  [[nodiscard]] std::int64_t n_topics() const noexcept;
  [[nodiscard]] std::int64_t n_words() const noexcept;
  [[nodiscard]] std::int64_t n_documents() const noexcept;                    // that it was fitted to, in all
  [[nodiscard]] const std::vector<std::string>& vocabulary() const noexcept;  // V words, or none
  [[nodiscard]] const std::vector<double>& alpha() const noexcept;            // [K], as learnt
  [[nodiscard]] double eta() const noexcept;
  // Of the last fit() or partial_fit(): its ELBO, of partial_fit() that of the new documents given the earlier ones.
  [[nodiscard]] const ConjugateRun& run() const noexcept;
  // Of the same, the work of local steps: the sum over documents and steps of distinct words times iterations.
  [[nodiscard]] double word_iterations() const noexcept;

  [[nodiscard]] std::vector<double> topic_parameters() const;  // lambda [K, V], row-major
  [[nodiscard]] std::vector<double> topics() const;            // E beta [K, V], row-major
  [[nodiscard]] std::vector<double> topic_weights() const;     // [K] expected share of the fitted documents' tokens
  // Most probable first, equal ones by place.  Throws Error(argument) unless 0 <= topic < K and n >= 0; never more than V.
  [[nodiscard]] std::vector<TopWord> top_words(std::int64_t topic, std::int64_t n = 10) const;
  // Over the n_words most probable words of each topic, at least 2.  A pair whose D(j) is 0 is left out; NaN of a topic without pairs.
  [[nodiscard]] TopicCoherence coherence(const Corpus& corpus, std::int64_t n_words = 10,
                                         const TopicUse& use = {}) const;

  // E theta [end - begin, K] of documents begin .. end - 1, each inferred from gamma = 1 given the topics.  Of an empty document the prior's.
  // Throws Error(data) for unknown words, Error(argument) for a range that is not in the corpus.
  [[nodiscard]] std::vector<double> transform(const Corpus& corpus, std::int64_t begin, std::int64_t end,
                                              const TopicUse& use = {}) const;
  [[nodiscard]] std::vector<double> transform(const Corpus& corpus, const TopicUse& use = {}) const;

  // Halves by complete_halves() below.
  [[nodiscard]] DocumentCompletion complete_documents(const Corpus& corpus, std::uint64_t seed = 1,
                                                      const TopicUse& use = {}) const;
  // Of halves of the caller's own: as many documents, of which `scored` is scored given `observed`.
  [[nodiscard]] DocumentCompletion complete_documents(const Corpus& observed, const Corpus& scored,
                                                      const TopicUse& use = {}) const;

  // One safetensors file with a checksum, whole or not at all.  Throws Error(file), Error(io), Error(data) for words that are not UTF-8.
  void save(const std::string& path) const;
  // Throws Error(file) naming what is wrong.
  static TopicModel load(const std::string& path);

  [[nodiscard]] const internal::TopicState& state() const noexcept { return *state_; }
  // For velbo itself, like state(): not null.
  explicit TopicModel(std::shared_ptr<const internal::TopicState> state) noexcept : state_(std::move(state)) {}

 private:
  std::shared_ptr<const internal::TopicState> state_;
};

struct TopicOptions {
  std::int64_t n_topics = 0;  // K, from 1 to 10,000; there is no default
  double alpha = 0;           // of the documents' prior, symmetric; 0: 1 / K
  // Alpha [K] becomes the maximiser of the ELBO given the documents' factors, at every step (empirical Bayes; Newton's method, Minka 2000).
  bool learn_alpha = false;
  double eta = 0;  // of the topics' prior; 0: 1 / K.  alpha and eta: 1e-6 to 1e6
  // A document's factor is at rest once the mean over topics of |change of gamma_dk| is below this, or after so many iterations.
  double local_tolerance = 1e-3;
  int local_iterations = 100;
  // Where the fit starts: lambda [K, V] row-major, all > 0; or the topics of an earlier model of the same K and words.  Else, by the seed,
  // lambda_kv = eta + exp(z / 10), z standard normal, about a Gamma(100, 100), plus the counts of up to 20 random documents a topic, no more
  // once there are 200 tokens.
  std::vector<double> initial_topics = {};
  std::optional<TopicModel> init = {};
  // batch_size 0: of svi 1,024, of memoized a tenth of the documents (each batch keeps K V numbers).  Batches are documents in a random
  // order, fixed by the seed; in corpora of 64 MiB and more blocks of 64 neighbours stay together.  tolerance: nats a document.
  // device: auto is the CPU; on a CUDA device local steps and sums over words are kernels, and documents may be more than its memory holds.
  // scalar: float unless double is asked for.
  ConjugateOptions fit = {};
};

// Deterministic: the same bits for the same corpus, options and instruction set or kind of device, whatever the threads.  A fit that does
// not converge is not an error: run().status says so.
// Throws Error(argument) naming an option, Error(data) for a corpus without documents or words, Error(device) with the reason why a device
// cannot be used, Error(memory), of a device's memory with the bytes needed and free.
VELBO_EXPORT TopicModel fit_topics(const Corpus& corpus, const TopicOptions& options);

struct PartialFitOptions {
  UnknownWords unknown_words = UnknownWords::error;
  ConjugateOptions fit = {};
};

// Goes on with new documents: what the earlier ones said of the topics is the prior of this fit (Broderick et al. 2013), and of alpha
// where it is learnt.  The earlier documents are not needed.  Throws as fit_topics(), and Error(data) for unknown words.
VELBO_EXPORT TopicModel partial_fit(const TopicModel& model, const Corpus& corpus,
                                    const PartialFitOptions& options = {});

struct CorpusHalves {
  Corpus observed, scored;
};
// Of a document of N tokens, listed by word, ceil(N / 2) are observed: token t = 0, 1, ... is if u < (observed ones still to be found),
// u = a whole number below N - t from the stream of (seed, document, t) - selection sampling (Knuth, volume 2, 3.4.2 S), every half as likely.
VELBO_EXPORT CorpusHalves complete_halves(const Corpus& corpus, std::uint64_t seed);

// One HTML file that loads nothing: the run with its ELBO, the topics' weights, and their words.  Whole or not at all.  Throws Error(file)
// or Error(io).
VELBO_EXPORT void write_report(const TopicModel& model, const std::string& path);

}  // namespace velbo

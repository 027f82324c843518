// topics/topics_model.h - latent Dirichlet allocation as a ConjugateModel: units are documents.
//
// Statistics [V K + K + 1]: expected counts of words by topic [V, K]; where alpha is learnt, sums over documents of E log theta_dk [K], and
// their number.
#pragma once
#include <span>
#include <vector>

#include "conjugate/conjugate_model.h"
#include "topics/topic_state.h"
#include "topics/topic_step.h"
#include "velbo/context.h"
#include "velbo/corpus.h"

namespace velbo::internal {

// Bounds of alpha and eta.
inline constexpr double kLeastConcentration = 1e-6, kMostConcentration = 1e6;

template <class T>
class TopicsModel final : public ConjugateModel {
 public:
  // `earlier`, not null where there is one: what earlier documents said, which is this fit's prior.  It has this corpus's V words.
  TopicsModel(const Context& context, Corpus corpus, const TopicSettings& settings, const TopicState* earlier,
              std::uint64_t seed);

  [[nodiscard]] std::int64_t n_units() const override { return corpus_.n_documents(); }
  [[nodiscard]] std::int64_t n_statistics() const override { return n_entries() + settings_.n_topics + 1; }
  void set_statistics(std::span<const double> statistics) override;
  double local_step(UnitRange units, bool keep, std::span<double> statistics) override;
  [[nodiscard]] double statistics_term(std::span<const double> statistics) const override;
  [[nodiscard]] double global_elbo() const override;
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

  [[nodiscard]] const std::vector<double>& alpha() const { return step_.alpha(); }
  [[nodiscard]] double word_iterations() const { return step_.word_iterations(); }

 private:
  [[nodiscard]] std::int64_t n_entries() const { return corpus_.n_words() * settings_.n_topics; }
  // Of the statistics of alpha: sum over their documents of E log p(theta | alpha).
  [[nodiscard]] double alpha_term(std::span<const double> of_alpha) const;

  Corpus corpus_;
  TopicSettings settings_;
  TopicStep<T> step_;
  std::vector<std::int64_t> order_;           // [D]
  std::vector<double> statistics_;            // [V, K] as they were set
  std::vector<double> base_, base_of_alpha_;  // of earlier documents: [V, K] or none, [K + 1]
  double base_alpha_term_ = 0;                // of the earlier documents' alpha
  double prior_log_beta_ = 0;                 // sum over topics of log B(prior)
  std::vector<T> gamma_;                      // [D, stride] by unit, once it is kept
};

extern template class TopicsModel<float>;
extern template class TopicsModel<double>;

// Documents in random order: all of them, or in corpora of 64 MiB and more blocks of 64 neighbours.
std::vector<std::int64_t> document_order(const Corpus& corpus, std::uint64_t seed);

}  // namespace velbo::internal

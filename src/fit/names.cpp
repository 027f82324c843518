// fit/names.cpp - the name of every enumerator of the public interface, in one table an enumeration.
#include "fit/names.h"

#include <array>
#include <string>
#include <vector>

#include "data/text.h"
#include "velbo/conjugate.h"
#include "velbo/error.h"
#include "velbo/gaussian_mixture.h"
#include "velbo/topics.h"

namespace velbo {
namespace {

template <class E>
struct Named {
  E value;
  std::string_view name;
};
template <class E>
Named(E, const char*) -> Named<E>;  // Clang 14 does not deduce aggregates by itself

constexpr std::array engines = {Named{EngineKind::automatic, "auto"},
                                Named{EngineKind::newton, "newton"},
                                Named{EngineKind::natural_gradient, "natural_gradient"},
                                Named{EngineKind::saa, "saa"},
                                Named{EngineKind::pathfinder, "pathfinder"},
                                Named{EngineKind::gradient, "gradient"}};

constexpr std::array conjugate_engines = {
    Named{ConjugateEngine::automatic, "auto"}, Named{ConjugateEngine::cavi, "cavi"},
    Named{ConjugateEngine::memoized, "memoized"}, Named{ConjugateEngine::svi, "svi"}};

constexpr std::array covariance_kinds = {
    Named{CovarianceKind::full, "full"}, Named{CovarianceKind::diagonal, "diagonal"},
    Named{CovarianceKind::tied, "tied"}, Named{CovarianceKind::spherical, "spherical"}};

constexpr std::array weights_priors = {Named{WeightsPrior::dirichlet, "dirichlet"},
                                       Named{WeightsPrior::dirichlet_process, "dirichlet_process"}};

constexpr std::array corpus_formats = {Named{CorpusFormat::automatic, "auto"}, Named{CorpusFormat::ldac, "ldac"},
                                       Named{CorpusFormat::libsvm, "libsvm"}, Named{CorpusFormat::binary, "binary"}};

constexpr std::array unknown_words = {Named{UnknownWords::error, "error"}, Named{UnknownWords::leave_out, "leave_out"},
                                      Named{UnknownWords::grow, "grow"}};

constexpr std::array estimators = {Named{Estimator::automatic, "auto"}, Named{Estimator::weights, "weights"},
                                   Named{Estimator::local, "local"}, Named{Estimator::quadrature, "quadrature"}};

constexpr std::array draw_kinds = {Named{DrawKind::iid, "iid"}, Named{DrawKind::sobol, "sobol"}};

constexpr std::array entropy_gradients = {Named{EntropyGradient::closed_form, "closed_form"},
                                          Named{EntropyGradient::sticking_the_landing, "sticking_the_landing"}};

constexpr std::array optimizers = {Named{OptimizerKind::automatic, "auto"}, Named{OptimizerKind::sgd, "sgd"},
                                   Named{OptimizerKind::adam, "adam"}};

constexpr std::array variance_reductions = {Named{VarianceReduction::automatic, "auto"},
                                            Named{VarianceReduction::none, "none"},
                                            Named{VarianceReduction::anchor, "anchor"}};

constexpr std::array scalars = {Named{Scalar::automatic, "auto"}, Named{Scalar::float32, "float"},
                                Named{Scalar::float64, "double"}};

constexpr std::array statuses = {Named{Status::converged, "converged"}, Named{Status::max_steps, "max_steps"},
                                 Named{Status::max_seconds, "max_seconds"}, Named{Status::diverged, "diverged"},
                                 Named{Status::interrupted, "interrupted"}};

constexpr std::array verdicts = {Named{Verdict::good, "good"}, Named{Verdict::usable, "usable"},
                                 Named{Verdict::unreliable, "unreliable"}};

constexpr std::array families = {Named{FamilyKind::automatic, "auto"}, Named{FamilyKind::mean_field, "mean_field"},
                                 Named{FamilyKind::full_rank, "full_rank"}, Named{FamilyKind::low_rank, "low_rank"}};

constexpr std::array likelihoods = {Named{Likelihood::automatic, "auto"},
                                    Named{Likelihood::gaussian, "gaussian"},
                                    Named{Likelihood::bernoulli, "bernoulli"},
                                    Named{Likelihood::binomial, "binomial"},
                                    Named{Likelihood::poisson, "poisson"},
                                    Named{Likelihood::student_t, "student_t"},
                                    Named{Likelihood::negative_binomial, "negative_binomial"},
                                    Named{Likelihood::gamma, "gamma"},
                                    Named{Likelihood::beta, "beta"},
                                    Named{Likelihood::categorical, "categorical"},
                                    Named{Likelihood::ordinal, "ordinal"}};

constexpr std::array prediction_kinds = {Named{PredictionKind::response, "response"},
                                         Named{PredictionKind::linear, "linear"},
                                         Named{PredictionKind::outcome, "outcome"}};

constexpr std::array weights_kinds = {Named{WeightsKind::frequency, "frequency"},
                                      Named{WeightsKind::precision, "precision"}};

template <class E, std::size_t N>
std::string_view name_in(const std::array<Named<E>, N>& table, E value) noexcept {
  for (const Named<E>& entry : table)
    if (entry.value == value) return entry.name;
  return "?";
}

template <class E, std::size_t N>
E parse_in(const std::array<Named<E>, N>& table, std::string_view what, std::string_view text) {
  std::vector<std::string> names;
  for (const Named<E>& entry : table) {
    if (entry.name == text) return entry.value;
    names.emplace_back(entry.name);
  }
  std::string message = "unknown " + std::string(what) + " " + internal::quoted(text);
  const std::string nearest = internal::nearest_name(text, names);
  if (!nearest.empty()) message += "; did you mean " + nearest + "?";
  message += " (there are " + internal::listed(names) + ")";
  throw Error(ErrorCode::argument, message);
}

}  // namespace

std::string_view name(EngineKind kind) noexcept { return name_in(engines, kind); }
EngineKind parse_engine(std::string_view text) { return parse_in(engines, "engine", text); }

std::string_view name(ConjugateEngine engine) noexcept { return name_in(conjugate_engines, engine); }
ConjugateEngine parse_conjugate_engine(std::string_view text) { return parse_in(conjugate_engines, "engine", text); }

std::string_view name(CovarianceKind kind) noexcept { return name_in(covariance_kinds, kind); }
CovarianceKind parse_covariance_kind(std::string_view text) { return parse_in(covariance_kinds, "covariance", text); }

std::string_view name(WeightsPrior prior) noexcept { return name_in(weights_priors, prior); }
WeightsPrior parse_weights_prior(std::string_view text) { return parse_in(weights_priors, "weights prior", text); }

std::string_view name(CorpusFormat format) noexcept { return name_in(corpus_formats, format); }
CorpusFormat parse_corpus_format(std::string_view text) { return parse_in(corpus_formats, "corpus format", text); }

std::string_view name(UnknownWords unknown) noexcept { return name_in(unknown_words, unknown); }
UnknownWords parse_unknown_words(std::string_view text) {
  return parse_in(unknown_words, "choice for unknown words", text);
}

std::string_view name(Estimator estimator) noexcept { return name_in(estimators, estimator); }
Estimator parse_estimator(std::string_view text) { return parse_in(estimators, "estimator", text); }

std::string_view name(DrawKind kind) noexcept { return name_in(draw_kinds, kind); }
DrawKind parse_draw_kind(std::string_view text) { return parse_in(draw_kinds, "kind of draws", text); }

std::string_view name(EntropyGradient kind) noexcept { return name_in(entropy_gradients, kind); }
EntropyGradient parse_entropy_gradient(std::string_view text) {
  return parse_in(entropy_gradients, "gradient of the entropy", text);
}

std::string_view name(OptimizerKind kind) noexcept { return name_in(optimizers, kind); }
OptimizerKind parse_optimizer(std::string_view text) { return parse_in(optimizers, "optimizer", text); }

std::string_view name(VarianceReduction kind) noexcept { return name_in(variance_reductions, kind); }
VarianceReduction parse_variance_reduction(std::string_view text) {
  return parse_in(variance_reductions, "variance reduction", text);
}

std::string_view name(Scalar scalar) noexcept { return name_in(scalars, scalar); }
Scalar parse_scalar(std::string_view text) { return parse_in(scalars, "scalar", text); }

std::string_view name(Status status) noexcept { return name_in(statuses, status); }
std::string_view name(Verdict verdict) noexcept { return name_in(verdicts, verdict); }

std::string_view name(FamilyKind kind) noexcept { return name_in(families, kind); }
FamilyKind parse_family(std::string_view text) { return parse_in(families, "family", text); }

std::string_view name(Likelihood likelihood) noexcept { return name_in(likelihoods, likelihood); }
Likelihood parse_likelihood(std::string_view text) { return parse_in(likelihoods, "likelihood", text); }

std::string_view name(PredictionKind kind) noexcept { return name_in(prediction_kinds, kind); }
PredictionKind parse_prediction_kind(std::string_view text) {
  return parse_in(prediction_kinds, "kind of prediction", text);
}

namespace internal {

Status parse_status(std::string_view text) { return parse_in(statuses, "status", text); }
Verdict parse_verdict(std::string_view text) { return parse_in(verdicts, "verdict", text); }
std::string_view name(WeightsKind kind) noexcept { return name_in(weights_kinds, kind); }
WeightsKind parse_weights_kind(std::string_view text) { return parse_in(weights_kinds, "kind of weights", text); }

}  // namespace internal
}  // namespace velbo

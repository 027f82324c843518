// velbo/fit.h - fitting: one loop for every engine, what it may be told, and what it answers.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/context.h"
#include "velbo/export.h"
#include "velbo/family.h"
#include "velbo/glm.h"
#include "velbo/gradient_options.h"
#include "velbo/model.h"
#include "velbo/posterior.h"

namespace velbo {

enum class EngineKind {
  automatic,  // of a Model natural_gradient, or saa where its family was asked for; of a Glm gradient where batches or draws were asked for, else newton
  newton,     // Glm: Newton's method on the exact ELBO, over all rows
  natural_gradient,  // Model: natural gradients from draws (Lin, Schmidt and Khan 2020), then fixed draws, then a check
  pathfinder,  // Model: the best Gaussian along L-BFGS's way to a mode (Zhang et al. 2022); quick, and rarely the optimum
  saa,  // Model: mean-field and low-rank Gaussians by the ELBO over fixed draws (Giordano, Ingram and Broderick 2024)
  gradient,  // stochastic gradients, of a Glm from minibatches and draws, of a Model from draws: velbo/gradient_options.h
};
VELBO_EXPORT std::string_view name(EngineKind kind) noexcept;
VELBO_EXPORT EngineKind parse_engine(std::string_view text);

// Type of the data and of per-row arithmetic; sums over rows and everything reported are double.
enum class Scalar { automatic, float32, float64 };
VELBO_EXPORT std::string_view name(Scalar scalar) noexcept;  // "auto", "float", "double"
VELBO_EXPORT Scalar parse_scalar(std::string_view text);

// How a fit ended.  A limit is never success.  max_steps is also what ends having done all that its engine does without coming
// within the tolerance; the message says so.
enum class Status { converged, max_steps, max_seconds, diverged, interrupted };
VELBO_EXPORT std::string_view name(Status status) noexcept;

enum class Verdict { good, usable, unreliable };
VELBO_EXPORT std::string_view name(Verdict verdict) noexcept;

// Where a running fit is; given to the progress callback after every step.  On a CUDA device that makes steps by itself, a step
// here and below is a run of them that takes some hundredths of a second, or one step where that takes longer.
struct StepReport {
  std::int64_t step = 0;
  double elbo = 0;  // of the last evaluated point; NaN before there is one
  double error_sd =
      0;  // estimated distance to the optimum, in posterior standard deviations; infinity before it is known
  double seconds = 0;      // since the fit started
  std::string_view stage;  // e.g. "1 % of the rows", "all rows"
  double progress = 0;     // 0 .. 1 on the way to the tolerance, for a bar; an estimate
};

struct FitOptions {
  EngineKind engine = EngineKind::automatic;
  FamilyKind family = FamilyKind::automatic;  // full rank up to 1,000 latents, mean field beyond
  double tolerance = 0.02;                    // in posterior standard deviations, > 0
  std::int64_t rank = 0;                      // of low_rank; 0: the root of the latents, at most 20
  std::int64_t max_steps = 0;                 // 0: 1,000 of newton, 100,000 of gradient, 10,000 of the others
  double max_seconds = std::numeric_limits<double>::infinity();  // looked at between steps; not the diagnosis
  std::optional<Device> device = {};                             // empty: auto
  int threads = 0;                                               // 0: all; results do not depend on it
  Scalar scalar = Scalar::automatic;  // float, but double where float would lose the data's digits
  std::uint64_t seed = 1;
  std::int64_t diagnostic_draws = 0;   // iid draws behind k_hat and the corrected moments; 0: up to 100,000, by cost
  std::optional<Posterior> init = {};  // warm start: an earlier fit of a model with the same latents
  // Of a Model: further starts, each climbed; what has the highest ELBO is gone on with, the others are told of in the summary.
  // Their means are scattered about the usual start's by 1, 2, 1, 2 ... of its sds (of 1 in z, or those of `init`), by the seed.
  // Of the engine pathfinder: paths in place of climbs, never less than 4 in all.
  std::int64_t restarts = 0;
  // Of natural_gradient and saa: climb from where Pathfinder ends, unless the usual start has the higher ELBO.  Not with `init`.
  bool pathfinder = false;
  // Of Model::with_gradient: compare its gradient with central differences before the fit, at z = +-0.1 and at the start.
  bool check_gradient = true;
  GradientOptions gradient = {};
  // A file that the fit's state is written to, whole or not at all, every checkpoint_seconds (0: after every step) and when
  // the fit ends.  Empty: none.
  std::string checkpoint = {};
  double checkpoint_seconds = 30;
  // A checkpoint to go on from, of a fit of the same model with the same options (limits, threads and diagnosis may differ,
  // and a file that is not there yet is an error): the answer has the same bits as that of a fit that was never interrupted.
  // Throws Error(file) for a file that is none, Error(argument) naming what differs.
  std::string resume = {};
  // Called after every step; false ends the fit with Status::interrupted, and what has been fitted is returned.
  std::function<bool(const StepReport&)> progress = {};
};

// One parameter on the constrained scale.
struct ParameterSummary {
  std::string name;
  double mean = 0, sd = 0, q05 = 0, q25 = 0, q50 = 0, q75 = 0, q95 = 0;
  // Moments after Pareto-smoothed importance sampling; NaN where k_hat does not allow them.
  double corrected_mean = std::numeric_limits<double>::quiet_NaN();
  double corrected_sd = std::numeric_limits<double>::quiet_NaN();
  // Of a mean-field fit of a Model, with the correlations that it leaves out: LinearResponse::sd (velbo/linear_response.h).  NaN of other
  // fits, of fits that did not converge, and where it would take more gradients than twice those of the fit.
  double linear_response_sd = std::numeric_limits<double>::quiet_NaN();
};

struct VELBO_EXPORT Summary {
  std::string velbo_version;
  struct Model {
    std::string formula, likelihood;
    bool likelihood_guessed = false;
    std::int64_t n_rows = 0, n_rows_dropped = 0, n_latents = 0;
    std::vector<NamedPrior> priors;
    std::vector<std::string> levels = {};  // Glm::levels()
  } model;
  struct Run {
    std::string engine, engine_reason, family, family_reason, estimator, device, device_reason, scalar, scalar_reason;
    int threads = 1;
    std::uint64_t seed = 1;
    double tolerance = 0;
    Status status = Status::diverged;
    std::string message;
    std::int64_t steps = 0, gradient_evaluations = 0, rows_read = 0, rejected_steps = 0;
    double full_passes = 0;  // rows_read / n_rows, of the fit; the diagnosis, whose first pass gives the
                             // final ELBO and checks the last step, is not counted
    // What each start climbed to, the usual one first, where there were several; empty otherwise.
    struct Start {
      double elbo = std::numeric_limits<double>::quiet_NaN();  // NaN: no optimum was found from there
      double elbo_se = 0;
      bool same_optimum = true;  // as the best start's, as far as the two Gaussians tell: docs/models.md
    };
    std::vector<Start> starts = {};
    std::int64_t best_start = 0;  // which of them was gone on with, from 0
    struct Seconds {
      double read = 0, fit = 0, diagnose = 0, total = 0;
    } seconds;
  } fit;
  struct Quality {
    double elbo = 0, elbo_se = 0;
    double k_hat = 0, k_hat_se = 0;
    std::int64_t n_draws = 0;  // behind k_hat
    double ess = 0;            // effective sample size of the importance weights
    std::string method;        // "all rows" or how many rows stand for all in k_hat
    double linear_response_k_hat =
        std::numeric_limits<double>::quiet_NaN();  // LinearResponse::k_hat; NaN where there is none
    double log_evidence = 0;  // importance-sampling estimate: elbo <= log evidence; NaN where a prior is improper
    double error_sd = 0;
    // Of the engine gradient: R-hat of the last round's iterates, about 1 where they are at rest (split R-hat of means and log sds over
    // the best window: Vehtari et al. 2021; Welandawe et al. 2022).  NaN where steps have no noise (quadrature over all rows, anchors),
    // where a device makes them by itself, below 20 of them, and of the other engines.
    double iterate_rhat = std::numeric_limits<double>::quiet_NaN();
    Verdict verdict = Verdict::unreliable;
    std::string advice;
  } quality;
  std::vector<std::string> warnings;
  std::vector<ParameterSummary> parameters;

  [[nodiscard]] bool converged() const noexcept { return fit.status == Status::converged; }
  // One line: status, verdict, ELBO.
  [[nodiscard]] std::string brief_report() const;
  // The table and the verdict, as the program prints them.
  [[nodiscard]] std::string full_report() const;
  // Schema 1, as docs/ describes it; numbers that are not finite are null.
  [[nodiscard]] std::string to_json() const;
  static Summary from_json(std::string_view text);  // throws Error(file)
};

struct VELBO_EXPORT Fit {
  Summary summary;
  Posterior posterior;
  // The posterior's file with the summary inside.
  void save(const std::string& path) const;
};

// Fits the model.  Deterministic: the same bits for the same model, options and instruction set, whatever the threads.
// A fit that does not converge is not an error: the status says so.  Throws Error(argument) for options that make no
// sense together, Error(device), Error(memory).
VELBO_EXPORT Fit fit(const Glm& model, const FitOptions& options = {});
// Of a model in code; up to 5,000 latents, with the engine gradient more in the mean_field and low_rank families.  max_seconds is
// looked at within steps too.  Of `gradient` the engines natural_gradient and saa use `draws` alone (of a climbing step, half of them
// mirroring the others; 0: 32, or half the latents where that is more); the engine gradient refuses what needs rows: batch_size, the
// estimators local and quadrature, anchors.
VELBO_EXPORT Fit fit(const Model& model, const FitOptions& options = {});

}  // namespace velbo

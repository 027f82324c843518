// first_passage [SEED [NAME]]: how soon fits of the twenty posteriors of posteriordb come near the best Gaussian of their family, and
// when they end: the default (natural_gradient), the engine gradient, and the ADVI of the literature (Kucukelbir et al. 2017): Adam in
// the latents' own coordinates at a constant learning rate, written with the engine gradient.
//
// Every fit starts from z = 0, sd = 1, on one thread.  Near is: every mean within 0.15 sd of the optimum's and every sd within 13 % of it
// (vi_optimum.json; mean-field fits against the mean-field optimum, whose means are measured in the full-rank optimum's sds).  A passage
// counts from the first of 10 looks in a row, or of all until the end, that are near; a look is after every step of natural_gradient and
// after every 10th of the others, where either the iterate or the average of the iterates may be the one that is near.  Looks are not timed.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "engines/model_findings.h"
#include "engines/model_gradient.h"
#include "engines/natural_gradient.h"
#include "support/posteriordb_models.h"

namespace {

using namespace velbo;
using namespace velbo::internal;

constexpr double kTolerance = 0.02, kNearMean = 0.15, kNearSd = 0.13;
constexpr std::int64_t kMostGradients = 100000, kDraws = 10, kLooksInARow = 10;

nlohmann::json read_json(const std::string& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

Eigen::VectorXd vector_of(const nlohmann::json& values) {
  const auto numbers = values.get<std::vector<double>>();
  return Eigen::VectorXd::Map(numbers.data(), static_cast<Eigen::Index>(numbers.size()));
}

struct Optimum {
  Eigen::VectorXd mean, sd, unit;
  [[nodiscard]] bool is_near(const GaussianPoint& q) const {
    return ((q.mean - mean).array().abs() < kNearMean * unit.array()).all() &&
           ((q.sd().array() / sd.array() - 1).abs() < kNearSd).all();
  }
};

Optimum optimum_of(const nlohmann::json& all, const char* family) {
  return {vector_of(all[family]["mean"]), vector_of(all[family]["sd"]), vector_of(all["fullrank"]["sd"])};
}

struct Moment {
  std::int64_t step = -1, gradients = 0;  // -1: never
  double seconds = 0;
};

struct Result {
  Moment passage, end;
  bool converged = false, near_at_end = false;
};

// Steps until the engine says that it is done or the gradients are used up.
Result race(Engine& engine, const ModelGradientEngine* averaging, const Optimum& optimum, std::int64_t steps_a_look,
            std::int64_t most_gradients) {
  Result out;
  Moment first;  // of a row of looks that were near
  std::int64_t in_a_row = 0;
  const EngineReport& report = engine.report();
  const auto over = [&] {
    out.converged = report.on_all_data && report.error_sd <= kTolerance;
    return out.converged || report.diverged || report.stalled || report.evaluations >= most_gradients;
  };
  for (bool ended = false; !ended;) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < steps_a_look && !ended; ++i) {
      engine.advance(1);
      ended = over();
    }
    out.end.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    out.end.step = report.steps;
    out.end.gradients = report.evaluations;
    out.near_at_end = !report.diverged && (optimum.is_near(engine.point()) ||
                                           (averaging != nullptr && optimum.is_near(averaging->reached())));
    if (!out.near_at_end) {
      in_a_row = 0;
      continue;
    }
    if (in_a_row++ == 0) first = out.end;
    if (out.passage.step < 0 && (in_a_row == kLooksInARow || ended)) out.passage = first;
  }
  return out;
}

Result race_default(const Model& model, const Optimum& optimum, std::uint64_t seed) {
  const Context context(Device{}, 1);
  NaturalGradientEngine engine(std::make_unique<ModelDensity>(model, context), context,
                               {.tolerance = kTolerance, .key = make_key(seed, Purpose::step)}, std::nullopt);
  return race(engine, nullptr, optimum, 1, 1000000);
}

// rate 0: the engine gradient as fit() makes it; else in the latents' own coordinates.
Result race_adam(const Model& model, FamilyKind family, double rate, const Optimum& optimum, std::uint64_t seed) {
  const Context context(Device{}, 1);
  ModelGradientSettings settings{.options = {}, .tolerance = kTolerance, .key = make_key(seed, Purpose::step)};
  settings.options.estimator = Estimator::weights;
  settings.options.optimizer = OptimizerKind::adam;
  settings.options.draws = kDraws;
  settings.options.learning_rate = rate;
  settings.fixed_coordinates = rate > 0;
  if (rate > 0) settings.options.clip = 0;
  GaussianPoint start = standard_start(model.parameters());
  if (family == FamilyKind::mean_field) start = {family, start.mean, Eigen::MatrixXd::Ones(start.dimension(), 1)};
  ModelGradientEngine engine(std::make_unique<ModelDensity>(model, context), context, settings, start, false);
  return race(engine, &engine, optimum, 10, kMostGradients);
}

std::string text_of(const Moment& at) {
  char text[64];
  if (at.step < 0) return "never";
  std::snprintf(text, sizeof text, "%lld, %.1f k, %.3f s", static_cast<long long>(at.step),
                static_cast<double>(at.gradients) / 1000, at.seconds);
  return text;
}

void print(const char* name, const Result& result) {
  std::printf("  %-28s near from %-26s end %-26s %s%s\n", name, text_of(result.passage).c_str(),
              text_of(result.end).c_str(), result.converged ? "converged" : "not converged",
              result.near_at_end ? "" : ", NOT near");
  std::fflush(stdout);
}

}  // namespace

int main(int n_arguments, char** arguments) {
  const std::uint64_t seed = n_arguments > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1;
  const std::string only = n_arguments > 2 ? arguments[2] : "";
  const std::string folder = std::string(VELBO_SHARED_DATA_DIR) + "/posteriordb/";
  if (!std::filesystem::exists(folder)) {
    std::printf("SKIPPED: there are no posteriors in %s\n", folder.c_str());
    return 0;
  }
  std::printf("steps, gradients, seconds; seed %llu\n", static_cast<unsigned long long>(seed));
  for (const std::string& name : test::posteriordb_names()) {
    if (name.find(only) == std::string::npos) continue;
    const Model model = test::posteriordb_model(name, read_json(folder + name + "/data.json"));
    const nlohmann::json all = read_json(folder + name + "/vi_optimum.json");
    const Optimum full = optimum_of(all, "fullrank"), mean_field = optimum_of(all, "meanfield");
    std::printf("%s, D = %lld\n", name.c_str(), static_cast<long long>(model.n_latents()));
    print("natural_gradient", race_default(model, full, seed));
    print("gradient, full rank", race_adam(model, FamilyKind::full_rank, 0, full, seed));
    print("gradient, mean field", race_adam(model, FamilyKind::mean_field, 0, mean_field, seed));
    for (const double rate : {0.1, 0.01}) {
      const std::string text = rate == 0.1 ? " 0.1" : " 0.01";
      print(("ADVI full rank," + text).c_str(), race_adam(model, FamilyKind::full_rank, rate, full, seed));
      print(("ADVI mean field," + text).c_str(), race_adam(model, FamilyKind::mean_field, rate, mean_field, seed));
    }
  }
  return 0;
}

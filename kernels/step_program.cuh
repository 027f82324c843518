// step_program.cuh - a model's gradient steps on a device: what they need in its memory, and their kernels in order.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "row_ops.cuh"
#include "step_begin.cuh"
#include "step_gradients.cuh"
#include "step_place.cuh"
#include "step_update.cuh"

namespace velbo::kernels {

// Thrown where the passes of a step would not be one whole each: the steps are left to the host.
struct StepsLeftToHost {};

template <class T>
class StepProgram {
 public:
  // Throws Failure, or StepsLeftToHost.
  StepProgram(const Launch& launch, const internal::StepModel<T>& model, const internal::StepSettings& settings)
      : launch_(launch), rows_(model.rows) {
    // Few rows a step: blocks enough to keep a device busy, and few sums to add up.
    launch_.wanted_chunks = std::min<std::int64_t>(launch_.wanted_chunks, 132);
    StepArguments<T>& a = a_;
    a.settings = settings;
    a.n_latents = model.n_latents;
    a.n_lines = model.n_lines;
    a.n_columns = rows_.n_columns();
    a.n_stored = rows_.n_rows;
    a.batch_size = model.batch_size;
    a.batch_key = model.batch_key;
    a.block_rows = model.block_rows;
    a.has_sigma = model.has_sigma;
    a.weights_are_precisions = model.weights_are_precisions;
    a.log_normaliser = model.log_normaliser;
    const std::int64_t d = a.n_latents, k = full() ? d : 1, s = settings.n_draws;
    a.n_parameters = d + (full() ? d * (d + 1) / 2 : d);
    plan(a.batch_size);

    a.state = keep<StepState>(1);
    a.index = a.batch_size < a.n_stored ? keep<std::int64_t>(a.batch_size) : nullptr;
    a.line = copy(model.line, a.n_columns);
    std::vector<std::int64_t> column(static_cast<std::size_t>(a.n_lines), -1);
    for (std::int64_t j = 0; j < a.n_columns; ++j) column[static_cast<std::size_t>(model.line[j])] = j;
    a.column = copy(column.data(), a.n_lines);
    if (model.centre != nullptr) a.centre = copy(model.centre, a.n_columns);
    a.priors = copy(model.priors, d);
    if (model.directions != nullptr) a.directions = copy(model.directions, model.n_directions);
    line_mean_ = keep<double>(a.n_lines);
    mean_factor_ = keep<double>(a.n_lines * d);
    line_factor_ = keep<double>(a.n_lines * k);
    anchor_ = keep<double>(settings.anchored ? a.n_parameters : 0);
    a.line_mean = line_mean_;
    a.mean_factor = mean_factor_;
    a.line_factor = line_factor_;
    a.anchor = anchor_;
    a.w = keep<double>(a.n_parameters);
    a.average = keep<double>(a.n_parameters);
    a.first = keep<double>(settings.adam || settings.momentum != 0 ? a.n_parameters : 0);
    a.second = keep<double>(settings.adam ? a.n_parameters : 0);
    a.elbo = keep<double>(kElboRing);
    a.elbo_size = kElboRing;
    a.eps = keep<double>(by_draws() ? s * d : 0);
    a.z = keep<double>(by_draws() ? s * a.n_lines : 0);
    a.mean = keep<double>(a.n_lines);
    a.factor = keep<double>(a.n_lines * k);
    a.packed_stride = (d + 1 + kTileColumns - 1) / kTileColumns * kTileColumns;
    const std::int64_t n_coefficients = by_draws() ? padded_draws() * a.n_columns
                                        : full()   ? a.n_columns * a.packed_stride
                                                   : 2 * a.n_columns;
    a.coefficients = keep<T>(n_coefficients);  // what pads them stays zero
    check(cudaMemsetAsync(a.coefficients, 0, static_cast<std::size_t>(n_coefficients) * sizeof(T), launch_.stream));
    a.sums = keep<double>(std::max<std::int64_t>(padded_draws(), 2) * a.n_columns);
    a.values = keep<double>(std::max<std::int64_t>(padded_draws(), 2));
    a.draw_gradient = keep<double>(by_draws() ? s * d : 0);
    a.draw_value = keep<double>(by_draws() ? s : 0);
    a.latent_mean = keep<double>(d);
    a.latent_factor = keep<double>(d * k);
    a.prior_value = keep<double>(d);
    a.gradient = keep<double>(a.n_parameters);
    a.reference_gradient = keep<double>(settings.anchored ? a.n_parameters : 0);
    if (by_gram()) {
      a.gram = keep<double>(a.n_columns * a.n_columns);
      a.image = keep<double>(a.n_columns * d);
      rho_ = keep<T>(a.batch_size);
      c_ = keep<T>(a.batch_size);
    }
    // A shorter batch may be cut into more chunks, but not into more than are wanted.
    const std::int64_t most_chunks = std::max(chunks_.count, launch_.wanted_chunks);
    part_sums_ = keep<T>(most_chunks * sums_of_a_chunk());
    part_values_ = keep<double>(most_chunks * std::max<std::int64_t>(kMostDraws, 2));
  }

  void begin_round(const internal::StepRound& round) {
    const StepArguments<T>& a = a_;
    const std::int64_t d = a.n_latents, k = full() ? d : 1;
    upload(round.mean, a.n_lines, line_mean_);
    upload(round.mean_factor, round.mean_factor_is_diagonal ? a.n_lines : a.n_lines * d, mean_factor_);
    upload(round.factor, a.n_lines * k, line_factor_);
    if (a.settings.anchored) upload(round.anchor, a.n_parameters, anchor_);
    of_round_.mean_factor_is_diagonal = round.mean_factor_is_diagonal ? 1 : 0;
    of_round_.mean_rate = round.mean_rate;
    of_round_.factor_rate = round.factor_rate;
    check(cudaStreamSynchronize(launch_.stream));
  }

  // repeat(rows, n, enqueue): n steps of batches of so many rows, each by enqueue(launch, condition); fewer where the steps end
  // their run themselves.  For the same number of rows enqueue() is the same launches every time.
  template <class Repeat>
  void run(std::int64_t n, internal::StepVariables& v, const Repeat& repeat) {
    const StepArguments<T>& a = a_;
    const std::int64_t p = a.n_parameters;
    upload(v.w, p, a.w);
    if (v.at.averaged > 0) upload(v.average, p, a.average);
    const auto begin_moment = [&](const double* from, double* moment) {
      if (moment == nullptr) return;
      if (v.at.optimizer_steps > 0) {
        upload(from, p, moment);
      } else {
        check(cudaMemsetAsync(moment, 0, static_cast<std::size_t>(p) * sizeof(double), launch_.stream));
      }
    };
    begin_moment(v.first, a.first);
    begin_moment(v.second, a.second);
    const std::int64_t first_step = v.at.step;
    v.diverged = false;
    const std::int64_t per_epoch = (a.n_stored + a.batch_size - 1) / a.batch_size;
    while (n > 0 && !v.diverged) {
      // The last batch of an epoch may be short.
      const std::int64_t at = v.at.step % per_epoch;
      const bool last = at + 1 == per_epoch;
      const std::int64_t rows = last ? a.n_stored - at * a.batch_size : a.batch_size;
      const bool all_alike = a.n_stored % a.batch_size == 0;
      const std::int64_t count = all_alike ? n : std::min(n, last ? 1 : per_epoch - 1 - at);
      StepState state = of_round_;
      static_cast<internal::StepCounters&>(state) = v.at;
      state.left = count;
      upload(&state, 1, a.state);
      plan(rows);
      repeat(rows, count, [this](const Launch& launch, simt::GraphCondition condition) { enqueue(launch, condition); });
      state = downloaded(a.state, 1, launch_.stream)[0];
      n -= count;
      v.at = state;
      v.diverged = state.diverged != 0;
    }
    download(a.w, p, v.w);
    if (v.at.averaged > 0) download(a.average, p, v.average);
    if (a.first != nullptr) download(a.first, p, v.first);
    if (a.second != nullptr) download(a.second, p, v.second);
    if (v.elbo == nullptr || !a.settings.keeps_elbo) return;
    const std::vector<double> ring = downloaded(a.elbo, kElboRing, launch_.stream);
    for (std::int64_t t = std::max(first_step, v.at.step - std::min(kElboRing, v.elbo_size)); t < v.at.step; ++t)
      v.elbo[t % v.elbo_size] = ring[static_cast<std::size_t>(t % kElboRing)];
  }

  const Launch& launch() const { return launch_; }

 private:
  static constexpr std::int64_t kElboRing = 1024;
  static constexpr std::int64_t kMostDraws = 8;  // of a fused pass

  bool full() const { return a_.settings.family == FamilyKind::full_rank; }
  bool by_draws() const { return a_.settings.estimator == Estimator::weights; }
  bool by_gram() const { return full() && !by_draws(); }
  std::int64_t draws_of_a_pass() const {
    const std::int64_t s = a_.settings.n_draws;
    return s == 1 ? 1 : s <= 4 ? 4 : kMostDraws;
  }
  std::int64_t padded_draws() const {
    if (!by_draws()) return 0;
    const std::int64_t width = draws_of_a_pass();
    return (a_.settings.n_draws + width - 1) / width * width;
  }
  std::int64_t sums_of_a_chunk() const {
    return std::max(by_gram() ? a_.n_columns : std::int64_t{0}, kMostDraws) * a_.n_columns;
  }

  // How a batch of so many rows is gone over.
  void plan(std::int64_t n_batch) {
    a_.rows = rows_;
    a_.rows.n_rows = n_batch;
    a_.rows.scale = rows_.scale * static_cast<T>(static_cast<double>(a_.n_stored) / static_cast<double>(n_batch));
    a_.rows.index = a_.index;
    const std::int64_t d = a_.n_columns;
    tile_ = 0;
    if (!is_wide_sparse(launch_, a_.rows)) {
      if (!by_draws()) {
        tile_ = tile_rows_for<T, MeanFieldPass<T>>(launch_, n_batch, d);
      } else if (draws_of_a_pass() == 1) {
        tile_ = tile_rows_for<T, DrawsPass<T, 1>>(launch_, n_batch, d);
      } else if (draws_of_a_pass() == 4) {
        tile_ = tile_rows_for<T, DrawsPass<T, 4>>(launch_, n_batch, d);
      } else {
        tile_ = tile_rows_for<T, DrawsPass<T, 8>>(launch_, n_batch, d);
      }
    }
    if (tile_ == 0 || a_.n_latents > internal::kMostStepLatents * (full() ? 1 : 2)) throw StepsLeftToHost{};
    // One way to cut rows for all passes of a step: whole tiles of each.
    const std::vector<Chunks> all =
        slabs(launch_, n_batch, by_gram() ? std::max<std::int64_t>(kTileRows, tile_) : tile_, sums_of_a_chunk());
    if (all.size() != 1) throw StepsLeftToHost{};
    chunks_ = all[0];
  }

  // One step, from the state on.
  void enqueue(const Launch& launch, simt::GraphCondition condition) {
    const StepArguments<T>& a = a_;
    constexpr std::size_t sum_bytes = kWarps * sizeof(double);
    const std::int64_t of_noise = by_draws() ? a.settings.n_draws * ((a.n_latents + 3) / 4) : 0;
    const std::int64_t threads = std::max(of_noise, a.index != nullptr ? a.rows.n_rows : std::int64_t{0});
    const auto blocks = static_cast<unsigned>((threads + kThreads - 1) / kThreads);
    VELBO_LAUNCH(begin_step<T>, blocks + 1, kThreads, sum_bytes, launch.stream, a);
    enqueue_gradient(launch, false, a.gradient);
    if (a.settings.keeps_elbo) VELBO_LAUNCH(keep_elbo<T>, 1, kThreads, sum_bytes + sizeof(double), launch.stream, a);
    if (a.settings.anchored) enqueue_gradient(launch, true, a.reference_gradient);
    VELBO_LAUNCH(update_step<T>, 1, kThreads, sum_bytes + sizeof(double), launch.stream, a, condition);
    check(cudaGetLastError());
  }

  void enqueue_gradient(const Launch& launch, bool at_reference, double* out) {
    const StepArguments<T>& a = a_;
    constexpr std::size_t sum_bytes = kWarps * sizeof(double);
    const auto d = static_cast<unsigned>(a.n_latents);
    const std::size_t factor_bytes = static_cast<std::size_t>(full() ? a.n_latents : 1) * sizeof(double);
    VELBO_LAUNCH(place_lines<T>, static_cast<unsigned>(a.n_lines), kThreads, sum_bytes + sizeof(double) + factor_bytes,
                 launch.stream, a, at_reference);
    if (by_gram()) {
      VELBO_LAUNCH(pack_lines<T>, static_cast<unsigned>(a.n_columns), kThreads, sum_bytes, launch.stream, a);
      enqueue_gram(launch);
      VELBO_LAUNCH(image_of_factor<T>, static_cast<unsigned>(a.n_columns), kThreads, 0, launch.stream, a);
    } else if (by_draws()) {
      for (std::int64_t s = 0; s < a.settings.n_draws; s += draws_of_a_pass()) enqueue_draws(launch, s);
      VELBO_LAUNCH(draw_gradients<T>, static_cast<unsigned>(a.settings.n_draws), kThreads, factor_bytes, launch.stream,
                   a);
    } else {
      FusedArguments<T> pass = fused(a.coefficients);
      pass.rule = rule();
      launch_fused<T, MeanFieldPass<T>>(launch, pass, tile_, 1);
      add_up_parts(launch, 2, a.sums, a.values);
    }
    VELBO_LAUNCH(latent_gradients<T>, d, kThreads, sum_bytes + 2 * sizeof(double), launch.stream, a);
    VELBO_LAUNCH(whitened_gradient<T>, d, kThreads, sum_bytes, launch.stream, a, at_reference, out);
    check(cudaGetLastError());
  }

  FusedArguments<T> fused(const T* coefficients) const {
    FusedArguments<T> pass;
    pass.source = {a_.rows, copying_of(a_.rows)};
    pass.chunks = chunks_;
    pass.columns = padded_columns<T>(a_.n_columns);
    pass.coefficients = coefficients;
    pass.sums = part_sums_;
    pass.values = part_values_;
    return pass;
  }
  DrawRule rule() const {
    const std::int64_t draws = a_.settings.estimator == Estimator::local ? a_.settings.n_draws : 0;
    return {draws, a_.settings.noise_key, 0, &a_.state->noise};
  }

  void add_up_parts(const Launch& launch, std::int64_t width, double* sums, double* values) const {
    check(reduce(part_sums_, chunks_.count, width * a_.n_columns, sums, launch.stream));
    check(reduce(part_values_, chunks_.count, width, values, launch.stream));
  }

  void enqueue_draws(const Launch& launch, std::int64_t s) const {
    const FusedArguments<T> pass = fused(a_.coefficients + s * a_.n_columns);
    switch (draws_of_a_pass()) {
      case 1: launch_fused<T, DrawsPass<T, 1>>(launch, pass, tile_, 1); break;
      case 4: launch_fused<T, DrawsPass<T, 4>>(launch, pass, tile_, 1); break;
      default: launch_fused<T, DrawsPass<T, 8>>(launch, pass, tile_, 1);
    }
    add_up_parts(launch, draws_of_a_pass(), a_.sums + s * a_.n_columns, a_.values + s);
  }

  // X'rho and X' diag(c) X for predictors by mean and factor.
  void enqueue_gram(const Launch& launch) const {
    ProjectArguments<T> project;
    project.source = {a_.rows, copying_of(a_.rows)};
    project.chunks = chunks_;
    project.w = a_.coefficients;
    project.stride = a_.packed_stride;
    project.n_columns = a_.n_latents + 1;
    project.lead = 2;  // lead_of()
    project.rule = rule();
    project.rho = rho_;
    project.curvature_rows = c_;
    project.values = part_values_;
    launch_project<T, ExpectationFinish<T>>(launch, project);
    check(reduce(part_values_, chunks_.count, 2, a_.values, launch.stream));
    FusedArguments<T> moment = fused(nullptr);
    moment.r = rho_;
    moment.c = c_;
    launch_fused<T, GivenPass<T>>(launch, moment, tile_, (a_.n_columns + moment.columns - 1) / moment.columns);
    check(reduce(part_sums_, chunks_.count, 2 * a_.n_columns, a_.sums, launch.stream));
    OuterArguments<T> outer;
    outer.source = project.source;
    outer.chunks = chunks_;
    outer.c = c_;
    outer.n_left = a_.n_columns;
    outer.sums = part_sums_;
    launch_outer(launch, outer);
    check(reduce(part_sums_, chunks_.count, a_.n_columns * a_.n_columns, a_.gram, launch.stream));
  }

  // Memory that lives as long as the program; null for none.
  template <class U>
  U* keep(std::int64_t size) {
    kept_.emplace_back(size * static_cast<std::int64_t>(sizeof(U)), launch_.stream);
    return reinterpret_cast<U*>(kept_.back().get());
  }
  template <class U>
  void upload(const U* from, std::int64_t size, U* to) const {
    check(
        cudaMemcpyAsync(to, from, static_cast<std::size_t>(size) * sizeof(U), cudaMemcpyHostToDevice, launch_.stream));
  }
  template <class U>
  void download(const U* from, std::int64_t size, U* to) const {
    const std::vector<U> copied = downloaded(from, size, launch_.stream);
    std::copy(copied.begin(), copied.end(), to);
  }
  template <class U>
  const U* copy(const U* from, std::int64_t size) {
    U* const to = keep<U>(size);
    upload(from, size, to);
    return to;
  }

  Launch launch_;
  Rows<T> rows_;
  StepArguments<T> a_;
  Chunks chunks_;  // of the present length of batches
  int tile_ = 0;
  StepState of_round_;  // what of a run's state is the round's
  double *line_mean_ = nullptr, *mean_factor_ = nullptr, *line_factor_ = nullptr, *anchor_ = nullptr;
  T *rho_ = nullptr, *c_ = nullptr, *part_sums_ = nullptr;
  double* part_values_ = nullptr;
  std::vector<Buffer<unsigned char>> kept_;
};

}  // namespace velbo::kernels

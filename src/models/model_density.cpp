// models/model_density.cpp
#include "models/model_density.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "backend/device_model.h"
#include "cpu/parallel.h"
#include "models/model_state.h"

namespace velbo::internal {
namespace {

// Work that takes less than this is done by the calling thread: waking another takes some microseconds.
constexpr double kSecondsWorthThreads = 50e-6;
// A piece is that long, so that the clock is looked at often enough and not too often.
constexpr double kSecondsOfAPiece = 1e-3;
constexpr std::int64_t kDrawsOfAPiece = 64;
constexpr std::int64_t kMostWorkspace = std::int64_t{1} << 29;  // bytes, of a device

}  // namespace

ModelDensity::ModelDensity(Model model, Context context, Device device)
    : model_(std::move(model)), context_(std::move(context)) {
  if (device.kind != DeviceKind::cpu) device_.emplace(device, context_.threads());
}

std::int64_t ModelDensity::n_rows() const { return std::max<std::int64_t>(1, model_.state().n_rows()); }

// As many draws at once as the model's workspace allows.
void ModelDensity::evaluate_on_device(std::int64_t n_draws, const double* z, double* value, double* gradient) const {
  const VelboDeviceModel& model = *model_.state().device;
  std::int64_t most = n_draws;
  if (model.workspace_bytes != nullptr)
    while (most > 1 && model.workspace_bytes(model.user, most) > kMostWorkspace) most = (most + 1) / 2;
  for (std::int64_t first = 0; first < n_draws; first += most) {
    if (first > 0 && Clock::now() >= deadline_) throw OutOfTime{};
    evaluate_model(*device_, model, std::min(most, n_draws - first), z + first * n_latents(), value + first,
                   gradient == nullptr ? nullptr : gradient + first * n_latents());
  }
}

// Each draw is evaluated by itself, so results depend neither on the pieces nor on the threads.
void ModelDensity::evaluate(std::int64_t n_draws, const double* z, const RowBatch* batch, double* value,
                            double* gradient) {
  if (n_draws == 0) return;
  const Clock::time_point begin = Clock::now();
  if (begin >= deadline_) throw OutOfTime{};
  if (device_ && batch == nullptr) {
    evaluate_on_device(n_draws, z, value, gradient);
    if (gradient != nullptr) gradients_ += n_draws;
    return;
  }
  const bool known = seconds_per_draw_ > 0;
  const double expected = seconds_per_draw_ * static_cast<double>(n_draws);
  const int threads = known && expected < kSecondsWorthThreads ? 1 : context_.threads();
  const auto by_time = static_cast<std::int64_t>(kSecondsOfAPiece / std::max(seconds_per_draw_, 1e-9));
  const std::int64_t share = (n_draws + threads - 1) / threads;
  std::int64_t piece_draws = std::clamp<std::int64_t>(std::min({by_time, share, kDrawsOfAPiece}), 1, n_draws);
  // Rows are gone through for several draws together, by all threads where there are few draws.
  const bool has_rows = model_.state().n_rows() > 0;
  if (has_rows) piece_draws = std::min((piece_draws + kPlateDraws - 1) / kPlateDraws * kPlateDraws, n_draws);
  const bool by_rows = has_rows && n_draws < kPlateDraws * threads;
  if (by_rows) piece_draws = n_draws;
  const std::int64_t pieces = (n_draws + piece_draws - 1) / piece_draws;
  const std::int64_t d = n_latents();
  std::atomic<bool> late{false};
  const Workers workers(threads, &context_.team());
  const ModelState::How how{batch, by_rows ? workers : Workers(1), deadline_};
  parallel_for(pieces, workers, [&](std::int64_t piece, int) {
    if (late.load(std::memory_order_relaxed)) return;
    const std::int64_t first = piece * piece_draws;
    model_.state().log_joint(std::min(piece_draws, n_draws - first), z + first * d, value + first,
                             gradient == nullptr ? nullptr : gradient + first * d, how);
    if (Clock::now() >= deadline_ && piece + 1 < pieces) late.store(true, std::memory_order_relaxed);
  });
  if (late) throw OutOfTime{};
  if (gradient != nullptr) gradients_ += n_draws;
  const double spent =
      std::chrono::duration<double>(Clock::now() - begin).count() * threads / static_cast<double>(n_draws);
  seconds_per_draw_ = known ? std::min(seconds_per_draw_, spent) : spent;
}

LogJointDraws ModelDensity::log_joint(const GaussianPoint& /*point*/, const Eigen::MatrixXd& draws,
                                      double /*row_draws*/, Key /*key*/) {
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> z = draws;
  LogJointDraws out{Eigen::VectorXd(z.rows()), "the log density at every draw"};
  evaluate(z.rows(), z.data(), out.value.data(), nullptr);
  // Far out a density may overflow, or be outside of what its functions can: such a draw weighs nothing.
  for (double& value : out.value)
    if (!std::isfinite(value)) value = -std::numeric_limits<double>::infinity();
  return out;
}

}  // namespace velbo::internal

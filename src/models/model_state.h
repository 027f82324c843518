// models/model_state.h - what a Model shares between its copies, and its log joint at many draws.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "models/plate.h"
#include "velbo/model.h"

namespace velbo::internal {

struct ModelState {
  Parameters parameters;
  BatchLogDensity log_density;
  std::string name;
  bool differentiated = false;
  Plates plates = {};
  std::optional<VelboDeviceModel> device = {};
  std::shared_ptr<const void> device_owner = {};  // of what `device` points to, where somebody gave it
  std::shared_ptr<const RowSum> row_sum = {};     // a formula's rows; added as those of plates are

  [[nodiscard]] std::int64_t n_rows() const { return plates.n_rows() + (row_sum ? row_sum->n_rows() : 0); }

  // How rows are gone through: all of them, by the calling thread, if nothing else is asked for.  Results do not depend on workers.
  struct How {
    const RowBatch* batch = nullptr;
    Workers workers = 1;
    Plates::Clock::time_point deadline = Plates::Clock::time_point::max();
  };

  // log p(theta(z_s)) + log |d theta / d z_s| [S] and, unless it is null, its gradient in z [S, D], for z [S, D], all row-major.
  // Throws OutOfTime.
  void log_joint(std::int64_t n_draws, const double* z, double* value, double* gradient, const How& how) const;
};

// Makes a Model of what its constructors do not take.
struct ModelMaker {
  static Model make(ModelState state) { return Model(std::make_shared<const ModelState>(std::move(state))); }
};

}  // namespace velbo::internal

// sequences/sequence_step.cpp
#include "sequences/sequence_step.h"

#include <numeric>
#include <vector>

#include "backend/sequence_ops.h"
#include "models/device_features.h"
#include "sequences/hidden_markov_model.h"
#include "velbo/array.h"

namespace velbo::internal {
namespace {

// Symbols in a device's memory, and the rows by symbol.
class DeviceSymbols {
 public:
  DeviceSymbols(const Sequences::Data& data, Device device)
      : start_(static_cast<std::size_t>(data.width) + 1), rows_(data.symbol.size()) {
    for (const std::int32_t v : data.symbol) ++start_[static_cast<std::size_t>(v) + 1];
    std::partial_sum(start_.begin(), start_.end(), start_.begin());
    std::vector<std::int64_t> next(start_.begin(), start_.end() - 1);
    for (std::size_t n = 0; n < rows_.size(); ++n)
      rows_[static_cast<std::size_t>(next[static_cast<std::size_t>(data.symbol[n])]++)] = static_cast<std::int64_t>(n);
    symbol_ = Array<std::int32_t>(device, data.n_rows());
    symbol_.upload(data.symbol);
    rows_there_ = Array<std::int64_t>(device, data.n_rows());
    rows_there_.upload(rows_);
  }
  template <class T>
  void point(SequenceBatch<T>& batch) const {
    batch.symbol = symbol_.data();
    batch.by_symbol = rows_there_.data();
    batch.by_symbol_host = rows_.data();
    batch.symbol_start = start_.data();
  }

 private:
  std::vector<std::int64_t> start_, rows_;  // [V + 1], [N]
  Array<std::int32_t> symbol_;
  Array<std::int64_t> rows_there_;
};

template <class T>
class SequenceStepOf final : public SequenceStep {
 public:
  SequenceStepOf(const Sequences& x, std::span<const double> centre, const Context& context)
      : x_(x), centre_(centre.begin(), centre.end()), context_(context) {
    if (context.device().kind == DeviceKind::cpu) return;
    if (x.kind() == EmissionKind::categorical) {
      symbols_ = std::make_unique<DeviceSymbols>(x.data(), context.device());
    } else {
      FeatureStore store;
      store.n_rows = x.n_rows();
      store.n_columns = store.stride = x.width();
      store.x = x.data().x.data();
      features_ = std::make_unique<DeviceFeatures<T>>(store, context, centre_);
    }
  }

  double add(UnitRange sequences, const HiddenMarkovFactors& factors, std::span<double> statistics) const override {
    const Sequences::Data& data = x_.data();
    const std::int64_t k = factors.prior().n_states;
    SequenceBatch<T> batch;
    batch.n_sequences = sequences.size();
    batch.start = data.start.data() + sequences.begin;
    if (data.kind == EmissionKind::categorical) {
      batch.symbol = data.symbol.data();
      if (symbols_) symbols_->point(batch);
    } else {
      batch.rows.x = data.x.data();
      batch.rows.stride = batch.rows.n_features = data.width;
      batch.rows.centre = centre_.data();
      batch.rows.n_rows = data.n_rows();
      if (features_) features_->point(batch.rows);
    }
    SequenceParameters parameters;
    parameters.n_states = k;
    parameters.log_initial = factors.expected_logs().log_initial.data();
    parameters.log_transition = factors.expected_logs().log_transition.data();
    const EmissionParameters emissions = factors.emissions().parameters();
    (data.kind == EmissionKind::categorical ? parameters.n_symbols : parameters.n_columns) = data.width;
    parameters.constant = emissions.constant.data();
    parameters.whitening = emissions.whitening.data();
    parameters.shift = emissions.shift.data();
    parameters.log_symbol = emissions.log_symbol.data();
    return sequence_ops<T>(context_).local_step(
        context_, batch, parameters, {statistics.data(), statistics.data() + k, statistics.data() + k * (1 + k)});
  }

 private:
  Sequences x_;
  std::vector<double> centre_;
  Context context_;
  std::unique_ptr<DeviceFeatures<T>> features_;  // of a device, where the emissions are Gaussian
  std::unique_ptr<DeviceSymbols> symbols_;       // of a device, where they are not
};

}  // namespace

std::unique_ptr<SequenceStep> make_sequence_step(const Sequences& x, std::span<const double> centre, Scalar scalar,
                                                 const Context& context) {
  if (scalar == Scalar::float32) return std::make_unique<SequenceStepOf<float>>(x, centre, context);
  return std::make_unique<SequenceStepOf<double>>(x, centre, context);
}

}  // namespace velbo::internal

// sequences/sequence_data.h - what Sequences holds.
#pragma once
#include <Eigen/Core>
#include <vector>

#include "sequences/forward_backward.h"
#include "velbo/hidden_markov.h"

namespace velbo {

struct Sequences::Data {
  EmissionKind kind = EmissionKind::gaussian;
  std::vector<std::int64_t> start;  // [n_sequences + 1]
  std::int64_t width = 0;
  internal::RowMajorMatrixXd x;      // [N, D] as given
  std::vector<std::int32_t> symbol;  // [N]
  std::vector<std::string> names;    // [width]
  [[nodiscard]] std::int64_t n_rows() const { return start.back(); }
};

}  // namespace velbo

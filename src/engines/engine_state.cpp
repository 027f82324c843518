// engines/engine_state.cpp
#include "engines/engine_state.h"

#include <cmath>

#include "velbo/error.h"

namespace velbo::internal {

void EngineState::set(const std::string& name, const Eigen::MatrixXd& value) {
  Entry entry{{value.rows(), value.cols()}, {}};
  entry.values.reserve(static_cast<std::size_t>(value.size()));
  for (Eigen::Index i = 0; i < value.rows(); ++i)
    for (Eigen::Index j = 0; j < value.cols(); ++j) entry.values.push_back(value(i, j));
  entries_[name] = std::move(entry);
}

void EngineState::set(const std::string& name, const GaussianPoint& value) {
  set(name + ".mean", Eigen::MatrixXd(value.mean));
  set(name + ".factor", value.factor);
}

const EngineState::Entry& EngineState::at(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw Error(ErrorCode::file, "the checkpoint has no \"" + name + "\"");
  return found->second;
}

double EngineState::number(const std::string& name) const {
  const Entry& entry = at(name);
  if (entry.values.size() != 1) throw Error(ErrorCode::file, "the checkpoint's \"" + name + "\" is not one number");
  return entry.values[0];
}

std::int64_t EngineState::whole(const std::string& name) const {
  const double value = number(name);
  if (!(std::abs(value) <= 0x1p53) || value != std::floor(value))
    throw Error(ErrorCode::file,
                "the checkpoint's \"" + name + "\" is " + std::to_string(value) + ", not a whole number");
  return static_cast<std::int64_t>(value);
}

Eigen::MatrixXd EngineState::matrix(const std::string& name) const {
  const Entry& entry = at(name);
  if (entry.shape.size() != 2) throw Error(ErrorCode::file, "the checkpoint's \"" + name + "\" is not a matrix");
  Eigen::MatrixXd out(entry.shape[0], entry.shape[1]);
  for (Eigen::Index i = 0; i < out.rows(); ++i)
    for (Eigen::Index j = 0; j < out.cols(); ++j)
      out(i, j) = entry.values[static_cast<std::size_t>(i * out.cols() + j)];
  return out;
}

Eigen::VectorXd EngineState::vector(const std::string& name) const {
  const Eigen::MatrixXd out = matrix(name);
  if (out.cols() != 1) throw Error(ErrorCode::file, "the checkpoint's \"" + name + "\" is not a column");
  return out.col(0);
}

GaussianPoint EngineState::point(const std::string& name, const GaussianPoint& like) const {
  GaussianPoint out{like.family, vector(name + ".mean"), matrix(name + ".factor")};
  if (out.mean.size() != like.mean.size() || out.factor.rows() != like.factor.rows() ||
      out.factor.cols() != like.factor.cols())
    throw Error(ErrorCode::file, "the checkpoint's \"" + name + "\" is of another size than the model");
  return out;
}

const std::string& EngineState::text(const std::string& name) const {
  const auto found = texts_.find(name);
  if (found == texts_.end()) throw Error(ErrorCode::file, "the checkpoint has no \"" + name + "\"");
  return found->second;
}

}  // namespace velbo::internal

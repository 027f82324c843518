// engines/engine_state.h - what an engine needs to go on from where it was, bit for bit: named arrays and texts.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/expected_log_joint.h"

namespace velbo::internal {

// Whole numbers are stored as doubles, exact up to 2^53.  Getters throw Error(file) naming what is missing or has another
// shape, as a file from elsewhere may.
class EngineState {
 public:
  struct Entry {
    std::vector<std::int64_t> shape;
    std::vector<double> values;  // row-major
  };

  void set(const std::string& name, double value) { entries_[name] = {{1}, {value}}; }
  void set(const std::string& name, std::int64_t value) { set(name, static_cast<double>(value)); }
  void set(const std::string& name, const Eigen::MatrixXd& value);
  void set(const std::string& name, const GaussianPoint& value);
  void set_text(const std::string& name, std::string value) { texts_[name] = std::move(value); }

  [[nodiscard]] bool has(const std::string& name) const { return entries_.contains(name); }
  [[nodiscard]] double number(const std::string& name) const;
  [[nodiscard]] std::int64_t whole(const std::string& name) const;
  [[nodiscard]] Eigen::MatrixXd matrix(const std::string& name) const;
  [[nodiscard]] Eigen::VectorXd vector(const std::string& name) const;
  // Of the same family and size as `like`.
  [[nodiscard]] GaussianPoint point(const std::string& name, const GaussianPoint& like) const;
  [[nodiscard]] const std::string& text(const std::string& name) const;

  std::map<std::string, Entry>& entries() { return entries_; }
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }
  std::map<std::string, std::string>& texts() { return texts_; }
  [[nodiscard]] const std::map<std::string, std::string>& texts() const { return texts_; }

 private:
  [[nodiscard]] const Entry& at(const std::string& name) const;

  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> texts_;
};

}  // namespace velbo::internal

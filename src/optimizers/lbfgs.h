// optimizers/lbfgs.h - limited-memory BFGS (Nocedal and Wright 2006, algorithms 7.4 and 3.5): minimises a smooth function.
//
// Step lengths come from a line search by backtracking until the decrease is sufficient.  Pairs that
// do not have positive curvature are not kept.  Made for coordinates in which the Hessian is about the identity, so that the first step
// is the gradient itself.
#pragma once
#include <Eigen/Core>
#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

namespace velbo::internal {

class Lbfgs {
 public:
  struct Value {
    double value = 0;
    Eigen::VectorXd gradient;
  };
  using Function = std::function<Value(const Eigen::VectorXd&)>;

  explicit Lbfgs(std::size_t memory = 20) : memory_(memory) {}

  // One step down from x, where `at` is known; both move.  No element of x changes by more than `longest`.  False where no step
  // lowers the function: rounding, or a wrong gradient.
  [[nodiscard]] bool step(const Function& function, Eigen::VectorXd& x, Value& at, double longest);
  void forget() { pairs_.clear(); }

  // Where the minimum is from here, as far as the remembered pairs tell: minus their inverse Hessian times the gradient.
  [[nodiscard]] Eigen::VectorXd expected_step(const Eigen::VectorXd& gradient) const { return direction(gradient); }
  [[nodiscard]] std::size_t n_pairs() const { return pairs_.size(); }

  // What is remembered, oldest first: changes of x and of the gradient, a column each.
  [[nodiscard]] std::pair<Eigen::MatrixXd, Eigen::MatrixXd> pairs() const;
  void set_pairs(const Eigen::MatrixXd& changes, const Eigen::MatrixXd& gradients);

 private:
  struct Pair {
    Eigen::VectorXd s, y;  // changes of x and of the gradient
    double rho = 0;        // 1 / s'y
  };
  [[nodiscard]] Eigen::VectorXd direction(const Eigen::VectorXd& gradient) const;

  std::size_t memory_;
  std::deque<Pair> pairs_;
};

}  // namespace velbo::internal

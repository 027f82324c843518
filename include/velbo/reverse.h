// velbo/reverse.h - reverse-mode automatic differentiation: a number, and where on a tape it was worked out.
//
// A log density that is templated on its scalar is evaluated once with Reverse, which writes down each operation's arguments and partial
// derivatives; going back over them gives the whole gradient, at a cost that does not depend on how many parameters there are (Griewank
// and Walther 2008, section 3.2).  velbo/model.h uses it where that is quicker than velbo/dual.h.  Functions of it:
// velbo/functions.h; what they need to know of a derivative is what they give to Dual.  Host only, double.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <vector>

#include "velbo/dual.h"
#include "velbo/host_device.h"

namespace velbo {
namespace internal {

// What was worked out, in order: node 0 stands for all constants, a node has at most two arguments.
class Tape {
 public:
  [[nodiscard]] std::uint32_t push(std::uint32_t a, double by_a, std::uint32_t b = 0, double by_b = 0) {
    if (nodes_.size() > std::numeric_limits<std::uint32_t>::max()) throw std::bad_alloc();
    nodes_.push_back({{by_a, by_b}, {a, b}});
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  void cut(std::size_t size) noexcept { nodes_.resize(size); }

  // Derivatives of node `of` by the nodes first .. first + gradient.size() - 1; nothing before `first` is an argument.
  void derivatives(std::uint32_t of, std::uint32_t first, std::span<double> gradient) {
    adjoints_.assign(nodes_.size(), 0);
    adjoints_[of] = of == 0 ? 0 : 1;
    for (std::size_t i = of; i > first; --i) {
      const Node& node = nodes_[i];
      const double adjoint = adjoints_[i];
      if (adjoint == 0) continue;
      adjoints_[node.argument[0]] += adjoint * node.partial[0];
      adjoints_[node.argument[1]] += adjoint * node.partial[1];
    }
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = adjoints_[first + i];
  }

 private:
  struct Node {
    double partial[2];
    std::uint32_t argument[2];
  };
  std::vector<Node> nodes_ = {{{0, 0}, {0, 0}}};
  std::vector<double> adjoints_;
};

inline Tape& own_tape_of_thread() {
  thread_local Tape tape;
  return tape;
}
// The same while gradient_by_reverse() runs, else null: found without asking whether it was made already.
inline constinit thread_local Tape* tape_of_thread = nullptr;

}  // namespace internal

// Compares by value alone, as Dual does.
class Reverse {
 public:
  Reverse() = default;
  // A constant.
  template <class Number>
  requires(std::is_arithmetic_v<Number>) VELBO_HOST_DEVICE constexpr Reverse(Number constant)
      : value_(static_cast<double>(constant)) {}  // NOLINT: as double converts

  // The next variable of the tape.
  static Reverse variable(double value) { return {value, internal::tape_of_thread->push(0, 0)}; }
  [[nodiscard]] std::uint32_t node() const noexcept { return node_; }

  VELBO_HOST_DEVICE friend double value_of(const Reverse& x) { return x.value_; }

  // f(a) and f(a, b) with values and derivatives given.
  VELBO_HOST_DEVICE friend Reverse chain(const Reverse& a, double df_da, double f) {
#if !defined(__CUDA_ARCH__)
    if (a.node_ != 0) return {f, internal::tape_of_thread->push(a.node_, df_da)};
#endif
    return {f, 0};
  }
  VELBO_HOST_DEVICE friend Reverse chain(const Reverse& a, double df_da, const Reverse& b, double df_db, double f) {
    if (a.node_ == 0) return chain(b, df_db, f);
    if (b.node_ == 0) return chain(a, df_da, f);
#if !defined(__CUDA_ARCH__)
    return {f, internal::tape_of_thread->push(a.node_, df_da, b.node_, df_db)};
#else
    return {f, 0};
#endif
  }

  VELBO_HOST_DEVICE friend Reverse operator+(const Reverse& a) { return a; }
  VELBO_HOST_DEVICE friend Reverse operator-(const Reverse& a) { return chain(a, -1, -a.value_); }

  // A constant that is added changes no derivative, and needs no node.
  VELBO_HOST_DEVICE friend Reverse operator+(const Reverse& a, const Reverse& b) {
    const double sum = a.value_ + b.value_;
    if (a.node_ == 0) return {sum, b.node_};
    if (b.node_ == 0) return {sum, a.node_};
    return chain(a, 1, b, 1, sum);
  }
  VELBO_HOST_DEVICE friend Reverse operator-(const Reverse& a, const Reverse& b) {
    const double difference = a.value_ - b.value_;
    if (b.node_ == 0) return {difference, a.node_};
    return chain(a, 1, b, -1, difference);
  }
  VELBO_HOST_DEVICE friend Reverse operator*(const Reverse& a, const Reverse& b) {
    return chain(a, b.value_, b, a.value_, a.value_ * b.value_);
  }
  VELBO_HOST_DEVICE friend Reverse operator/(const Reverse& a, const Reverse& b) {
    const double quotient = a.value_ / b.value_, inverse = 1 / b.value_;
    return chain(a, inverse, b, -quotient * inverse, quotient);
  }
  VELBO_HOST_DEVICE Reverse& operator+=(const Reverse& b) { return *this = *this + b; }
  VELBO_HOST_DEVICE Reverse& operator-=(const Reverse& b) { return *this = *this - b; }
  VELBO_HOST_DEVICE Reverse& operator*=(const Reverse& b) { return *this = *this * b; }
  VELBO_HOST_DEVICE Reverse& operator/=(const Reverse& b) { return *this = *this / b; }

  VELBO_HOST_DEVICE friend bool operator==(const Reverse& a, const Reverse& b) { return a.value_ == b.value_; }
  VELBO_HOST_DEVICE friend bool operator<(const Reverse& a, const Reverse& b) { return a.value_ < b.value_; }
  VELBO_HOST_DEVICE friend bool operator>(const Reverse& a, const Reverse& b) { return a.value_ > b.value_; }
  VELBO_HOST_DEVICE friend bool operator<=(const Reverse& a, const Reverse& b) { return a.value_ <= b.value_; }
  VELBO_HOST_DEVICE friend bool operator>=(const Reverse& a, const Reverse& b) { return a.value_ >= b.value_; }

 private:
  VELBO_HOST_DEVICE constexpr Reverse(double value, std::uint32_t node) : value_(value), node_(node) {}

  double value_ = 0;
  std::uint32_t node_ = 0;  // 0: a constant
};

namespace internal {

// f(const Reverse* x) at x [n], and its gradient [n].  f may itself come here, and may throw.
template <class F>
double gradient_by_reverse(const F& f, std::int64_t n, const double* x, double* gradient) {
  struct Recording {  // of an f within an f the nodes lie behind those of the outer one
    Tape& tape = own_tape_of_thread();
    Tape* const before = tape_of_thread;
    const std::size_t size = tape.size();
    Recording() { tape_of_thread = &tape; }
    ~Recording() {
      tape.cut(size);
      tape_of_thread = before;
    }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
  } recording;
  std::vector<Reverse> variables(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < variables.size(); ++i) variables[i] = Reverse::variable(x[i]);
  const Reverse result = f(static_cast<const Reverse*>(variables.data()));
  recording.tape.derivatives(result.node(), static_cast<std::uint32_t>(recording.size), {gradient, variables.size()});
  return value_of(result);
}

}  // namespace internal
}  // namespace velbo

// Forward-mode numbers: the rules of differentiation, against derivatives by hand.
#include "velbo/dual.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "velbo/scalar.h"

namespace velbo {
namespace {

using Pair = Dual<double, 2>;

void expect_dual(const Pair& got, double value, double by_x, double by_y) {
  EXPECT_DOUBLE_EQ(got.value, value);
  EXPECT_DOUBLE_EQ(got.derivative[0], by_x);
  EXPECT_DOUBLE_EQ(got.derivative[1], by_y);
}

const Pair x = Pair::variable(3, 0), y = Pair::variable(-0.7, 1);

TEST(Dual, ConstantsAndVariables) {
  expect_dual(Pair(), 0, 0, 0);
  expect_dual(Pair(4), 4, 0, 0);
  expect_dual(x, 3, 1, 0);
  expect_dual(y, -0.7, 0, 1);
  expect_dual(Pair::variable(5, -1), 5, 0, 0);
  expect_dual(Pair::variable(5, 2), 5, 0, 0);
}

TEST(Dual, RulesOfTwoVariables) {
  expect_dual(+x, 3, 1, 0);
  expect_dual(-x, -3, -1, 0);
  expect_dual(x + y, 2.3, 1, 1);
  expect_dual(x - y, 3.7, 1, -1);
  expect_dual(x * y, -2.1, -0.7, 3);
  expect_dual(x / y, 3 / -0.7, 1 / -0.7, -3 / 0.49);
  expect_dual(x * x * x / x, 9, 6, 0);
}

TEST(Dual, RulesOfAVariableAndAConstant) {
  expect_dual(y + 2, 1.3, 0, 1);
  expect_dual(2 + y, 1.3, 0, 1);
  expect_dual(y - 2, -2.7, 0, 1);
  expect_dual(2 - y, 2.7, 0, -1);
  expect_dual(y * 2, -1.4, 0, 2);
  expect_dual(2 * y, -1.4, 0, 2);
  expect_dual(y / 2, -0.35, 0, 0.5);
  expect_dual(2 / y, 2 / -0.7, 0, -2 / 0.49);
}

TEST(Dual, AssignmentsDoWhatOperatorsDo) {
  const auto both = [](auto assign, const Pair& want) {
    Pair z = x;
    assign(z);
    expect_dual(z, want.value, want.derivative[0], want.derivative[1]);
  };
  both([](Pair& z) { z += y; }, x + y);
  both([](Pair& z) { z -= y; }, x - y);
  both([](Pair& z) { z *= y; }, x * y);
  both([](Pair& z) { z /= y; }, x / y);
  both([](Pair& z) { z += 7; }, x + 7);
  both([](Pair& z) { z -= 7; }, x - 7);
  both([](Pair& z) { z *= 7; }, x * 7);
  both([](Pair& z) { z /= 7; }, x / 7);
  // The operand may be the number itself.
  both([](Pair& z) { z *= static_cast<const Pair&>(z); }, x * x);
  both([](Pair& z) { z /= static_cast<const Pair&>(z); }, Pair(1));
  both([](Pair& z) { z -= static_cast<const Pair&>(z); }, Pair(0));
}

TEST(Dual, ComparesByValue) {
  EXPECT_TRUE(x > y && x >= y && y < x && y <= x && x != y);
  EXPECT_TRUE(x == Pair(3) && x >= 3 && x <= 3 && x > 2 && 2 < x && x != 2);
}

// Which scalar a function of several returns; a model of floats must not slip into double.
static_assert(std::is_same_v<promoted_t<float>, float>);
static_assert(std::is_same_v<promoted_t<int>, double>);
static_assert(std::is_same_v<promoted_t<int, long>, double>);
static_assert(std::is_same_v<promoted_t<float, int>, float>);
static_assert(std::is_same_v<promoted_t<int, float, long>, float>);
static_assert(std::is_same_v<promoted_t<float, double>, double>);
static_assert(std::is_same_v<promoted_t<double, Dual<float, 4>, int>, Dual<float, 4>>);
static_assert(std::is_same_v<promoted_t<const Pair&, int, Pair>, Pair>);
static_assert(std::is_same_v<real_t<double, Dual<float, 4>>, float>);
static_assert(std::is_same_v<real_t<Pair, float>, double>);
static_assert(Differentiable<Pair> && !Differentiable<double> && ModelScalar<float> && !ModelScalar<int>);

}  // namespace
}  // namespace velbo

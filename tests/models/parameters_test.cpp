// Named parameters: names, offsets, gradients pulled back, what depends on one coordinate, and what is refused.
#include "velbo/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "support/errors.h"

namespace velbo {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::StartsWith;
using Vector = std::vector<double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Every constraint, arrays of numbers, vectors and matrices among them.
Parameters everything() {
  return {real("mu"),
          positive("tau"),
          real("theta", {2, 3}),
          lower("low", -2, {2}),
          upper("up", 3),
          interval("p", -1, 4, {2}),
          simplex("share", 3, {2}),
          simplex("pair", 2),
          ordered("cut", 4),
          positive_ordered("rate", 3),
          unit_vector("way", 3),
          correlation_cholesky("Omega", 5),  // more coordinates than are differentiated at a time
          covariance("Sigma", 3, {2})};
}

Vector normals(std::int64_t n, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0, 0.8);
  Vector out(static_cast<std::size_t>(n));
  for (double& value : out) value = normal(engine);
  return out;
}

Vector constrained(const Parameters& parameters, const Vector& z) {
  Vector theta(static_cast<std::size_t>(parameters.n_constrained()));
  parameters.constrain(z, theta);
  return theta;
}

TEST(Parameters, NamesAndSizes) {
  const Parameters few{positive("tau"), real("theta", {2}), simplex("p", 3, {2}), correlation_cholesky("Omega", 2),
                       real("b", {2, 2})};
  EXPECT_EQ(few.n_constrained(), 1 + 2 + 6 + 4 + 4);
  EXPECT_EQ(few.n_unconstrained(), 1 + 2 + 4 + 1 + 4);
  EXPECT_THAT(few.names(), ElementsAre("tau", "theta[1]", "theta[2]", "p[1,1]", "p[1,2]", "p[1,3]", "p[2,1]", "p[2,2]",
                                       "p[2,3]", "Omega[1,1]", "Omega[1,2]", "Omega[2,1]", "Omega[2,2]", "b[1,1]",
                                       "b[1,2]", "b[2,1]", "b[2,2]"));
  EXPECT_THAT(few.unconstrained_names(),
              ElementsAre("log(tau)", "theta[1]", "theta[2]", "z of p[1,1]", "z of p[1,2]", "z of p[2,1]",
                          "z of p[2,2]", "z of Omega[2,1]", "b[1,1]", "b[1,2]", "b[2,1]", "b[2,2]"));
  EXPECT_EQ(few.offset("tau"), 0);
  EXPECT_EQ(few.offset("Omega"), 9);
  EXPECT_EQ(few.index("b"), 4U);
  EXPECT_EQ(few.parameters()[2], simplex("p", 3, {2}));

  const Parameters others{lower("a", 1.5),         lower("b", -2, {2}), upper("c", 3),
                          upper("d", 0),           interval("e", 0, 1), covariance("S", 3),
                          covariance("T", 2, {2}), ordered("o", 2),     unit_vector("u", 2)};
  EXPECT_THAT(others.unconstrained_names(),
              ElementsAre("log(a - 1.5)", "log(b[1] + 2)", "log(b[2] + 2)", "log(3 - c)", "log(-d)", "logit(e)",
                          "z of S[1,1]", "z of S[2,1]", "z of S[2,2]", "z of S[3,1]", "z of S[3,2]", "z of S[3,3]",
                          "z of T[1,1,1]", "z of T[1,2,1]", "z of T[1,2,2]", "z of T[2,1,1]", "z of T[2,2,1]",
                          "z of T[2,2,2]", "z of o[1]", "z of o[2]", "z of u[1]", "z of u[2]"));
  EXPECT_THAT((Parameters{correlation_cholesky("R", 4)}).unconstrained_names(),
              ElementsAre("z of R[2,1]", "z of R[3,1]", "z of R[3,2]", "z of R[4,1]", "z of R[4,2]", "z of R[4,3]"));

  const Parameters all = everything();
  EXPECT_EQ(static_cast<std::int64_t>(all.names().size()), all.n_constrained());
  EXPECT_EQ(static_cast<std::int64_t>(all.unconstrained_names().size()), all.n_unconstrained());
  const Parameters none(std::vector<Parameter>{});
  EXPECT_EQ(none.n_constrained(), 0);
  EXPECT_EQ(none.constrain({}, {}), 0);
}

TEST(Parameters, ConstraintsHaveNames) {
  const Parameters all = everything();
  for (const Parameter& p : all.parameters()) EXPECT_EQ(parse_constraint(name(p.constraint)), p.constraint);
  EXPECT_EQ(name(Constraint::correlation_cholesky), "correlation_cholesky");
  EXPECT_EQ(error_of([] { (void)parse_constraint("simplx"); }),
            "argument| unknown constraint \"simplx\"; did you mean simplex? (there are real, lower, upper, interval, "
            "simplex, ordered, positive_ordered, unit_vector, correlation_cholesky, covariance)");
}

TEST(Parameters, BlocksLieOneAfterTheOther) {
  const Parameters all = everything();
  const Vector z = normals(all.n_unconstrained(), 3);
  Vector theta(static_cast<std::size_t>(all.n_constrained())), by_blocks(theta.size());
  const double log_jacobian = all.constrain(z, theta);
  double sum = 0;
  std::int64_t z_offset = 0, theta_offset = 0;
  for (const ParameterBlock& block : all.blocks()) {
    EXPECT_EQ(block.z_offset, z_offset);
    EXPECT_EQ(block.theta_offset, theta_offset);
    sum += constrain(block, z.data() + z_offset, by_blocks.data() + theta_offset);
    z_offset += block.count * transform::n_unconstrained(block.constraint, block.size);
    theta_offset += block.count * transform::n_constrained(block.constraint, block.size);
  }
  EXPECT_EQ(z_offset, all.n_unconstrained());
  EXPECT_EQ(theta_offset, all.n_constrained());
  EXPECT_EQ(sum, log_jacobian);
  EXPECT_EQ(theta, by_blocks);
  // By hand, of some that others come before.
  const auto at = [&](const char* name) { return theta[static_cast<std::size_t>(all.offset(name))]; };
  EXPECT_EQ(at("mu"), z[0]);
  EXPECT_NEAR(at("tau"), std::exp(z[1]), 1e-15);
  EXPECT_EQ(at("theta"), z[2]);
  EXPECT_NEAR(at("low"), -2 + std::exp(z[8]), 1e-15);
  EXPECT_NEAR(at("up"), 3 - std::exp(z[10]), 1e-15);
  EXPECT_NEAR(at("p"), -1 + 5 / (1 + std::exp(-z[11])), 1e-15);
}

// A smooth function of theta whose gradient is known.
double weighed(const Vector& theta, const Vector& weights) {
  double sum = 0;
  for (std::size_t i = 0; i < theta.size(); ++i) sum += weights[i] * std::sin(theta[i] / 10);
  return sum;
}

TEST(Parameters, PullBackAgreesWithDualsAndDifferences) {
  const Parameters all = everything();
  const auto n = static_cast<std::size_t>(all.n_unconstrained());
  for (unsigned seed = 0; seed < 10; ++seed) {
    const Vector weights = normals(all.n_constrained(), 100 + seed);
    Vector z = normals(all.n_unconstrained(), seed), theta = constrained(all, z);
    Vector grad_theta(theta.size()), grad_z(n, -1);
    for (std::size_t i = 0; i < theta.size(); ++i) grad_theta[i] = weights[i] * std::cos(theta[i] / 10) / 10;
    all.pull_back(z, grad_theta, grad_z);

    const auto value = [&](const Vector& at) {
      Vector there(theta.size());
      const double log_jacobian = all.constrain(at, there);
      return weighed(there, weights) + log_jacobian;
    };
    for (std::size_t i = 0; i < n; ++i) {
      // One direction through all of the blocks at once.
      using Scalar = Dual<double, 1>;
      std::vector<Scalar> z_dual(n), theta_dual(theta.size());
      for (std::size_t k = 0; k < n; ++k) z_dual[k] = Scalar::variable(z[k], k == i ? 0 : -1);
      double expected = 0;
      for (const ParameterBlock& block : all.blocks())
        expected += constrain(block, static_cast<const Scalar*>(z_dual.data()) + block.z_offset,
                              theta_dual.data() + block.theta_offset)
                        .derivative[0];
      for (std::size_t k = 0; k < theta.size(); ++k) expected += grad_theta[k] * theta_dual[k].derivative[0];
      EXPECT_NEAR(grad_z[i], expected, 1e-12 * (1 + std::abs(expected))) << i;

      const double step = 1e-3, here = z[i];
      const auto moved = [&](double by) {
        z[i] = here + by * step;
        const double out = value(z);
        z[i] = here;
        return out;
      };
      const double difference = (moved(-2) - moved(2) + 8 * (moved(1) - moved(-1))) / (12 * step);
      EXPECT_NEAR(grad_z[i], difference, 1e-7 * (1 + std::abs(difference))) << all.unconstrained_names()[i];
    }
  }
}

// More elements than a thread keeps room for, after and before smaller ones.
TEST(Parameters, PullBackOfWideBlocks) {
  const Parameters wide{simplex("a", 9), simplex("p", 2050), simplex("b", 20, {3})};
  const Vector z = normals(wide.n_unconstrained(), 8);
  const Vector theta = constrained(wide, z);
  // Of sum log theta.  With v the share of the first element, that sum and log J have log v + (K - 1) log(1 - v) each.
  Vector grad_theta(theta.size()), grad_z(z.size());
  for (std::size_t i = 0; i < theta.size(); ++i) grad_theta[i] = 1 / theta[i];
  for (int again = 0; again < 2; ++again) {
    wide.pull_back(z, grad_theta, grad_z);
    for (const ParameterBlock& block : wide.blocks()) {
      const double share = theta[static_cast<std::size_t>(block.theta_offset)];
      const double expected = 2 * (1 - share) - 2 * static_cast<double>(block.size - 1) * share;
      EXPECT_NEAR(grad_z[static_cast<std::size_t>(block.z_offset)], expected, 1e-9 * (1 + std::abs(expected)));
      // The last coordinate shares out two elements: 2 (1 - v) - 2 v.
      const auto last = static_cast<std::size_t>(block.z_offset + block.size - 2);
      const auto pair = static_cast<std::size_t>(block.theta_offset + block.size - 2);
      const double v = theta[pair] / (theta[pair] + theta[pair + 1]);
      EXPECT_NEAR(grad_z[last], 2 - 4 * v, 1e-9);
    }
  }
}

TEST(Parameters, ElementwiseElementsMoveWithOneCoordinate) {
  const Parameters all = everything();
  const Vector z = normals(all.n_unconstrained(), 21), theta = constrained(all, z);
  std::vector<std::vector<std::size_t>> moved_by(theta.size());
  std::vector<std::vector<int>> signs(theta.size());
  for (std::size_t k = 0; k < z.size(); ++k) {
    Vector up = z;
    up[k] += 0.25;
    const Vector there = constrained(all, up);
    for (std::size_t i = 0; i < theta.size(); ++i) {
      if (there[i] == theta[i]) continue;
      moved_by[i].push_back(k);
      signs[i].push_back(there[i] > theta[i] ? 1 : -1);
    }
  }
  const std::vector<std::string> names = all.names();
  std::size_t found = 0;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const std::optional<Coordinate> coordinate = all.elementwise(static_cast<std::int64_t>(i));
    if (!coordinate) {
      // Omega[2,2] is sech of one coordinate: not monotone.
      EXPECT_TRUE(moved_by[i].size() != 1 || names[i] == "Omega[2,2]") << names[i];
      continue;
    }
    ++found;
    ASSERT_EQ(moved_by[i].size(), 1U) << names[i];
    EXPECT_EQ(coordinate->z, static_cast<std::int64_t>(moved_by[i][0])) << names[i];
    EXPECT_EQ(coordinate->increasing, signs[i][0] > 0) << names[i];
  }
  EXPECT_EQ(found, 1 + 1 + 6 + 2 + 1 + 2 + 2 + 2 + 1 + 1 + 0 + 4 + 2);
  EXPECT_EQ(error_of([&] { (void)all.elementwise(-1); }),
            "argument| element -1 of the parameters was asked for, expected 0 to " + std::to_string(theta.size() - 1));
  EXPECT_THAT(error_of([&] { (void)all.elementwise(all.n_constrained()); }), StartsWith("argument| element "));
}

TEST(Parameters, UnconstrainUndoesConstrain) {
  const Parameters all = everything();
  const Vector z = normals(all.n_unconstrained(), 4), theta = constrained(all, z);
  const Vector again = constrained(all, all.unconstrain(theta));
  for (std::size_t i = 0; i < theta.size(); ++i) EXPECT_NEAR(again[i], theta[i], 1e-13 * (1 + std::abs(theta[i])));
}

TEST(Parameters, RefusesWhatMakesNoSense) {
  const auto error = [](const Parameter& p) { return error_of([&] { const Parameters parameters{real("x"), p}; }); };
  EXPECT_EQ(error(real("")), "argument| parameter 2 has an empty name, expected letters, digits, _ and .");
  EXPECT_EQ(error(real("a b")),
            "argument| parameter 2 is named \"a b\", expected letters, digits, _ and ., and no digit first");
  EXPECT_EQ(error(real("2nd")),
            "argument| parameter 2 is named \"2nd\", expected letters, digits, _ and ., and no digit first");
  EXPECT_EQ(error(real("b_1.c")), "nothing");
  EXPECT_EQ(error(positive("x")), "argument| parameters 1 and 2 are both named \"x\", expected different names");
  EXPECT_EQ(error(lower("tau", -kInfinity)), "argument| tau has the lower bound -inf, expected a finite number");
  EXPECT_EQ(error(upper("tau", std::nan(""))), "argument| tau has the upper bound nan, expected a finite number");
  EXPECT_EQ(error(interval("p", 0, kInfinity)), "argument| p has the upper bound inf, expected a finite number");
  EXPECT_EQ(error(interval("p", 1, 1)), "argument| p has the bounds 1 and 1, expected the lower one first");
  EXPECT_EQ(error(interval("p", -1e308, 1e308)),
            "argument| p has the bounds -1e+308 and 1e+308, expected a finite distance between them");
  EXPECT_EQ(error(simplex("p", 1)), "argument| p has the size 1, expected 2 or more (simplex)");
  EXPECT_EQ(error(unit_vector("u", 1)), "argument| u has the size 1, expected 2 or more (unit_vector)");
  EXPECT_EQ(error(correlation_cholesky("R", 1)),
            "argument| R has the size 1, expected 2 or more (correlation_cholesky)");
  EXPECT_EQ(error(covariance("S", 0)), "argument| S has the size 0, expected 1 or more (covariance)");
  EXPECT_EQ(error(ordered("c", -3)), "argument| c has the size -3, expected 1 or more (ordered)");
  EXPECT_EQ(error(real("b", {3, 0})), "argument| b has the shape [3, 0], expected lengths of 1 or more");
  EXPECT_EQ(error(Parameter{"b", Constraint::real, {}, 3}),
            "argument| b has the size 3, expected 1: real is a constraint of numbers, whose shape says how many");
  const std::string many = " takes the parameters past 2147483648 elements, the most there may be";
  EXPECT_EQ(error(real("b", {65536, 32768})), "argument| b" + many);  // 2^31, and x before it
  EXPECT_EQ(error(real("b", {65535, 32768})), "nothing");
  EXPECT_EQ(error(covariance("S", 46341)), "argument| S" + many);
  EXPECT_EQ(error(covariance("S", std::int64_t{1} << 40)), "argument| S" + many);
  EXPECT_EQ(error(real("b", {std::int64_t{1} << 40, std::int64_t{1} << 40})), "argument| b" + many);
  EXPECT_EQ(error(simplex("b", std::int64_t{1} << 20, {std::int64_t{1} << 50})), "argument| b" + many);
}

TEST(Parameters, RefusesNamesAndLengths) {
  const Parameters parameters{real("mu"), positive("tau"), simplex("p", 3)};
  EXPECT_EQ(error_of([&] { (void)parameters.offset("Tau"); }),
            "argument| unknown parameter \"Tau\"; did you mean tau? (there are mu, tau, p)");
  EXPECT_EQ(error_of([] { (void)Parameters(std::vector<Parameter>{}).index("x"); }),
            "argument| unknown parameter \"x\" (there are none)");
  Vector z(4), theta(5), short_z(3), short_theta(2);
  EXPECT_EQ(error_of([&] { parameters.constrain(short_z, theta); }),
            "shape| z has 3 elements, expected the 4 of the unconstrained parameters");
  EXPECT_EQ(error_of([&] { parameters.constrain(z, short_theta); }),
            "shape| theta has 2 elements, expected the 5 of the constrained parameters");
  EXPECT_EQ(error_of([&] { parameters.pull_back(short_z, theta, z); }),
            "shape| z has 3 elements, expected the 4 of the unconstrained parameters");
  EXPECT_EQ(error_of([&] { parameters.pull_back(z, short_theta, z); }),
            "shape| grad_theta has 2 elements, expected the 5 of the constrained parameters");
  EXPECT_EQ(error_of([&] { parameters.pull_back(z, theta, short_z); }),
            "shape| grad_z has 3 elements, expected the 4 of the unconstrained parameters");
  EXPECT_EQ(error_of([&] { (void)parameters.unconstrain(short_theta); }),
            "shape| theta has 2 elements, expected the 5 of the constrained parameters");
}

TEST(Parameters, RefusesValuesOutside) {
  const auto error = [](const Parameter& p, const Vector& theta) {
    return error_of([&] { (void)Parameters{p}.unconstrain(theta); });
  };
  EXPECT_EQ(error(positive("tau"), {-1}), "argument| tau is -1, expected a value above 0");
  EXPECT_EQ(error(lower("tau", 2, {3}), {3, 2, 5}), "argument| tau[2] is 2, expected a value above 2");
  EXPECT_EQ(error(real("mu"), {std::nan("")}), "argument| mu is nan, expected a finite number");
  EXPECT_EQ(error(positive("tau"), {kInfinity}), "argument| tau is inf, expected a finite number");
  EXPECT_EQ(error(upper("u", 1.5), {1.5}), "argument| u is 1.5, expected a value below 1.5");
  EXPECT_EQ(error(interval("p", 0, 1), {1}), "argument| p is 1, expected a value between 0 and 1");
  EXPECT_EQ(error(interval("p", 0, 1), {0}), "argument| p is 0, expected a value between 0 and 1");
  EXPECT_EQ(error(simplex("p", 3), {0.5, 0, 0.5}), "argument| p[2] is 0, expected a value above 0");
  EXPECT_EQ(error(simplex("p", 2, {2}), {0.5, 0.5, 0.5, 0.25}),
            "argument| p[2] has the sum 0.75, expected 1 (within 1e-08)");
  EXPECT_EQ(error(simplex("p", 2), {0.5, 0.5 + 5e-9}), "nothing");
  EXPECT_EQ(error(simplex("p", 2), {0.5, 0.75}), "argument| p has the sum 1.25, expected 1 (within 1e-08)");
  EXPECT_EQ(error(ordered("c", 3), {1, 2, 2}), "argument| c[3] is 2, expected a value above 2, that of c[2]");
  EXPECT_EQ(error(ordered("c", 2), {-1, 2}), "nothing");
  EXPECT_EQ(error(positive_ordered("c", 2), {-1, 2}), "argument| c[1] is -1, expected a value above 0");
  EXPECT_EQ(error(positive_ordered("c", 2, {2}), {1, 2, 3, 2}),
            "argument| c[2,2] is 2, expected a value above 3, that of c[2,1]");
  EXPECT_EQ(error(unit_vector("u", 2), {3, 4}), "argument| u has the length 5, expected 1 (within 1e-08)");
  EXPECT_EQ(error(correlation_cholesky("R", 2), {1, 0.5, 0.6, 0.8}),
            "argument| R[1,2] is 0.5, expected 0 above the diagonal");
  EXPECT_EQ(error(correlation_cholesky("R", 2), {1, 0, 0.6, -0.8}),
            "argument| R[2,2] is -0.8, expected a value above 0");
  EXPECT_EQ(error(correlation_cholesky("R", 2), {1, 0, 3, 4}),
            "argument| row 2 of R has the length 5, expected 1 (within 1e-08)");
  EXPECT_EQ(error(correlation_cholesky("R", 2, {2}), {1, 0, 0.6, 0.8, 2, 0, 0.6, 0.8}),
            "argument| row 1 of R[2] has the length 2, expected 1 (within 1e-08)");
  EXPECT_EQ(error(covariance("S", 2), {1, 0.5, 0.25, 1}), "argument| S[2,1] is 0.25, expected 0.5, that of S[1,2]");
  EXPECT_EQ(error(covariance("S", 2), {1, 0.5, 0.5, -1}), "argument| S[2,2] is -1, expected a value above 0");
  EXPECT_EQ(error(covariance("S", 2), {1, 2, 2, 1}),
            "argument| S has the pivot -3 in row 2 of its Cholesky factor, expected a positive definite matrix");
  EXPECT_EQ(error(covariance("S", 2), {4, 2, 2, 1}),
            "argument| S has the pivot 0 in row 2 of its Cholesky factor, expected a positive definite matrix");
}

TEST(Parameters, CopiesShare) {
  const Parameters all = everything();
  const Parameters copy = all;  // NOLINT(performance-unnecessary-copy-initialization): it is what is tested
  EXPECT_EQ(&copy.blocks(), &all.blocks());
}

}  // namespace
}  // namespace velbo

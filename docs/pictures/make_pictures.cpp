// Draws the pictures of docs/gaussian_limits.md from fits, and prints the page's numbers.
//
//   velbo_pictures docs/pictures
//
// What is exact is computed from densities in closed form, by sums over fine grids.
#include <velbo/distributions.h>
#include <velbo/velbo.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "svg.h"

namespace {

using namespace pictures;  // NOLINT: this file draws

const std::string kOfAreas = "grey: 50 % and 90 % of the posterior; lines: 50 % and 90 % of the fit",
                  kOfCurves = "grey: the posterior; line: the fit";

struct Gaussian2 {
  double mean_x, mean_y, xx, xy, yy;
};

// Of latents i and j.
Gaussian2 marginal(const velbo::Fit& fit, std::size_t i, std::size_t j) {
  const std::vector<double>& mean = fit.posterior.unconstrained_mean();
  const std::vector<double> covariance = fit.posterior.unconstrained_covariance();
  const std::size_t d = mean.size();
  return {mean[i], mean[j], covariance[i * d + i], covariance[i * d + j], covariance[j * d + j]};
}

void ellipses(Panel& panel, const Gaussian2& q, const std::string& colour, bool dashed = false) {
  for (const double share : {0.5, 0.9}) panel.ellipse(q.mean_x, q.mean_y, q.xx, q.xy, q.yy, share, colour, dashed);
}

// The cells' masses are their densities, unless others are given.
void regions(Panel& panel, const Grid& grid, std::vector<std::pair<double, double>> cells = {}) {
  if (cells.empty())
    for (const double v : grid.value) cells.emplace_back(v, v);
  panel.region(grid, level_of_share(cells, 0.9), 0.15);
  panel.region(grid, level_of_share(cells, 0.5), 0.25);
}

std::string quality(const velbo::Fit& fit) {
  const double k = fit.summary.quality.k_hat;
  return "k-hat " + (std::isfinite(k) ? number(k, 2) : std::string(k < 0 ? "-inf" : "inf")) + ", " +
         std::string(velbo::name(fit.summary.quality.verdict));
}

void print(const std::string& name, const velbo::Fit& fit) {
  const velbo::Summary& s = fit.summary;
  std::printf("\n%s: %s, %s; k-hat %.2f +- %.2f, ELBO %.3f, log evidence %.3f, error %.3f\n  advice: %s\n",
              name.c_str(), std::string(velbo::name(s.fit.status)).c_str(),
              std::string(velbo::name(s.quality.verdict)).c_str(), s.quality.k_hat, s.quality.k_hat_se, s.quality.elbo,
              s.quality.log_evidence, s.quality.error_sd, s.quality.advice.c_str());
  for (const std::string& warning : s.warnings) std::printf("  warning: %s\n", warning.c_str());
  for (std::size_t i = 0; i < s.parameters.size() && i < 3; ++i)
    std::printf("  %-10s mean %.3f sd %.3f, corrected %.3f %.3f\n", s.parameters[i].name.c_str(), s.parameters[i].mean,
                s.parameters[i].sd, s.parameters[i].corrected_mean, s.parameters[i].corrected_sd);
}

struct Moments {
  double mass, mean, sd;
};

// Of a density over [low, high], by sums over 200,000 midpoints.
Moments moments(const std::function<double(double)>& density, double low, double high) {
  constexpr int n = 200000;
  double mass = 0, first = 0, second = 0;
  for (int i = 0; i < n; ++i) {
    const double x = low + (high - low) * (i + 0.5) / n, p = density(x);
    mass += p, first += p * x, second += p * x * x;
  }
  const double mean = first / mass;
  return {mass * (high - low) / n, mean, std::sqrt(second / mass - mean * mean)};
}

double normal(double x, double mean, double sd) { return std::exp(velbo::normal_lpdf(x, mean, sd)); }

// Correlation 0.95, under both families.

struct Correlated {
  template <class T>
  T operator()(const T* x) const {
    return velbo::std_normal_lpdf(x[0]) + velbo::normal_lpdf(x[1], 0.95 * x[0], std::sqrt(1 - 0.95 * 0.95));
  }
};

void draw_correlated(const std::string& folder) {
  const velbo::Model model({velbo::real("a"), velbo::real("b")}, Correlated{}, "correlated");
  velbo::FitOptions options;
  const velbo::Fit full = velbo::fit(model, options);
  options.family = velbo::FamilyKind::mean_field;
  const velbo::Fit mean_field = velbo::fit(model, options);
  print("correlated, full rank", full);
  print("correlated, mean field", mean_field);
  std::printf("  sds by formula %.4f, ELBO %.4f\n", std::sqrt(1 - 0.95 * 0.95), 0.5 * std::log(1 - 0.95 * 0.95));
  const Grid exact(-3, 3, -3, 3, [](double x, double y) {
    const double point[] = {x, y};
    return std::exp(Correlated{}(point));
  });
  Picture picture(640, 350);
  const Axis a{-3, 3, {-2, 0, 2}, "a"}, b{-3, 3, {-2, 0, 2}, "b"};
  Panel left(picture, 40, 50, 250, 230, a, b, "full rank", quality(full));
  regions(left, exact);
  ellipses(left, marginal(full, 0, 1), kBlue);
  Panel right(picture, 370, 50, 250, 230, a, b, "mean field", quality(mean_field));
  regions(right, exact);
  ellipses(right, marginal(mean_field, 0, 1), kOrange);
  picture.text(320, 343, kOfAreas, kGrey, "middle", 11);
  picture.save(folder + "/correlated.svg", "A correlated posterior under a full-rank and a mean-field Gaussian");
}

// Neal's funnel: v ~ normal(0, 3), nine x ~ normal(0, exp(v / 2)).

struct Funnel {
  template <class T>
  T operator()(const T* z) const {
    T sum = velbo::normal_lpdf(z[0], 0, 3);
    for (int i = 1; i <= 9; ++i) sum += velbo::normal_lpdf(z[i], 0, velbo::exp(z[0] / 2));
    return sum;
  }
};

struct StraightFunnel {  // the same, of x / exp(v / 2)
  template <class T>
  T operator()(const T* z) const {
    T sum = velbo::normal_lpdf(z[0], 0, 3);
    for (int i = 1; i <= 9; ++i) sum += velbo::std_normal_lpdf(z[i]);
    return sum;
  }
};

void draw_funnel(const std::string& folder) {
  const velbo::Model model({velbo::real("v"), velbo::real("x", {9})}, Funnel{}, "funnel");
  const velbo::Model straight({velbo::real("v"), velbo::real("e", {9})}, StraightFunnel{}, "funnel, non-centred");
  const velbo::Fit centred = velbo::fit(model), other = velbo::fit(straight);
  print("funnel", centred);
  print("funnel, non-centred", other);
  Picture picture(640, 350);
  Panel left(picture, 40, 50, 250, 230, {-16, 16, {-10, 0, 10}, "x[1]"}, {-9, 9, {-6, -3, 0, 3, 6}, "v"}, "funnel",
             quality(centred));
  const auto density = [](double x, double v) { return normal(v, 0, 3) * normal(x, 0, std::exp(v / 2)); };
  std::vector<std::pair<double, double>> cells;  // even in v and e, where the neck is as wide as the rest
  for (double v = -15; v < 15; v += 0.02)
    for (double e = -5; e < 5; e += 0.02)
      cells.emplace_back(density(e * std::exp(v / 2), v), normal(v, 0, 3) * normal(e, 0, 1));
  regions(left, Grid(-16, 16, -9, 9, density, 800, 160), cells);
  ellipses(left, marginal(centred, 1, 0), kOrange);
  Panel right(picture, 370, 50, 250, 230, {-3.5, 3.5, {-2, 0, 2}, "e[1], x = exp(v / 2) e"},
              {-9, 9, {-6, -3, 0, 3, 6}, "v"}, "non-centred", quality(other));
  regions(right, Grid(-3.5, 3.5, -9, 9, [](double e, double v) { return normal(v, 0, 3) * normal(e, 0, 1); }));
  ellipses(right, marginal(other, 1, 0), kBlue);
  picture.text(320, 343, kOfAreas, kGrey, "middle", 11);
  picture.save(folder + "/funnel.svg", "Neal's funnel and the same model with non-centred parameters");
}

// Eight schools.

constexpr std::array<double, 8> kEffect{28, 8, -3, 7, -1, 1, 18, 12}, kError{15, 10, 16, 11, 9, 11, 10, 18};

struct Schools {
  bool centred;

  template <class T>
  T operator()(const T* p) const {
    T sum = velbo::normal_lpdf(p[0], 0, 5) + velbo::half_cauchy_lpdf(p[1], 5);
    for (std::size_t j = 0; j < 8; ++j) {
      const T& theta = p[2 + j];
      sum += centred ? velbo::normal_lpdf(theta, p[0], p[1]) + velbo::normal_lpdf(kEffect[j], theta, kError[j])
                     : velbo::std_normal_lpdf(theta) + velbo::normal_lpdf(kEffect[j], p[0] + p[1] * theta, kError[j]);
    }
    return sum;
  }
};

// Given tau, mu and the effects are normal.
struct GivenTau {
  double log_density;  // of log tau, but for a constant
  double mean_mu, variance_mu;
  double mean[2], variance[2];  // of the first school's effect, and of (effect - mu) / tau
};

GivenTau given_log_tau(double log_tau) {
  const double tau = std::exp(log_tau);
  double precision = 1 / 25.0, weighted = 0, log_density = velbo::half_cauchy_lpdf(tau, 5) + log_tau, squares = 0;
  for (std::size_t j = 0; j < 8; ++j) {
    const double variance = kError[j] * kError[j] + tau * tau;
    precision += 1 / variance;
    weighted += kEffect[j] / variance;
    squares += kEffect[j] * kEffect[j] / variance;
    log_density -= 0.5 * std::log(variance);
  }
  GivenTau out{};
  out.mean_mu = weighted / precision;
  out.variance_mu = 1 / precision;
  out.log_density = log_density - 0.5 * std::log(precision) - 0.5 * (squares - weighted * weighted / precision);
  const double s2 = kError[0] * kError[0],
               share = tau * tau / (s2 + tau * tau);  // effect = share y + (1 - share) mu + ...
  out.mean[0] = share * kEffect[0] + (1 - share) * out.mean_mu;
  out.variance[0] = s2 * share + (1 - share) * (1 - share) * out.variance_mu;
  out.mean[1] = share * (kEffect[0] - out.mean_mu) / tau;
  out.variance[1] = s2 * share / (tau * tau) + share * share * out.variance_mu / (tau * tau);
  return out;
}

void draw_eight_schools(const std::string& folder) {
  const velbo::Parameters parameters{velbo::real("mu"), velbo::positive("tau"), velbo::real("theta", {8})};
  const velbo::Fit fits[2] = {velbo::fit(velbo::Model(parameters, Schools{true}, "eight schools, centred")),
                              velbo::fit(velbo::Model(parameters, Schools{false}, "eight schools, non-centred"))};
  print("eight schools, centred", fits[0]);
  print("eight schools, non-centred", fits[1]);
  const auto log_tau = [](double t) { return std::exp(given_log_tau(t).log_density + 30); };
  const Moments of_log = moments(log_tau, -30, 12);
  const Moments of_tau = moments([&](double tau) { return log_tau(std::log(tau)) / tau; }, 1e-9, 2000);
  std::printf("  exact: log tau mean %.3f sd %.3f; tau mean %.3f sd %.3f\n", of_log.mean, of_log.sd, of_tau.mean,
              of_tau.sd);
  for (const velbo::Fit& fit : fits) {
    const Gaussian2 q = marginal(fit, 2, 1);
    std::printf("  fit: log tau mean %.3f sd %.3f\n", q.mean_y, std::sqrt(q.yy));
  }
  Picture picture(640, 350);
  for (std::size_t k = 0; k < 2; ++k) {
    const Axis x = k == 0 ? Axis{-20, 40, {-20, 0, 20, 40}, "effect in school 1"}
                          : Axis{-3.5, 3.5, {-2, 0, 2}, "(effect - mu) / tau in school 1"};
    Panel panel(picture, k == 0 ? 40 : 370, 50, 250, 230, x, {-4, 4.5, {-4, -2, 0, 2, 4}, "log tau"},
                k == 0 ? "centred" : "non-centred", quality(fits[k]));
    regions(panel, Grid(x.low, x.high, -4, 4.5, [&](double value, double t) {
              const GivenTau given = given_log_tau(t);
              return std::exp(given.log_density + 30) * normal(value, given.mean[k], std::sqrt(given.variance[k]));
            }));
    ellipses(panel, marginal(fits[k], 2, 1), k == 0 ? kOrange : kBlue);
  }
  picture.text(320, 343, kOfAreas, kGrey, "middle", 11);
  picture.save(folder + "/eight_schools.svg", "Eight schools, centred and non-centred");
}

// The sd of eight values around 0 (their squares add up to 32), on its logarithm and as it stands.

struct Scale {
  bool raw;  // as the distance to 2, so that the start is allowed

  template <class T>
  T operator()(const T* p) const {
    const T sigma = raw ? 2 + p[0] : p[0];
    if (!(sigma > 0)) return T(-std::numeric_limits<double>::infinity());
    return velbo::half_cauchy_lpdf(sigma, 5) - 8 * velbo::log(sigma) - 16 / (sigma * sigma);
  }
};

void draw_skewed(const std::string& folder) {
  const velbo::Fit logarithm = velbo::fit(velbo::Model({velbo::positive("sigma")}, Scale{false}, "sd, log"));
  const velbo::Fit raw = velbo::fit(velbo::Model({velbo::real("sigma_minus_2")}, Scale{true}, "sd, raw"));
  print("sd on the log scale", logarithm);
  print("sd as it stands", raw);
  const auto density = [](double sigma) { return sigma > 0 ? std::exp(Scale{false}(&sigma)) : 0.0; };
  const Moments exact = moments(density, 0, 400);
  std::printf("  exact: mean %.3f sd %.3f\n", exact.mean, exact.sd);
  const double m = logarithm.posterior.unconstrained_mean()[0],
               s = std::sqrt(logarithm.posterior.unconstrained_covariance()[0]);
  const double raw_mean = 2 + raw.posterior.unconstrained_mean()[0],
               raw_sd = std::sqrt(raw.posterior.unconstrained_covariance()[0]);
  Picture picture(640, 350);
  const Axis x{0, 6, {0, 2, 4, 6}, "sigma"}, y{0, 0.9, {}, "density"};
  Panel left(picture, 40, 50, 250, 230, x, y, "positive(\"sigma\"): Gaussian in log sigma", quality(logarithm));
  left.curve([&](double sigma) { return density(sigma) / exact.mass; }, kGrey, true);
  left.curve([&](double sigma) { return sigma > 0 ? normal(std::log(sigma), m, s) / sigma : 0.0; }, kBlue);
  Panel right(picture, 370, 50, 250, 230, x, y, "Gaussian in sigma itself", quality(raw));
  right.curve([&](double sigma) { return density(sigma) / exact.mass; }, kGrey, true);
  right.curve([&](double sigma) { return normal(sigma, raw_mean, raw_sd); }, kOrange);
  picture.text(320, 343, kOfCurves, kGrey, "middle", 11);
  picture.save(folder + "/skewed.svg", "A skewed posterior, fitted on its logarithm and as it stands");
}

// Two modes, apart and near.

struct Modes {
  double share, first, second, sd;

  template <class T>
  T operator()(const T* p) const {
    return velbo::log_mix(share, velbo::normal_lpdf(p[0], first, sd), velbo::normal_lpdf(p[0], second, sd));
  }
};

void draw_two_modes(const std::string& folder) {
  const Modes targets[2] = {{0.4, -5, 2, 1}, {0.4, -1.5, 1.5, 1}};
  Picture picture(640, 350);
  for (std::size_t k = 0; k < 2; ++k) {
    const Modes& target = targets[k];
    const velbo::Fit fit = velbo::fit(velbo::Model({velbo::real("x")}, target, "two modes"));
    print(k == 0 ? "two modes, apart" : "two modes, near", fit);
    const auto density = [&](double x) { return std::exp(target(&x)); };
    const Moments exact = moments(density, -30, 30);
    std::printf("  exact: mean %.3f sd %.3f, log evidence 0\n", exact.mean, exact.sd);
    const double m = fit.posterior.unconstrained_mean()[0], s = std::sqrt(fit.posterior.unconstrained_covariance()[0]);
    Panel panel(picture, k == 0 ? 40 : 370, 50, 250, 230, {-9, 6, {-8, -4, 0, 4}, "x"}, {0, 0.48, {}, "density"},
                k == 0 ? "modes seven sds apart" : "modes three sds apart", quality(fit));
    panel.curve(density, kGrey, true);
    panel.curve([&](double x) { return normal(x, m, s); }, kOrange);
  }
  picture.text(320, 343, kOfCurves, kGrey, "middle", 11);
  picture.save(folder + "/two_modes.svg", "Two modes: the fit finds one, or lies over both");
}

// Student's t with three degrees of freedom.

struct HeavyTails {
  int dimension;

  template <class T>
  T operator()(const T* p) const {
    T sum = velbo::student_t_lpdf(p[0], 3, 0, 1);
    for (int i = 1; i < dimension; ++i) sum += velbo::student_t_lpdf(p[i], 3, 0, 1);
    return sum;
  }
};

void draw_heavy_tails(const std::string& folder) {
  const velbo::Fit one = velbo::fit(velbo::Model({velbo::real("x", {1})}, HeavyTails{1}, "t")),
                   ten = velbo::fit(velbo::Model({velbo::real("x", {10})}, HeavyTails{10}, "ten t"));
  print("heavy tails, 1", one);
  print("heavy tails, 10", ten);
  const double m = one.posterior.unconstrained_mean()[0], s = std::sqrt(one.posterior.unconstrained_covariance()[0]);
  const auto density = [](double x) { return std::exp(velbo::student_t_lpdf(x, 3, 0, 1)); };
  std::printf("  exact: sd %.3f; beyond 5: exact %.5f, fit %.7f\n", std::sqrt(3.0), 2 * moments(density, 5, 2000).mass,
              std::erfc((5 - m) / (s * std::sqrt(2.0))));
  Picture picture(640, 350);
  Panel left(picture, 40, 50, 250, 230, {-6, 6, {-4, 0, 4}, "x"}, {0, 0.42, {}, "density"}, "one t", quality(one));
  left.curve(density, kGrey, true);
  left.curve([&](double x) { return normal(x, m, s); }, kOrange);
  Panel right(picture, 370, 50, 250, 230, {-12, 12, {-8, -4, 0, 4, 8}, "x"}, {-6, 0, {-6, -4, -2, 0}, "log10 density"},
              "the same, logarithm", "ten at once: " + quality(ten));
  right.curve([&](double x) { return std::log10(density(x)); }, kGrey, true);
  right.curve([&](double x) { return std::log10(normal(x, m, s)); }, kOrange);
  picture.text(320, 343, kOfCurves, kGrey, "middle", 11);
  picture.save(folder + "/heavy_tails.svg",
               "Student's t with three degrees of freedom and the Gaussian that is fitted to it");
}

}  // namespace

int main(int count, char** arguments) try {
  const std::string folder = count > 1 ? arguments[1] : "docs/pictures";
  draw_correlated(folder);
  draw_funnel(folder);
  draw_eight_schools(folder);
  draw_skewed(folder);
  draw_two_modes(folder);
  draw_heavy_tails(folder);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "velbo_pictures: " << error.what() << '\n';
  return 1;
}

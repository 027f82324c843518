#!/usr/bin/env python3
"""Writes tests/reference/scalars/distributions.json: functions and densities with their derivatives, for the tests of
velbo/functions.h and velbo/distributions.h.

    python3 tests/reference/scalars/make_distributions.py            (needs mpmath; run from the project's root)

Every formula is the textbook's definition, evaluated with 40 digits or more and differentiated numerically with three times
as many; none of the library's rearrangements is repeated here.  Arguments are the doubles that the file holds.

A case of a function of numbers has `data` (what carries no derivatives: outcomes), `arguments`, `value` and `gradient`; one
of a function of vectors has `vectors` and, alike, a `gradient` of each.  Made with mpmath 1.3.0.
"""
import itertools
import json

import mpmath as mp

mp.mp.dps = 100


def real(x):
    return mp.mpf(float(x))


def derivative(f, x):
    """Central differences with so small a step that they are exact to 1e-25 and more."""
    digits = mp.mp.dps
    with mp.workdps(3 * digits):
        h = mp.mpf(10) ** (-digits) * (abs(x) if x else 1)
        return (f(x + h) - f(x - h)) / (2 * h)


def number(x):
    x = float(x)
    assert x == x and abs(x) != float("inf"), x
    return x


# ---- the definitions -------------------------------------------------------------------------------------------------
def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def normal(x, mu, sigma):
    return mp.log(mp.exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * mp.sqrt(2 * mp.pi)))


def student_t(x, nu, mu, sigma):
    c = mp.gamma((nu + 1) / 2) / mp.gamma(nu / 2) / mp.sqrt(nu * mp.pi) / sigma if nu < 1e4 else mp.exp(
        mp.loggamma((nu + 1) / 2) - mp.loggamma(nu / 2)) / mp.sqrt(nu * mp.pi) / sigma
    return mp.log(c) - (nu + 1) / 2 * mp.log(1 + ((x - mu) / sigma) ** 2 / nu)


def cauchy(x, mu, sigma):
    return -mp.log(mp.pi * sigma * (1 + ((x - mu) / sigma) ** 2))


def laplace(x, mu, sigma):
    return mp.log(mp.exp(-abs(x - mu) / sigma) / (2 * sigma))


def logistic(x, mu, sigma):
    e = mp.exp(-(x - mu) / sigma)
    return mp.log(e / (sigma * (1 + e) ** 2))


def lognormal(x, mu, sigma):
    return mp.log(mp.exp(-(((mp.log(x) - mu) / sigma) ** 2) / 2) / (x * sigma * mp.sqrt(2 * mp.pi)))


def gamma(x, a, b):
    return a * mp.log(b) - mp.loggamma(a) + (a - 1) * mp.log(x) - b * x


def inverse_gamma(x, a, b):
    return a * mp.log(b) - mp.loggamma(a) - (a + 1) * mp.log(x) - b / x


def weibull(x, a, s):
    return mp.log(a / s * (x / s) ** (a - 1) * mp.exp(-((x / s) ** a)))


def beta(x, a, b):
    return (a - 1) * mp.log(x) + (b - 1) * mp.log(1 - x) - (mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b))


def bernoulli_logit(y, eta):
    return mp.log(sigmoid(eta) if y == 1 else sigmoid(-eta))


def log_factorial(n):
    return mp.loggamma(n + 1)


def binomial_logit(y, n, eta):
    choose = log_factorial(n) - log_factorial(y) - log_factorial(n - y)
    return choose + y * mp.log(sigmoid(eta)) + (n - y) * mp.log(sigmoid(-eta))


def poisson_log(y, eta):
    return y * eta - mp.exp(eta) - log_factorial(y)


def neg_binomial_2_log(y, eta, phi):
    mu = mp.exp(eta)
    choose = mp.loggamma(y + phi) - log_factorial(y) - mp.loggamma(phi)
    return choose + y * mp.log(mu / (mu + phi)) + phi * mp.log(phi / (mu + phi))


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def log_normal_cdf(x):
    return mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)


# ---- of numbers: name, function, how many arguments carry no derivatives, arguments ----------------------------------
def grid(*axes):
    return list(itertools.product(*axes))


ONE = {
    "exp": (mp.exp, [-700, -20.5, -1e-9, 0.0, 0.3, 700]),
    "expm1": (mp.expm1, [-40, -1, -1e-12, 0.0, 1e-300, 0.3, 700]),
    "log": (mp.log, [1e-300, 0.1, 0.999999, 1.0, 3, 1e300]),
    "log1p": (mp.log1p, [-0.999999, -1e-12, 0.0, 1e-12, 3, 1e300]),
    "sqrt": (mp.sqrt, [1e-300, 0.25, 2, 1e300]),
    "square": (lambda x: x * x, [-3.5, 0.0, 1e-9, 2]),
    "sin": (mp.sin, [-3, 0.0, 1e-9, 1, 30.5]),
    "cos": (mp.cos, [-3, 0.0, 1e-9, 1, 30.5]),
    "tan": (mp.tan, [-1.5, 0.0, 1e-9, 1, 30.5]),
    "atan": (mp.atan, [-1e9, -0.5, 0.0, 1e-9, 3]),
    "sinh": (mp.sinh, [-30, -0.5, 0.0, 1e-9, 300]),
    "cosh": (mp.cosh, [-30, -0.5, 0.0, 1e-9, 300]),
    "tanh": (mp.tanh, [-30, -0.5, 0.0, 1e-9, 3, 20, 300]),
    "erf": (mp.erf, [-5, -0.5, 0.0, 1e-9, 0.7, 4]),
    "erfc": (mp.erfc, [-5, -0.5, 0.0, 1e-9, 0.7, 4, 20]),
    "lgamma": (mp.loggamma, [1e-300, 1e-10, 0.1, 0.5, 1.3, 2.5, 9.99, 10.01, 100.5, 1e8, 1e300]),
    "digamma": (mp.digamma, [1e-10, 0.1, 0.5, 1.3, 2.5, 9.99, 10.01, 100.5, 1e8]),
    "softplus": (lambda x: mp.log(1 + mp.exp(x)), [-700, -40, -1, 0.0, 1e-9, 1, 40, 700]),
    "sigmoid": (sigmoid, [-700, -40, -1, 0.0, 1e-9, 1, 40, 700]),
    "log_sigmoid": (lambda x: mp.log(sigmoid(x)), [-700, -40, -1, 0.0, 1e-9, 1, 40, 700]),
    "log1m_exp": (lambda x: mp.log(1 - mp.exp(x)), [-700, -40, -1, -0.7, -0.69, -1e-9, -1e-300]),
    "logit": (lambda x: mp.log(x / (1 - x)), [1e-300, 0.01, 0.25, 0.4999999, 0.5, 0.6, 0.75, 0.9, 1 - 1e-12]),
    "log_normal_cdf": (log_normal_cdf, [-1e150, -200, -37, -20, -14.01, -13.99, -8, -3, -0.5, 0.0, 0.5, 3, 8, 20]),
}

MANY = {
    "pow": (mp.power, 0, [(2, 3), (0.5, -2.5), (3, 0.0), (1e-5, 0.5), (7.5, 1)]),
    "lbeta": (log_beta, 0, grid([1e-8, 0.3, 4, 50, 1e8], [0.02, 3, 1e6])),
    "log_sum_exp": (lambda a, b: mp.log(mp.exp(a) + mp.exp(b)), 0, [(0.3, -0.2), (-700, -700), (800, 1), (-5, 40)]),
    "log_diff_exp": (lambda a, b: mp.log(mp.exp(a) - mp.exp(b)), 0, [(0.3, -0.2), (-700, -701), (800, 1), (3, 2.9999)]),
    "log_mix": (lambda p, a, b: mp.log(p * mp.exp(a) + (1 - p) * mp.exp(b)), 0,
                [(0.3, 1, -2), (1e-9, 3, 4), (0.999, -700, -710), (0.5, 800, 790)]),
    "normal_lpdf": (normal, 0, grid([-3, 0.1, 1e8], [0.5, -2], [1e-3, 1.5, 1e6])),
    "std_normal_lpdf": (lambda x: normal(x, mp.mpf(0), mp.mpf(1)), 0, grid([-30, -0.2, 0.0, 5])),
    "student_t_lpdf": (student_t, 0,
                       grid([-3, 0.45, 1e8, 1e200], [0.1, 3, 19, 21, 1e4, 1e8], [0.5], [1.5])
                       + [(2, 4, 1, 1e-3), (1, 1e6, 1.5, 2), (1e-8, 5, 0.0, 1e8)]),
    "cauchy_lpdf": (cauchy, 0, grid([-3, 0.1, 1e8, 1e200], [0.5], [1e-3, 1.5])),
    "laplace_lpdf": (laplace, 0, grid([-3, 0.1, 1e8], [0.5], [1e-3, 1.5])),
    "logistic_lpdf": (logistic, 0, grid([-3, 0.1, 0.5000001, 1e8], [0.5], [1e-3, 1.5])),
    "half_normal_lpdf": (lambda x, s: mp.log(2) + normal(x, mp.mpf(0), s), 0, grid([1e-9, 0.3, 40], [0.1, 2])),
    "half_cauchy_lpdf": (lambda x, s: mp.log(2) + cauchy(x, mp.mpf(0), s), 0, grid([1e-9, 0.3, 1e9], [0.1, 2])),
    "half_student_t_lpdf": (lambda x, nu, s: mp.log(2) + student_t(x, nu, mp.mpf(0), s), 0,
                            grid([1e-9, 0.3, 1e9], [3, 40], [0.1, 2])),
    "uniform_lpdf": (lambda x, a, b: mp.log(1 / (b - a)), 0, [(0.2, -1, 3), (1e5, 0.0, 1e6)]),
    "beta_lpdf": (beta, 0,
                  grid([1e-300, 1e-9, 0.3, 0.7, 1 - 2.0**-40], [1e-3, 0.5, 1, 2.5], [0.2, 1, 30])
                  + [(0.35, 40, 80), (0.3, 12.5, 1e3)]),
    "beta_lpdf_large": (beta, 0, [(0.5, 1e6, 1.001e6), (0.2, 1e6, 4e6), (1 - 1e-4, 1e8, 1e4)]),
    "lognormal_lpdf": (lognormal, 0, grid([1e-300, 0.3, 20], [-1, 0.5], [0.1, 2])),
    "exponential_lpdf": (lambda x, r: mp.log(r * mp.exp(-r * x)), 0, grid([1e-9, 0.3, 100], [0.01, 3])),
    "gamma_lpdf": (gamma, 0,
                   grid([1e-300, 0.3, 15, 1e5], [1e-10, 0.5, 1, 3.5, 14], [1e-3, 2])
                   + [(2, 30, 15), (2, 30, 5)]),
    "gamma_lpdf_large": (gamma, 0, [(0.9, 1e6, 1.1e6), (1.0, 1e8, 1e8), (3e-3, 1e5, 4e7)]),
    "inverse_gamma_lpdf": (inverse_gamma, 0,
                           grid([1e-3, 0.3, 1e6], [1e-10, 0.5, 1, 3.5, 14], [1e-3, 2]) + [(0.1, 200, 21)]),
    "inverse_gamma_lpdf_large": (inverse_gamma, 0, [(1.001, 1e6, 1e6)]),
    "weibull_lpdf": (weibull, 0, grid([1e-9, 0.3, 6], [0.5, 1, 4], [0.2, 3])),
    "bernoulli_logit_lpmf": (bernoulli_logit, 1, grid([0, 1], [-700, -40, -1, 0.0, 0.4, 40, 700])),
    "binomial_logit_lpmf": (binomial_logit, 2,
                            [(y, n, e) for y, n in [(0, 1), (0, 7), (3, 7), (7, 7), (12, 30), (2, 10**9)]
                             for e in [-700, -20, -0.4, 0.0, 1, 700]]
                            + [(12, 30, -0.4055)]),
    "binomial_logit_lpmf_large": (binomial_logit, 2,
                                  [(400000, 10**6, -0.4), (10**6, 3 * 10**6, -0.69), (10**6 - 20, 10**6, 10.8),
                                   (50, 10**9, -16.8)]),
    "poisson_log_lpmf": (poisson_log, 1,
                         grid([0, 1, 5, 11, 1000], [-700, -3, 0.0, 2, 6.9])
                         + [(11, 2.4), (12, 2.7)]),
    "poisson_log_lpmf_large": (poisson_log, 1, [(10**6, 13.815), (10**6, 13.8), (10**9, 20.7233)]),
    "neg_binomial_2_log_lpmf": (neg_binomial_2_log, 1,
                                grid([0, 3, 40], [-300, -1, 0.5, 3.7, 300], [1e-3, 0.7, 12, 1e8])
                                + [(7, 1.9, 1e12), (40, 3.6, 1e12), (3, 80, 2)]),
    "neg_binomial_2_log_lpmf_large": (neg_binomial_2_log, 1, [(10**6, 13.815, 1e8), (10**6, 13.8, 50), (10**5, 11.5, 1e5)]),
}


def case(f, data, arguments):
    # sigmoid(700) = 1 - 1e-304: its complements need as many digits.
    extreme = any(250 < abs(x) < 1e4 or 0 < abs(x) < 1e-100 for x in arguments)
    with mp.workdps(450 if extreme else 100):
        fixed = [real(x) for x in data]
        point = [real(x) for x in arguments]
        value = f(*fixed, *point)
        gradient = []
        for i, x in enumerate(point):
            gradient.append(derivative(lambda v: f(*fixed, *point[:i], v, *point[i + 1:]), x))
        return {"data": [float(x) for x in data], "arguments": [float(x) for x in arguments],
                "value": number(mp.re(value)), "gradient": [number(mp.re(g)) for g in gradient]}


# ---- of vectors ------------------------------------------------------------------------------------------------------
def categorical_logit(y, eta):
    return mp.log(mp.exp(eta[int(y)]) / mp.fsum(mp.exp(v) for v in eta))


def ordered_logistic(y, eta, cut):
    bounds = [mp.mpf(1)] + [sigmoid(eta[0] - c) for c in cut] + [mp.mpf(0)]
    return mp.log(bounds[int(y)] - bounds[int(y) + 1])


def dirichlet(theta, alpha):
    out = mp.loggamma(mp.fsum(alpha))
    for t, a in zip(theta, alpha):
        out += (a - 1) * mp.log(t) - mp.loggamma(a)
    return out


def multi_normal_cholesky(y, mu, flat):
    n = len(y)
    L = mp.matrix(n, n)
    for i in range(n):
        for j in range(i + 1):
            L[i, j] = flat[i * n + j]
    covariance = L * L.T
    distance = mp.matrix([a - b for a, b in zip(y, mu)])
    square = (distance.T * mp.lu_solve(covariance, distance))[0]
    return -mp.mpf(n) / 2 * mp.log(2 * mp.pi) - mp.log(mp.det(covariance)) / 2 - square / 2


VINE = {}  # by power and precision


def log_vine(power):
    """log of the integral of (1 - p^2)^power over (-1, 1), numerically: p = tanh(z), trapezoid rule (error below 1e-60)."""
    key = (mp.nstr(power, mp.mp.dps), mp.mp.dps)
    if key not in VINE:
        h = mp.mpf(1) / 16
        terms = (mp.sech(k * h) ** (2 * power + 2) for k in range(1, 4000))
        VINE[key] = mp.log((1 + 2 * mp.fsum(itertools.takewhile(lambda v: v > mp.eps, terms))) * h)
    return VINE[key]


def lkj_corr_cholesky(flat, eta):
    """det(R)^(eta - 1) / Z times the determinant of the map from L to R.  In partial correlations p of a C-vine the
    determinant is a product over all of 1 - p^2; Z is the product of their integrals (Joe 2006)."""
    n = int(round(len(flat) ** 0.5))
    log_det = 2 * mp.fsum(mp.log(flat[i * n + i]) for i in range(n))
    jacobian = mp.fsum((n - 1 - i) * mp.log(flat[i * n + i]) for i in range(n))
    log_z = mp.fsum((n - k) * log_vine(eta[0] - 1 + mp.mpf(n - 1 - k) / 2) for k in range(1, n))
    return (eta[0] - 1) * log_det + jacobian - log_z


def correlation_factor(rows):
    n = len(rows) + 1
    flat = [0.0] * (n * n)
    flat[0] = 1.0
    for i, row in enumerate(rows, 1):
        for j, v in enumerate(row):
            flat[i * n + j] = v
        flat[i * n + i] = float(mp.sqrt(1 - mp.fsum(mp.mpf(v) ** 2 for v in row)))
    return flat


VECTORS = {
    "categorical_logit_lpmf": (categorical_logit, [([y], [eta]) for eta in ([0.3, -1, 2, 0.1], [700, -700, 3, 0.0], [0.5])
                                                   for y in range(len(eta))]),
    "ordered_logistic_lpmf": (ordered_logistic,
                              [([y], [[eta], cut])
                               for cut in ([-1, 0.5, 2], [-40, 0.3, 0.3000001], [-600, 10, 650]) for eta in (-50, 0.2, 60)
                               for y in range(4)]),
    "dirichlet_lpdf": (dirichlet, [([], [[0.25, 0.5, 0.25], [1, 2.5, 0.3]]), ([], [[1e-200, 1 - 1e-9, 1e-9], [0.1, 3, 20]]),
                                   ([], [[0.125, 0.375, 0.375, 0.125], [100, 300, 310, 90]])]),
    "multi_normal_cholesky_lpdf": (multi_normal_cholesky,
                                   [([], [[0.3], [-1.0], [0.7]]),
                                    ([], [[1, -2, 0.5], [0.3, 0.1, -4], [1.5, 9, 9, -0.4, 0.3, 9, 2, -1, 1e-3]])]),
    "lkj_corr_cholesky_lpdf": (lkj_corr_cholesky,
                               [([], [correlation_factor(rows), [eta]])
                                for rows in ([[0.3]], [[0.5], [-0.2, 0.9]], [[-0.99], [0.1, 0.2], [0.3, -0.4, 0.5]])
                                for eta in (0.6, 1, 2.5, 40)]),
}


MATRIX = {"multi_normal_cholesky_lpdf": 2, "lkj_corr_cholesky_lpdf": 0}  # which of the vectors is one


def vector_case(name, f, data, vectors):
    with mp.workdps(450 if name.endswith("lpmf") else 60 if name.startswith("multi") else 40):
        fixed = [real(x) for x in data]
        point = [[real(x) for x in v] for v in vectors]
        gradient = []
        for i, vector in enumerate(point):
            gradient.append([])
            for k, x in enumerate(vector):
                def along(v):
                    moved = [list(p) for p in point]
                    moved[i][k] = v
                    return f(*fixed, *moved)
                n = int(round(len(vector) ** 0.5))
                # Above the diagonal nothing is read, and the first element of a correlation's factor is 1.
                fixed_element = i == MATRIX.get(name) and (k % n > k // n or (k == 0 and name.startswith("lkj")))
                gradient[-1].append(0.0 if fixed_element else number(derivative(along, x)))
        return {"data": [float(x) for x in data], "vectors": [[float(x) for x in v] for v in vectors],
                "value": number(f(*fixed, *point)), "gradient": gradient}


def main():
    out = {}
    for name, (f, points) in ONE.items():
        out[name] = [case(f, (), (x,)) for x in points]
    for name, (f, n_data, points) in MANY.items():
        out[name] = [case(f, p[:n_data], p[n_data:]) for p in points]
    for name, (f, points) in VECTORS.items():
        out[name] = [vector_case(name, f, data, vectors) for data, vectors in points]
    with open("tests/reference/scalars/distributions.json", "w") as file:
        # One case a line.
        functions = [f'"{name}": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]" for name, cases in out.items()]
        file.write("{\n" + ",\n".join(functions) + "\n}\n")


if __name__ == "__main__":
    main()

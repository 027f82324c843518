#!/usr/bin/env python3
"""Writes src/math/quadrature_nodes.h and include/velbo/math/elementary_coefficients.h.

    python3 tests/math/make_constants.py            (needs mpmath, numpy, scipy; run from the project's root)

Everything is computed with 60 digits and rounded once.  The limits of the Gauss-Hermite rules (largest s for a stated
error) are measured here against a trapezoid sum of 200,001 points and rounded down.
"""
import mpmath as mp
import numpy as np
from scipy.special import expit

mp.mp.dps = 60
RULES = (4, 6, 8, 12, 16, 20, 24, 32)
FLOAT_ERROR, DOUBLE_ERROR = 2.5e-7, 1e-10
SMOOTHING = mp.mpf("1.6")  # c of the smoothed hinge; the error hardly depends on it between 1.4 and 2
WIDE = {"float": ("0.9", 19), "double": ("0.6", 45)}  # step, number of nodes on each side with zero


def number(x):
    return repr(float(x))


def table(name, values, comment=""):
    out = [f"// {comment}"] if comment else []
    out.append(f"inline constexpr double {name}[{len(values)}] = {{")
    row = "   "
    for v in values:
        text = f" {number(v)},"
        if len(row) + len(text) > 118:
            out.append(row)
            row = "   "
        row += text
    return "\n".join(out + [row, "};"]) + "\n"


# ---- Gauss-Hermite, probabilists' weight (Golub & Welsch 1969 for the start, Newton in 60 digits) --------------------
def hermite(q):
    start, _ = np.polynomial.hermite_e.hermegauss(q)
    nodes, weights = [], []
    for x in [mp.mpf(float(v)) for v in start if v > 0]:
        for _ in range(60):
            a, b = mp.mpf(1), x
            for n in range(1, q):
                a, b = b, x * b - n * a
            step = b / (q * a)  # He_q' = q He_{q-1}
            x -= step
            if abs(step) < mp.mpf(10) ** -50:
                break
        a, b = mp.mpf(1), x
        for n in range(1, q):
            a, b = b, x * b - n * a
        nodes.append(x)
        weights.append(mp.factorial(q) / (q * a) ** 2)  # q! / (q^2 He_{q-1}(x)^2)
    assert abs(2 * sum(weights) - 1) < mp.mpf(10) ** -45
    return nodes, weights


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def hermite_error(nodes, weights, s):
    m = np.concatenate([np.linspace(0, 6, 61), [8, 10, 15, 20, 30, 40]])[:, None]
    z = np.linspace(-12, 12, 200001)
    w = np.exp(-z * z / 2)
    w /= w.sum()
    zq = np.array([float(v) for v in nodes])
    wq = np.array([float(v) for v in weights])
    zq, wq = np.concatenate([-zq, zq]), np.concatenate([wq, wq])
    worst = 0.0
    for mean in m:
        x, xq = mean + s * z, mean + s * zq
        for f in (softplus, expit, lambda t: expit(t) * expit(-t)):
            worst = max(worst, abs(f(x) @ w - f(xq) @ wq))
    return worst


def limit(nodes, weights, error):
    low, high = 0.0, 2.0
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if hermite_error(nodes, weights, middle) < error else (low, middle)
    return np.floor(low * 100) / 100


# ---- Chebyshev interpolation, as powers of the variable -------------------------------------------------------------
def polynomial(f, low, high, degree):
    """Coefficients, lowest power first, in the scaled variable (2 x - low - high) / (high - low)."""
    n = degree + 1
    x = [mp.cos(mp.pi * (k + mp.mpf(1) / 2) / n) for k in range(n)]
    y = [f((low + high) / 2 + (high - low) / 2 * v) for v in x]
    cheb = [2 * sum(y[k] * mp.cos(mp.pi * j * (k + mp.mpf(1) / 2) / n) for k in range(n)) / n for j in range(n)]
    cheb[0] /= 2
    powers = [mp.mpf(0)] * n
    a, b = [mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]
    for j in range(n):
        for i, v in enumerate(a):
            powers[i] += cheb[j] * v
        a, b = b, [2 * (b[i - 1] if i else 0) - (a[i] if i < len(a) else 0) for i in range(len(b) + 1)]
    return powers


def unscaled(powers, low, high):
    """The same polynomial in x itself."""
    shift, scale = -(low + high) / (high - low), 2 / (high - low)
    out = [mp.mpf(0)] * len(powers)
    term = [mp.mpf(1)]
    for p in powers:
        for i, v in enumerate(term):
            out[i] += p * v
        term = [(term[i - 1] * scale if i else 0) + (term[i] * shift if i < len(term) else 0) for i in range(len(term) + 1)]
    return out


def exp_coefficients(degree):
    low, high = -mp.log(2) / 2, mp.log(2) / 2
    # (e^r - 1 - r) / r^2, so that the two leading terms are exact.
    f = lambda r: (mp.expm1(r) - r) / r**2 if abs(r) > mp.mpf(10) ** -20 else mp.mpf(1) / 2
    return unscaled(polynomial(f, low, high, degree - 2), low, high)


def log1p_coefficients(degree):
    # log(1 + e) = 2 atanh(w) = w P(w^2), w = e / (2 + e) in [0, 1/3].
    f = lambda u: 2 * mp.atanh(mp.sqrt(u)) / mp.sqrt(u) if u else mp.mpf(2)
    return unscaled(polynomial(f, mp.mpf(0), mp.mpf(1) / 9, degree), mp.mpf(0), mp.mpf(1) / 9)


def mills_coefficients(degree, k):
    # (a + k) Phi(-a) exp(a^2 / 2) in t = (a - k) / (a + k), a >= 0 (Shepherd & Laframboise 1981 for the idea).
    def f(t):
        a = k * (1 + t) / (1 - t)
        return (a + k) * mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2
    return polynomial(f, mp.mpf(-1), mp.mpf(1), degree)


def main():
    head = "// Written by tests/math/make_constants.py; do not edit.\n#pragma once\n\nnamespace velbo::internal::constants {\n\n"
    foot = "\n}  // namespace velbo::internal::constants\n"
    text = ("// quadrature_nodes.h - nodes and weights of the rules in expectations.h.\n" + head)
    text += "// Gauss-Hermite for the standard normal: the positive half of the nodes; each weight belongs to both signs.\n"
    limits = []
    for q in RULES:
        nodes, weights = hermite(q)
        text += table(f"hermite_node_{q}", nodes) + table(f"hermite_weight_{q}", weights)
        limits.append((q, limit(nodes, weights, FLOAT_ERROR), limit(nodes, weights, DOUBLE_ERROR)))
    text += "\n// Largest s for which the rule's absolute error in E softplus, E sigmoid and E sigmoid' stays below\n"
    text += f"// {FLOAT_ERROR:g} (float) and {DOUBLE_ERROR:g} (double), whatever the mean.\n"
    for q, f, d in limits:
        text += f"inline constexpr double hermite_limit_float_{q} = {f:.2f};\n"
        text += f"inline constexpr double hermite_limit_double_{q} = {d:.2f};\n"
    c = SMOOTHING
    text += "\n// The trapezoid rule of logistic_expectation_wide: at x = k * step, k = 0, 1, ..., the difference between the\n"
    text += "// logistic function and its smoothed hinge (value, first and second derivative), times step / sqrt(2 pi).\n"
    text += f"inline constexpr double wide_smoothing = {number(c)};\n"
    for name, (step, count) in WIDE.items():
        h = mp.mpf(step)
        cdf = lambda t: mp.erfc(-t / mp.sqrt(2)) / 2
        pdf = lambda t: mp.exp(-t * t / 2) / mp.sqrt(2 * mp.pi)
        scale = h / mp.sqrt(2 * mp.pi)
        value, first, second = [], [], []
        for k in range(count):
            x = k * h
            sigmoid = 1 / (1 + mp.exp(-x))
            value.append(scale * (mp.log1p(mp.exp(x)) - x * cdf(x / c) - c * pdf(x / c)))
            first.append(scale * (sigmoid - cdf(x / c)))
            second.append(scale * (sigmoid * (1 - sigmoid) - pdf(x / c) / c))
        text += f"inline constexpr double wide_step_{name} = {number(h)};\n"
        text += table(f"wide_value_{name}", value) + table(f"wide_first_{name}", first)
        text += table(f"wide_second_{name}", second)
    open("src/math/quadrature_nodes.h", "w").write(text + foot)

    text = "// elementary_coefficients.h - polynomials of the functions in elementary.h, lowest power first.\n" + head
    text += table("exp_float", exp_coefficients(6), "(e^r - 1 - r) / r^2 for |r| <= log(2) / 2")
    text += table("exp_double", exp_coefficients(12))
    text += table("log1p_float", log1p_coefficients(4), "2 atanh(w) / w in w^2, for w in [0, 1/3]")
    text += table("log1p_double", log1p_coefficients(10))
    for name, k, degree in (("float", mp.mpf("4"), 9), ("double", mp.mpf("5"), 20)):
        text += f"inline constexpr double mills_shift_{name} = {number(k)};\n"
        text += table(f"mills_{name}", mills_coefficients(degree, k),
                      "(a + shift) Phi(-a) exp(a^2 / 2) in t = (a - shift) / (a + shift), for a >= 0")
    open("include/velbo/math/elementary_coefficients.h", "w").write(text + foot)


if __name__ == "__main__":
    main()

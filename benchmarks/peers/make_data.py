"""Simulated logistic regressions, the same bytes for everybody, and the answer that all are measured against.

The predictors are correlated (AR(1), 0.5), as predictors are: a mean-field posterior's sds are then too small by more
than the target allows.

The reference is the Gaussian q that maximises the ELBO, from Newton's method in double, written here with numpy and
nothing of velbo's; velbo's own answer at tolerance 1e-4 in double is compared with it (run.py).
"""
import os

import numpy as np
from common import prior_precision, with_intercept

CHUNK = 50_000


def simulate(folder, n, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    for j in range(1, d):
        x[:, j] = 0.5 * x[:, j - 1] + np.sqrt(0.75) * x[:, j]
    beta = rng.standard_normal(d) / np.sqrt(d)
    p = 1 / (1 + np.exp(-(x @ beta - 0.5)))
    np.save(os.path.join(folder, "X.npy"), x.astype(np.float32))
    np.save(os.path.join(folder, "y.npy"), (rng.random(n) < p).astype(np.float32))


def expected(m, covariance_factor, x, y):
    """E_q of gradient and negative Hessian of the log likelihood: Gauss-Hermite, 20 nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / weights.sum()
    d = x.shape[1] + 1
    gradient, information = np.zeros(d), np.zeros((d, d))
    for begin in range(0, x.shape[0], CHUNK):
        rows = with_intercept(x[begin:begin + CHUNK], np.float64)
        mu = rows @ m
        s = np.sqrt(np.sum((rows @ covariance_factor) ** 2, axis=1))
        p, w = np.zeros_like(mu), np.zeros_like(mu)
        for node, weight in zip(nodes, weights):
            q = 1 / (1 + np.exp(-(mu + s * node)))
            p += weight * q
            w += weight * q * (1 - q)
        gradient += rows.T @ (y[begin:begin + CHUNK] - p)
        information += (rows * w[:, None]).T @ rows
    return gradient, information


def solve(folder, sweeps=30):
    x = np.load(os.path.join(folder, "X.npy"), mmap_mode="r")
    y = np.load(os.path.join(folder, "y.npy")).astype(float)
    precision = prior_precision(x.shape[1] + 1)
    m, factor = np.zeros(len(precision)), np.zeros((len(precision), len(precision)))
    for _ in range(sweeps):
        gradient, information = expected(m, factor, x, y)
        total = information + np.diag(precision)
        step = np.linalg.solve(total, gradient - precision * m)
        covariance = np.linalg.inv(total)
        sd, before = np.sqrt(np.diag(covariance)), np.sqrt(np.sum(factor**2, axis=1))
        m, factor = m + step, np.linalg.cholesky(covariance)
        if np.max(np.abs(step) / sd) < 1e-6 and np.max(np.abs(before / sd - 1)) < 1e-6:
            np.savez(os.path.join(folder, "reference.npz"), mean=m, sd=sd)
            return
    raise RuntimeError("the reference did not converge")


def make(folder, n, d, seed=1):
    if os.path.exists(os.path.join(folder, "reference.npz")):
        return
    os.makedirs(folder, exist_ok=True)
    simulate(folder, n, d, seed)
    solve(folder)

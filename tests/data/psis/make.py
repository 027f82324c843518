#!/usr/bin/env python3
"""Writes reference.json: what ArviZ's psislw makes of log weights that psis_test.cpp generates again.

    python3 tests/data/psis/make.py          (needs numpy and arviz < 1; made with arviz 0.23.4, numpy 2.4.6)

A log weight is a closed formula of a uniform number, and that is an integer hash (splitmix64) of the draw's number, so
both programs have the same log weights up to the last bit or two of log() and cos().
"""
import json
import os

import arviz
import numpy as np


def uniform(counter):
    mask = (1 << 64) - 1
    z = (counter * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    z ^= z >> 31
    return ((z >> 11) + 0.5) * 2.0**-53


def log_weights(kind, parameter, n):
    u = np.array([uniform(2 * s + 1) for s in range(n)])
    if kind == "pareto":  # weights (1 - u)^-k: a generalised Pareto tail of shape k
        return -parameter * np.log1p(-u)
    if kind == "bounded":  # weights 1 - (1 - u)^k: shape -k
        return np.log1p(-((1 - u) ** parameter))
    if kind == "normal":  # target N(0, s^2), proposal N(0, 1): shape 1 - 1 / s^2
        v = np.array([uniform(2 * s + 2) for s in range(n)])
        z = np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v)
        return 0.5 * z * z * (1 - 1 / parameter**2) - np.log(parameter)
    if kind == "ties":  # rounded down to steps of 1 / parameter
        return np.floor(-0.6 * np.log1p(-u) * parameter) / parameter
    if kind == "offset":  # a log joint of a large data set
        return -0.4 * np.log1p(-u) - parameter
    if kind == "steep":  # most weights below the smallest normal number
        return -parameter * np.sqrt(u)
    if kind == "zeros":  # every third weight is zero
        return np.where(np.arange(n) % 3 == 0, -np.inf, -parameter * np.log1p(-u))
    raise ValueError(kind)


CASES = [
    ("pareto", 0.2, 1000), ("pareto", 0.5, 1000), ("pareto", 0.7, 20000), ("pareto", 1.3, 1000), ("pareto", 0.5, 100),
    ("bounded", 0.5, 1000), ("bounded", 2.0, 1000), ("normal", 1.2, 20000), ("normal", 1.8257418583505538, 20000),
    ("normal", 0.7, 1000), ("ties", 4.0, 1000), ("ties", 100.0, 1000), ("ties", 1.0, 100), ("offset", 123456.0, 1000),
    ("steep", 20000.0, 1000), ("steep", 1e7, 1000), ("zeros", 0.6, 1000), ("pareto", 0.5, 20), ("pareto", 0.5, 21),
    ("pareto", 0.5, 25), ("pareto", 0.9, 223), ("pareto", 0.9, 226),
]


def main():
    cases = []
    for kind, parameter, n in CASES:
        raw = log_weights(kind, parameter, n)
        smoothed, k = arviz.psislw(raw.copy())
        # Compared in order of size, since the order inside a tie is free: the largest, and every so many of the rest.
        ranked = np.sort(smoothed)[::-1]
        ranks = sorted(set(range(min(n, 60))) | set(range(0, n, max(1, n // 60))))
        cases.append({
            "kind": kind, "parameter": parameter, "n": n, "k_hat": None if np.isinf(k) else float(k),
            "ess": float(1 / np.sum(np.exp(2 * smoothed))),
            "log_mean_weight": float(np.logaddexp.reduce(raw) - np.log(n)),
            "ranks": ranks, "log_weights": [None if np.isinf(v) else float(v) for v in ranked[ranks]],
        })
        print(f"{kind:8} {parameter:10g} {n:6d}  k_hat {float(k):8.4f}")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference.json")
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the small cases: data, formula, priors, and the best full-rank and mean-field Gaussian.

    python3 tests/reference/make_cases.py cbpp.csv      (lme4::cbpp as a CSV table; needs numpy and scipy)
"""
import csv
import json
import os
import sys

import numpy as np

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, note, formula, likelihood, columns, X, y, names, priors, **roles):
    data = {k: np.asarray(columns[v], dtype=float) for k, v in roles.items()}
    model = oracle.Regression(likelihood, X, y, priors, **data)
    case = {"name": name, "note": note, "formula": formula, "likelihood": likelihood, **roles,
            "priors": priors, "parameters": names, "columns": columns}
    full = oracle.fit(model, "full_rank")
    diagonal = oracle.fit(model, "mean_field", (full["mean"], np.diag(1 / np.diag(np.linalg.inv(full["cov"])))))
    # Another start must lead to the same place.
    again = oracle.fit(model, "full_rank", (full["mean"] + 0.5 * np.sqrt(np.diag(full["cov"])), full["cov"] * 1.3))
    assert np.abs(again["mean"] - full["mean"]).max() < 1e-7 and abs(again["elbo"] - full["elbo"]) < 1e-8
    case["full_rank"], case["mean_field"] = oracle.as_json(full, "full_rank"), oracle.as_json(diagonal, "mean_field")
    with open(os.path.join(HERE, name + ".json"), "w") as file:
        json.dump(case, file)
        file.write("\n")
    print(f"{name:24} elbo {full['elbo']:.9f} {diagonal['elbo']:.9f}  gradient {full['gradient_norm']:.0e} "
          f"{diagonal['gradient_norm']:.0e}  mean {np.round(full['mean'], 4)}", flush=True)


def cbpp(path):
    rows = list(csv.DictReader(open(path)))
    columns = {"incidence": [int(r["incidence"]) for r in rows], "size": [int(r["size"]) for r in rows],
               "period": [int(r["period"]) for r in rows]}
    period = np.array(columns["period"])
    X = np.stack([np.ones(len(rows))] + [(period == k).astype(float) for k in (2, 3, 4)], axis=1)
    names = ["Intercept", "factor(period)2", "factor(period)3", "factor(period)4"]
    write("binomial_cbpp", "lme4::cbpp, contagious bovine pleuropneumonia (Lesnoff et al. 2004), without the herds",
          "incidence ~ factor(period)", "binomial", columns, X, np.array(columns["incidence"], dtype=float), names,
          {"coefficients": "normal(0, 2.5)", "intercept": "normal(0, 10)"}, trials="size")


def simulated(rng, n, d):
    X = np.round(rng.normal(size=(n, d)) @ (np.eye(d) + 0.5 * np.tri(d, k=-1)), 3)
    return X, np.column_stack([np.ones(n), X]), {f"x{j + 1}": X[:, j].tolist() for j in range(d)}


def poisson():
    rng = np.random.default_rng(101)
    n = 200
    _, X, columns = simulated(rng, n, 3)
    columns["log_exposure"] = np.round(rng.normal(0, 0.7, n), 3).tolist()
    columns["w"] = rng.integers(0, 4, n).tolist()
    eta = X @ [0.6, 0.3, -0.4, 0.2] + np.array(columns["log_exposure"])
    columns["count"] = rng.poisson(np.exp(eta)).tolist()
    write("poisson_offset_weights", "simulated; weights 0 to 3 are numbers of copies of a row",
          "count ~ x1 + x2 + x3", "poisson", columns, X, np.array(columns["count"], dtype=float),
          ["Intercept", "x1", "x2", "x3"], {"coefficients": "normal(0, 1)", "intercept": "normal(0, 5)"},
          offset="log_exposure", weights="w")


def bernoulli():
    rng = np.random.default_rng(102)
    n = 150
    _, X, columns = simulated(rng, n, 4)
    columns["y"] = rng.binomial(1, 1 / (1 + np.exp(-X @ [0.3, 1.2, -0.8, 0.0, 0.4]))).tolist()
    for name, slope, intercept in (("student_t", "student_t(3, 0, 2.5)", "student_t(3, 0, 10)"),
                                   ("cauchy", "cauchy(0, 2.5)", "cauchy(0, 10)"),
                                   ("laplace", "laplace(0, 1)", "normal(0, 5)"),
                                   ("cauchy_narrow", "cauchy(0, 0.05)", "flat")):
        write("bernoulli_" + name, "simulated", "y ~ x1 + x2 + x3 + x4", "bernoulli", columns, X,
              np.array(columns["y"], dtype=float), ["Intercept", "x1", "x2", "x3", "x4"],
              {"coefficients": slope, "intercept": intercept})


def gaussian():
    rng = np.random.default_rng(103)
    n = 60
    _, X, columns = simulated(rng, n, 2)
    columns["base"] = np.round(rng.normal(1, 1, n), 3).tolist()
    columns["w"] = rng.integers(1, 4, n).tolist()
    mean = X @ [1.0, -0.7, 0.5] + np.array(columns["base"])
    columns["y"] = np.round(mean + 0.8 * rng.normal(size=n), 3).tolist()
    for name, sigma in (("exponential", "exponential(1)"), ("half_cauchy", "half_cauchy(2.5)"),
                        ("student_t", "student_t(3, 0, 2)"), ("half_normal", "half_normal(0.3)"),
                        ("shifted", "student_t(4, 2, 0.5)")):
        write("gaussian_" + name, "simulated; frequency weights", "y ~ x1 + x2", "gaussian", columns, X,
              np.array(columns["y"]), ["Intercept", "x1", "x2", "log(sigma)"],
              {"coefficients": "normal(0, 2.5)", "intercept": "normal(0, 10)", "sigma": sigma},
              offset="base", weights="w")


if __name__ == "__main__":
    cbpp(sys.argv[1])
    poisson()
    bernoulli()
    gaussian()

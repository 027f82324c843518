#!/usr/bin/env python3
"""Writes wells_*.json: the exact posterior of two logistic regressions by importance sampling, and the best Gaussians.

    python3 tests/reference/make_wells.py          (needs numpy and scipy; some minutes)

Proposal: multivariate t with 10 degrees of freedom around the best full-rank Gaussian, its weights bounded since the
priors are normal.  Draws: 16 independent scrambles of a Sobol sequence; the spread between the scrambles gives the
Monte Carlo error of everything that is reported.
"""
import csv
import json
import os

import numpy as np
from scipy import special, stats
from scipy.stats import qmc

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))
PRIORS = {"coefficients": "normal(0, 2.5)", "intercept": "normal(0, 10)"}
DF, SCRAMBLES, LOG2_DRAWS, BLOCK = 10, 16, 15, 1024


def importance(model, mean, cov):
    d = len(mean)
    root = np.linalg.cholesky(cov)
    estimates = []
    for scramble in range(SCRAMBLES):
        u = qmc.Sobol(d + 1, scramble=True, rng=np.random.default_rng(1000 + scramble)).random_base2(LOG2_DRAWS)
        u = np.clip(u, 1e-12, 1 - 1e-12)
        z = special.ndtri(u[:, :d]) / np.sqrt(stats.chi2.ppf(u[:, d:], DF) / DF)
        draws = mean + z @ root.T
        log_q = stats.multivariate_t(mean, cov, df=DF).logpdf(draws)
        log_p = np.concatenate([model.log_joint(draws[i:i + BLOCK]) for i in range(0, len(draws), BLOCK)])
        log_w = log_p - log_q
        evidence = special.logsumexp(log_w) - np.log(len(log_w))
        w = np.exp(log_w - special.logsumexp(log_w))
        m = w @ draws
        c = (draws - m).T @ ((draws - m) * w[:, None])
        estimates.append((evidence, m, c, 1 / np.sum(w * w) / len(w)))
        print(f"  scramble {scramble}: log evidence {evidence:.7f}, efficiency {estimates[-1][3]:.3f}", flush=True)
    error = lambda v: np.std(np.array(v), axis=0, ddof=1) / np.sqrt(SCRAMBLES)
    m = np.mean([e[1] for e in estimates], axis=0)
    c = np.mean([e[2] for e in estimates], axis=0)
    sds = [np.sqrt(np.diag(e[2])) for e in estimates]
    return {"mean": m.tolist(), "sd": np.sqrt(np.diag(c)).tolist(), "cov": c.tolist(),
            "log_evidence": float(np.mean([e[0] for e in estimates])),
            "error_of_mean": error([e[1] for e in estimates]).tolist(), "error_of_sd": error(sds).tolist(),
            "error_of_log_evidence": float(error([e[0] for e in estimates])),
            "draws": SCRAMBLES * 2**LOG2_DRAWS, "efficiency": float(np.mean([e[3] for e in estimates]))}


def write(name, formula, X, y, names):
    model = oracle.Regression("bernoulli", X, y, PRIORS)
    start = (np.zeros(X.shape[1]), np.linalg.inv(X.T @ X / 4 + np.eye(X.shape[1]) * 0.1))
    full = oracle.fit(model, "full_rank", start)
    diagonal = oracle.fit(model, "mean_field", (full["mean"], np.diag(1 / np.diag(np.linalg.inv(full["cov"])))))
    exact = importance(model, full["mean"], full["cov"])
    sd = np.array(exact["sd"])
    print(name, "sd", np.round(sd, 5), "errors in sds", np.array(exact["error_of_mean"]) / sd, np.array(exact["error_of_sd"]) / sd)
    print("  full rank: means off by", (full["mean"] - exact["mean"]) / sd, "sds, sd ratio", np.sqrt(np.diag(full["cov"])) / sd,
          "evidence - elbo", exact["log_evidence"] - full["elbo"])
    case = {"name": name, "note": "the wells table that ships with the project", "table": "examples/data/wells.csv",
            "formula": formula, "likelihood": "bernoulli", "priors": PRIORS, "parameters": names, "exact": exact,
            "full_rank": oracle.as_json(full, "full_rank"), "mean_field": oracle.as_json(diagonal, "mean_field")}
    with open(os.path.join(HERE, name + ".json"), "w") as file:
        json.dump(case, file)
        file.write("\n")


def main():
    rows = list(csv.DictReader(open(os.path.join(HERE, "../../examples/data/wells.csv"))))
    number = lambda name: np.array([float(r[name]) for r in rows])
    is_yes = lambda name: np.array([float(r[name] == "yes") for r in rows])
    y, one = is_yes("switch"), np.ones(len(rows))
    distance, arsenic = number("distance"), number("arsenic")
    write("wells_two", "switch ~ distance + arsenic", np.column_stack([one, distance, arsenic]), y,
          ["Intercept", "distance", "arsenic"])
    write("wells_interaction", "switch ~ I(distance/100) * arsenic + association + education",
          np.column_stack([one, distance / 100, arsenic, is_yes("association"), number("education"), distance / 100 * arsenic]), y,
          ["Intercept", "I(distance/100)", "arsenic", "associationyes", "education", "I(distance/100):arsenic"])


if __name__ == "__main__":
    main()

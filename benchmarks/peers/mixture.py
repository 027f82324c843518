"""Gaussian mixtures: velbo beside scikit-learn's BayesianGaussianMixture, on the same rows from the same responsibilities.

  mixture.py --velbo PROGRAM --out FOLDER [--rows 100000] [--features 16] [--components 20] [--sweeps 50] [--rounds 5]
             [--threads 2] [--peak GFLOPS]

A sweep's time is that of sweeps + 5 less that of 5, over the number of sweeps: reading the data, the start and what follows
the last sweep are nobody's.  scikit-learn gets the best of its settings (threads of BLAS, its kernels, float32 or float64),
found first and said; velbo float32 rows.  The two take turns.  One scorer for both bounds, written here in float64 from the
definition: the ELBO of the responsibilities that each ends with, all other factors at their optimum given them, with all
constants.  Priors are the same.  scikit-learn's diagonal kind takes the normaliser of a Wishart for that of Gammas, so its
sweeps are not coordinate ascent on any bound.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NU0_EXTRA = 2  # degrees of freedom: features + this
KAPPA0 = 0.01
FIRST = 5  # sweeps of the shorter fit
SETTINGS = [{"blas_threads": t, "core": c, "dtype": d} for t in (1, 2) for c in ("", "SKYLAKEX") for d in ("f4", "f8")]


def make_data(folder, n, d, k):
    import numpy as np
    rng = np.random.default_rng(1)
    centres = 0.7 * rng.standard_normal((k, d))
    mix = 0.3 * rng.standard_normal((k, d, d)) + np.eye(d)
    label = rng.integers(0, k, n)
    x = np.empty((n, d), np.float32)
    for i in range(k):
        rows = label == i
        x[rows] = centres[i] + rng.standard_normal((rows.sum(), d)) @ mix[i].T
    # The start: nearest of some rows, mostly.
    seeds = x[rng.choice(n, k, replace=False)]
    distance = ((x ** 2).sum(1)[:, None] - 2 * x @ seeds.T + (seeds ** 2).sum(1)).astype(np.float64)
    r = np.full((n, k), 0.1 / (k - 1))
    r[np.arange(n), distance.argmin(1)] = 0.9
    np.save(os.path.join(folder, "X.npy"), x)
    np.save(os.path.join(folder, "start.npy"), r)


def prior_scale(x, kind):
    import numpy as np
    variance = x.astype(np.float64).var(axis=0, ddof=1)
    d = x.shape[1]
    # As velbo has it: the expectation of the covariance is the rows' variances.
    return np.diag(variance) * (NU0_EXTRA - 1) if kind == "full" else variance * (d + NU0_EXTRA - 2)


def run_sklearn(settings):
    import warnings

    import numpy as np
    from sklearn.mixture import BayesianGaussianMixture
    warnings.filterwarnings("ignore")
    x = np.load(os.path.join(settings["folder"], "X.npy"))
    start = np.load(os.path.join(settings["folder"], "start.npy"))
    scale, mean = prior_scale(x, settings["kind"]), x.astype(np.float64).mean(axis=0)
    x = x.astype(settings["dtype"])
    k, d = start.shape[1], x.shape[1]

    class FromStart(BayesianGaussianMixture):
        def _initialize_parameters(self, rows, *args, **more):
            self._initialize(rows, start.astype(rows.dtype))

    def fit(sweeps):
        model = FromStart(n_components=k, covariance_type={"full": "full", "diagonal": "diag"}[settings["kind"]], tol=0.0,
                          reg_covar=0.0, max_iter=sweeps, weight_concentration_prior_type="dirichlet_distribution",
                          weight_concentration_prior=1 / k, mean_precision_prior=KAPPA0, mean_prior=mean.astype(x.dtype),
                          degrees_of_freedom_prior=d + NU0_EXTRA, covariance_prior=scale.astype(x.dtype))
        begin = time.perf_counter()
        model.fit(x)
        seconds = time.perf_counter() - begin
        assert model.n_iter_ == sweeps
        return model, seconds

    fit(1)
    _, few = fit(FIRST)
    model, many = fit(FIRST + settings["sweeps"])
    if settings.get("responsibilities"):
        np.save(settings["responsibilities"], model.predict_proba(x.astype(np.float64)))
    print("RESULT " + json.dumps({"sweep_ms": (many - few) / settings["sweeps"] * 1e3}))


def call_sklearn(settings):
    env = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        env[name] = str(settings["blas_threads"])
    if settings["core"]:
        env["OPENBLAS_CORETYPE"] = settings["core"]
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--peer", json.dumps(settings)], env=env,
                          capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])["sweep_ms"]
    raise RuntimeError(done.stderr[-2000:])


def call_velbo(program, folder, kind, k, d, sweeps, threads, out=None):
    summary = os.path.join(folder, "velbo.json")
    seconds = []
    for passes in (FIRST, FIRST + sweeps):
        subprocess.run([program, "mixture", "fit", "--data", os.path.join(folder, "X.npy"), "--components", str(k),
                        "--covariance", kind, "--start", os.path.join(folder, "start.npy"), "--max-passes", str(passes),
                        "--tolerance", "1e-300", "--degrees-of-freedom", str(d + NU0_EXTRA), "--prior-kappa", str(KAPPA0),
                        "--engine", "cavi", "--threads", str(threads), "--json", summary, "--quiet",
                        *(["--out", out] if out else [])], check=False)
        with open(summary) as file:
            run = json.load(file)["fit"]
        assert run["steps"] == passes, run
        seconds.append(run["seconds"])
    return (seconds[1] - seconds[0]) / sweeps * 1e3, run["elbo"], run["scalar"]


def score(x, r, kind):
    """ELBO of q(z) = r: sum of log evidences of components with expected statistics, and the entropy of r."""
    import numpy as np
    from scipy.special import gammaln, multigammaln
    x = x.astype(np.float64)
    n, d = x.shape
    k = r.shape[1]
    m0, nu0, s0 = x.mean(axis=0), d + NU0_EXTRA, prior_scale(x, kind)
    x = x - m0
    counts = r.sum(axis=0)
    alpha = 1 / k
    total = gammaln(k * alpha) - gammaln(k * alpha + n) + (gammaln(alpha + counts) - gammaln(alpha)).sum()
    total -= (r * np.log(np.maximum(r, 1e-300))).sum()
    for i in range(k):
        weight, kappa, nu = counts[i], KAPPA0 + counts[i], nu0 + counts[i]
        mean = r[:, i] @ x / max(weight, 1e-300)
        shrink = KAPPA0 * weight / kappa
        total += -0.5 * weight * d * np.log(np.pi) + 0.5 * d * np.log(KAPPA0 / kappa)
        if kind == "full":
            apart = x - mean
            s = s0 + (apart * r[:, i:i + 1]).T @ apart + shrink * np.outer(mean, mean)
            total += multigammaln(nu / 2, d) - multigammaln(nu0 / 2, d)
            total += nu0 / 2 * np.linalg.slogdet(s0)[1] - nu / 2 * np.linalg.slogdet(s)[1]
        else:
            s = s0 + r[:, i] @ (x - mean) ** 2 + shrink * mean ** 2
            total += d * (gammaln(nu / 2) - gammaln(nu0 / 2))
            total += (nu0 / 2 * np.log(s0) - nu / 2 * np.log(s)).sum()
    return float(total)


def main():
    import numpy as np
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--velbo", required=True)
    parser.add_argument("--out", required=True)
    for name, default in (("rows", 100_000), ("features", 16), ("components", 20), ("sweeps", 50), ("rounds", 5),
                          ("threads", 2), ("peak", 0)):
        parser.add_argument("--" + name, type=int, default=default)
    a = parser.parse_args()
    os.makedirs(a.out, exist_ok=True)
    n, d, k = a.rows, a.features, a.components
    make_data(a.out, n, d, k)
    x = np.load(os.path.join(a.out, "X.npy"))
    results = {}
    for kind in ("full", "diagonal"):
        common = {"folder": a.out, "kind": kind, "sweeps": a.sweeps}
        search = [(call_sklearn({**common, **s, "sweeps": 3}), i) for i, s in enumerate(SETTINGS) if s["blas_threads"] <= a.threads]
        best = SETTINGS[min(search)[1]]
        r_file, fit_file, r_velbo = (os.path.join(a.out, name) for name in ("r_sklearn.npy", "fit.velbo", "r_velbo.npy"))
        theirs, ours = [], []
        for turn in range(a.rounds):
            ms, elbo, scalar = call_velbo(a.velbo, a.out, kind, k, d, a.sweeps, a.threads, fit_file)
            ours.append(ms)
            theirs.append(call_sklearn({**common, **best, "responsibilities": r_file if turn == 0 else ""}))
        subprocess.run([a.velbo, "mixture", "predict", fit_file, "--data", os.path.join(a.out, "X.npy"), "--out", r_velbo],
                       check=True)
        flops = 2 * n * k * (d * (d + 1) + 2 * d if kind == "full" else 4 * d)
        ratios = [t / o for t, o in zip(theirs, ours)]
        results[kind] = {"velbo_ms": ours, "sklearn_ms": theirs, "ratios": ratios, "sklearn_settings": best,
                         "sklearn_search_ms": [(ms, SETTINGS[i]) for ms, i in search], "velbo_scalar": scalar,
                         "velbo_elbo_itself": elbo, "velbo_score": score(x, np.load(r_velbo)[:, 2:], kind),
                         "sklearn_score": score(x, np.load(r_file), kind),
                         "velbo_gflops": flops / min(ours) / 1e6}
        r = results[kind]
        share = f", {100 * r['velbo_gflops'] / a.peak:.0f} % of {a.peak}" if a.peak else ""
        print(f"{kind}: velbo {statistics.median(ours):.2f} ms a sweep (best {min(ours):.2f}, {r['velbo_gflops']:.0f} GFLOP/s"
              f"{share}; {scalar}), scikit-learn {statistics.median(theirs):.1f} (best {min(theirs):.1f}; {best}), "
              f"{statistics.median(ratios):.1f} times (from {min(ratios):.1f} to {max(ratios):.1f}; best by best "
              f"{min(theirs) / min(ours):.1f})\n  ELBO by one scorer: velbo {r['velbo_score']:.2f} (says itself {elbo:.2f}), "
              f"scikit-learn {r['sklearn_score']:.2f}")
    with open(os.path.join(a.out, "mixture.json"), "w") as file:
        json.dump(results, file, indent=1)


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        run_sklearn(json.loads(sys.argv[2]))
    else:
        main()

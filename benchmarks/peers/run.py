"""Runs velbo and its peers on the same data to the same accuracy, side by side; a table on stdout, all of it as JSON.

  run.py --velbo PROGRAM --out FOLDER [--seconds 900] [--sizes small,medium,large] [--without PEER,...] [--search]

Target: every mean within 0.05 posterior sds and every sd within 5 % of the reference (make_data.py).  The clock of a peer
stops at the first checkpoint on target, which it could not know without the reference; velbo's runs until velbo itself
says that it has converged, at its defaults.  Compilation, imports and reading the data are not counted for anybody.  The
order is by turns, a program a turn.  `settings.json` has the best settings of each peer, found by --search on a grid that
is recorded there too.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import make_data
import numpy as np
from common import errors

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = {"small": (1_000, 10), "medium": (100_000, 50), "large": (1_000_000, 100)}
STEP_SIZE = (100_000, 100)  # of the comparison of single steps
SHARE = {"small": 0.004, "medium": 0.012, "large": 0.03}  # of the budget, for one run
ROUNDS = {"small": 3, "medium": 2, "large": 1}
FITS = {
    "torch_laplace": ("fit_torch.py", {"method": "laplace"}),
    "torch_advi_full_rank": ("fit_torch.py", {"method": "advi_full_rank"}),
    "torch_advi_mean_field": ("fit_torch.py", {"method": "advi_mean_field"}),
    "numpyro_multivariate": ("fit_numpyro.py", {"guide": "multivariate"}),
    "numpyro_low_rank": ("fit_numpyro.py", {"guide": "low_rank"}),
    "numpyro_normal": ("fit_numpyro.py", {"guide": "normal"}),
    "sklearn_laplace": ("fit_sklearn.py", {}),
    "statsmodels_glm": ("fit_statsmodels.py", {"method": "glm", "tol": 1e-8}),
    "statsmodels_vb": ("fit_statsmodels.py", {"method": "vb"}),
}
PRIORS = ["--likelihood", "bernoulli", "--prior", "normal(0, 2.5)", "--prior-intercept", "normal(0, 5)"]


def environment(threads):
    out = dict(os.environ, JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="", PYTHONWARNINGS="ignore")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        out[name] = str(threads)
    if threads == 1:
        out["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return out


def pinned(command, threads):
    """XLA has no reliable switch for its threads: the processors are what it is given."""
    return ["taskset", "-c", "0" if threads == 1 else f"0-{threads - 1}", *command]


def call(script, settings, limit):
    command = pinned([sys.executable, os.path.join(HERE, script), json.dumps({**settings, "limit": limit})],
                     settings["threads"])
    try:
        done = subprocess.run(command, env=environment(settings["threads"]), capture_output=True, text=True,
                              timeout=4 * limit + 120, check=False)
    except subprocess.TimeoutExpired:
        return {"seconds": None, "failed": f"ended after {4 * limit + 120:.0f} s"}
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    return {"seconds": None, "failed": (done.stderr.strip().splitlines() or ["no result"])[-1][:200]}


VELBO_LIMIT = 300  # seconds; a fit that takes longer is ended and said to have failed


def velbo(program, folder, threads, *options):
    """Seconds as the program says, and the moments."""
    summary = os.path.join(folder, "velbo.json")
    if os.path.exists(summary):
        os.remove(summary)
    command = [program, "fit", "--data", os.path.join(folder, "X.npy"), "--target", os.path.join(folder, "y.npy"),
               *PRIORS, "--threads", str(threads), "--json", summary, "--quiet", *options]
    try:
        done = subprocess.run(pinned(command, threads), capture_output=True, text=True, check=False, timeout=VELBO_LIMIT)
    except subprocess.TimeoutExpired:
        return {"seconds": None, "failed": f"ended after {VELBO_LIMIT} s"}
    if not os.path.exists(summary):
        return {"seconds": None, "failed": done.stderr.strip()[-200:]}
    with open(summary) as file:
        out = json.load(file)
    mean, sd = ([p[key] for p in out["parameters"]] for key in ("mean", "sd"))
    return {"fit": out["fit"], "mean": mean, "sd": sd}


def velbo_fit(program, folder, threads, reference):
    out = velbo(program, folder, threads)
    if "failed" in out:
        return out
    mean_error, sd_error = errors(out["mean"], out["sd"], reference)
    seconds = out["fit"]["seconds"]
    return {"seconds": seconds["fit"], "total_seconds": seconds["total"], "steps": out["fit"]["steps"],
            "status": out["fit"]["status"], "mean_error": mean_error, "sd_error": sd_error}


def velbo_step(program, folder, threads, limit):
    """Seconds a step, from two lengths of the same fit, so that what happens once does not count.  The looks at all rows between
    rounds, which no peer has, come after ever more steps: between these lengths there are four, of some 0.02 s."""
    def fit_of(steps):
        return velbo(program, folder, threads, "--engine", "gradient", "--estimator", "weights", "--family", "mean_field",
                     "--batch-size", "4096", "--draws", "8", "--optimizer", "adam", "--variance-reduction", "none", "--tolerance", "1e-12", "--max-steps",
                     str(steps))
    slopes, end = [], time.perf_counter() + 3 * limit
    while len(slopes) < 3 or (time.perf_counter() < end and len(slopes) < 9):
        pair = [fit_of(1000), fit_of(5000)]
        for out in pair:
            if "failed" in out:
                return {"seconds_a_step": None, "failed": out["failed"]}
        steps = [out["fit"]["steps"] for out in pair]
        if steps[1] <= steps[0]:
            return {"seconds_a_step": None, "failed": f"ended after {steps[1]} steps"}
        slopes.append((pair[1]["fit"]["seconds"]["fit"] - pair[0]["fit"]["seconds"]["fit"]) / (steps[1] - steps[0]))
    return {"seconds_a_step": statistics.median(slopes), "fastest": min(slopes), "blocks": len(slopes)}


def grid(name, n):
    """What --search tries; rates are in units of 1/sqrt(N), about half a posterior sd.  A start far away in sds, as of many
    rows, asks for the larger ones."""
    if name == "sklearn_laplace":
        return [{"solver": solver, "tol": tol} for solver in ("lbfgs", "newton-cholesky") for tol in (1e-4, 1e-6)]
    if name.startswith(("torch_advi", "numpyro")):
        batches = [n] if n <= 4096 else [4096, 16384, n] if n <= 100_000 else [4096, 16384]
        return [{"rate": rate / n**0.5, "steps": steps, "batch": batch, "draws": draws, "every": every}
                for batch in batches for rate in ((0.3, 1.0) if n <= 4096 else (1.0, 4.0)) for steps, every in ((1000, 50), (4000, 200))
                for draws in ((1, 8) if n <= 4096 else (8,) if batch == n else (1,))]
    return [{}]


def badness(result):
    if result.get("seconds") is not None:
        return (0, result["seconds"])
    return (1, max(result.get("mean_error", 1e300), result.get("sd_error", 1e300)))


def search(folders, settings_path, limit_of):
    """By size and peer: the settings that reach the target soonest with two threads, or come nearest in time."""
    found = {}
    for size, folder in folders.items():
        for name, (script, fixed) in FITS.items():
            tried = []
            for choice in grid(name, SIZES[size][0]):
                result = call(script, {"data": folder, "threads": 2, **fixed, **choice}, limit_of[size])
                result.pop("checkpoints", None)
                tried.append({"settings": choice, **result})
                print("search", size, name, choice, result.get("seconds"), result.get("mean_error"), result.get("sd_error"),
                      result.get("failed", ""), flush=True)
            found.setdefault(size, {})[name] = {"best": min(tried, key=badness)["settings"], "tried": tried}
            with open(settings_path, "w") as file:
                json.dump(found, file, indent=1)


def median_run(runs):
    ordered = sorted(runs, key=badness)
    return {**ordered[len(ordered) // 2], "runs": [r.get("seconds") for r in runs]}


def describe(result, ours, spent):
    if result.get("failed"):
        return "failed: " + result["failed"][:60]
    if result["seconds"] is None:
        return f"not within {result.get('spent', spent):.1f} s, at {result['mean_error']:.2g} sd and {100 * result['sd_error']:.2g} % of sd"
    return f"{result['seconds']:.4g} s, {result['seconds'] / ours:.2f} x velbo" + (
        f" (+ {result['compile_seconds']:.1f} s compiling)" if result.get("compile_seconds") else "")


def compare_fits(args, folders, settings, limit_of):
    out = {}
    for size, folder in folders.items():
        stored = np.load(os.path.join(folder, "reference.npz"))
        reference = {"mean": stored["mean"], "sd": stored["sd"]}
        precise = velbo(args.velbo, folder, 2, "--tolerance", "1e-4", "--scalar", "double", "--engine", "newton")
        agreement = errors(precise["mean"], precise["sd"], reference) if "mean" in precise else None
        out[size] = {"n_d": SIZES[size], "reference_agreement": agreement, "threads": {}}
        for threads in (2, 1):
            runs = {}
            for round_ in range(ROUNDS[size]):
                runs.setdefault("velbo", []).append(velbo_fit(args.velbo, folder, threads, reference))
                for name, (script, fixed) in FITS.items():
                    earlier = out[size]["threads"].get("2", {}).get(name)
                    if (earlier and earlier["seconds"] is None) or (round_ > 0 and runs[name][0]["seconds"] is None):
                        continue  # what did not arrive once is not waited for again, and not with fewer threads
                    choice = settings.get(size, {}).get(name, {}).get("best") or grid(name, SIZES[size][0])[0]
                    runs.setdefault(name, []).append(
                        call(script, {"data": folder, "threads": threads, **fixed, **choice}, limit_of[size]))
            table = {name: median_run(results) for name, results in runs.items()}
            out[size]["threads"][str(threads)] = table
            print(f"\nN = {SIZES[size][0]:,}, D = {SIZES[size][1]}, {threads} thread(s); velbo and the reference differ by "
                  + (f"{agreement[0]:.1e} sd, {100 * agreement[1]:.1e} % of sd" if agreement else "?"))
            ours = table["velbo"]["seconds"] or float("nan")
            for name, result in table.items():
                more = ""
                if name == "velbo" and result["seconds"] is not None:
                    more = (f"  ({result['status']}, at {result['mean_error']:.2g} sd and {100 * result['sd_error']:.2g} % of"
                            f" sd; {result['total_seconds']:.4g} s with reading and diagnosis)")
                print(f"  {name:24s}{describe(result, ours, limit_of[size])}{more}", flush=True)
    return out


def compare_steps(args, folder, limit):
    out = {}
    for threads in (2, 1):
        table = {"velbo": velbo_step(args.velbo, folder, threads, limit)}
        for peer in ("torch", "torch_compiled", "numpyro"):
            result = call("steps.py", {"data": folder, "threads": threads, "peer": peer}, limit)
            table[peer] = {"seconds_a_step": None, **result}
        out[str(threads)] = table
        print(f"\nA step of 4,096 rows, 100 columns, 8 draws (mean field, Adam), N = 100,000, {threads} thread(s)")
        ours = table["velbo"]["seconds_a_step"]
        for name, result in table.items():
            seconds = result["seconds_a_step"]
            print(f"  {name:24s}" + (f"failed: {result.get('failed')}" if seconds is None else f"{1e3 * seconds:.3f} ms"
                                     + (f", {seconds / ours:.2f} x velbo" if ours else "")), flush=True)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--velbo", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--without", default="")
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--only", choices=("fits", "steps"))
    args = parser.parse_args()
    sizes = args.sizes.split(",")
    for name in filter(None, args.without.split(",")):
        del FITS[name]
    settings_path = os.path.join(HERE, "settings.json")

    def data(n, d):
        folder = os.path.join(args.out, f"data_{n}_{d}")
        make_data.make(folder, n, d)
        return folder

    limit_of = {size: share * args.seconds for size, share in SHARE.items()}
    if args.search:
        search({size: data(*SIZES[size]) for size in sizes}, settings_path, limit_of)
        return
    settings = {}
    if os.path.exists(settings_path):
        with open(settings_path) as file:
            settings = json.load(file)
    info = subprocess.run([args.velbo, "info", "--json"], capture_output=True, text=True, check=False).stdout
    out = {"velbo_info": json.loads(info) if info.strip() else None, "budget_seconds": args.seconds,
           "load_before": os.getloadavg()}
    if args.only != "fits":
        out["steps"] = compare_steps(args, data(*STEP_SIZE), 0.004 * args.seconds)
    if args.only != "steps":
        out["fits"] = compare_fits(args, {size: data(*SIZES[size]) for size in sizes}, settings, limit_of)
    out["load_after"] = os.getloadavg()
    path = os.path.join(args.out, "peers.json")
    with open(path, "w") as file:
        json.dump(out, file, indent=1)
    print(f"\nLoad of the machine before and after: {out['load_before'][0]:.1f}, {out['load_after'][0]:.1f} (these runs' own included)"
          f"\nJSON: {path}")


if __name__ == "__main__":
    main()

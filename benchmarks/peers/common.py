"""What the peers share: the data, the target, and the clock that stops at the first checkpoint on target."""
import json
import os
import sys
import time

import numpy as np

PRIOR_SD = 2.5  # of the coefficients; normal(0, 2.5)
PRIOR_SD_INTERCEPT = 5.0
MEAN_TARGET = 0.05  # largest error of a mean, in posterior sds
SD_TARGET = 0.05  # largest relative error of an sd


def load(folder):
    """X [N, D] float32 without the intercept's column, y [N] float32."""
    return np.load(os.path.join(folder, "X.npy")), np.load(os.path.join(folder, "y.npy"))


def with_intercept(x, dtype=np.float32):
    return np.concatenate([np.ones((x.shape[0], 1), dtype), x.astype(dtype, copy=False)], axis=1)


def prior_precision(d_with_intercept):
    precision = np.full(d_with_intercept, PRIOR_SD**-2)
    precision[0] = PRIOR_SD_INTERCEPT**-2
    return precision


def errors(mean, sd, reference):
    """Largest error of the means in posterior sds, and largest relative error of the sds."""
    mean_error = np.max(np.abs(np.asarray(mean, float) - reference["mean"]) / reference["sd"])
    sd_error = np.max(np.abs(np.asarray(sd, float) / reference["sd"] - 1))
    return float(mean_error), float(sd_error)


class Run:
    """Time of one run, checkpoints excluded: `with run:` around the work, `run.check(mean, sd)` between."""

    def __init__(self, reference, limit):
        self.reference, self.limit = reference, limit
        self.seconds, self.checkpoints, self.reached = 0.0, [], None

    def __enter__(self):
        self.start = time.perf_counter()

    def __exit__(self, *unused):
        self.seconds += time.perf_counter() - self.start

    def check(self, mean, sd, steps=0):
        """True when the run may end: on target, or out of time."""
        mean_error, sd_error = errors(mean, sd, self.reference)
        self.checkpoints.append([round(self.seconds, 5), steps, mean_error, sd_error])
        if self.reached is None and mean_error <= MEAN_TARGET and sd_error <= SD_TARGET:
            self.reached = self.seconds
        return self.reached is not None or self.seconds > self.limit or not np.isfinite(mean_error + sd_error)

    def result(self, **more):
        last = self.checkpoints[-1]
        # The checkpoint that came nearest, for a run that never arrives.
        best = min(self.checkpoints, key=lambda c: max(c[2] / MEAN_TARGET, c[3] / SD_TARGET))
        return {"seconds": self.reached, "spent": self.seconds, "steps": last[1], "mean_error": best[2],
                "sd_error": best[3], "checkpoints": self.checkpoints[-40:], **more}


def arguments():
    """The settings that run.py hands to a peer, as JSON."""
    settings = json.loads(sys.argv[1])
    reference = np.load(os.path.join(settings["data"], "reference.npz"))
    return settings, {"mean": reference["mean"], "sd": reference["sd"]}


def finish(result):
    print("RESULT " + json.dumps(result), flush=True)

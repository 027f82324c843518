#!/usr/bin/env python3
"""Writes levels.json: maximum-likelihood fits of a multinomial and a cumulative logit regression by statsmodels.

    python3 tests/reference/levels/make_levels.py          (needs numpy, scipy and statsmodels; a second)

The data are simulated: 300 flowers of three species, whose four measurements overlap, with a grade from 0 to 3 that goes with the
third and the fourth.  Numbers are rounded to what is written before anything is fitted.
"""
import json
import os

import numpy as np
import scipy
import statsmodels
import statsmodels.api as sm
from statsmodels.miscmodels.ordinal_model import OrderedModel

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIES = ["setosa", "versicolor", "virginica"]
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
N = 300


def simulate():
    rng = np.random.default_rng(20240611)
    species = rng.integers(0, 3, N)
    centre = np.array([[5.4, 3.2, 3.2, 0.9], [5.8, 2.9, 4.0, 1.3], [6.2, 3.0, 4.6, 1.7]])
    sd = np.array([0.6, 0.4, 0.9, 0.5])
    x = np.round(centre[species] + sd * rng.standard_normal((N, 4)), 1)
    eta = 0.9 * x[:, 2] - 1.1 * x[:, 3]
    grade = (eta[:, None] + rng.logistic(size=N)[:, None] > np.array([0.8, 2.0, 3.5])).sum(axis=1)
    return x, species, grade


def main():
    x, species, grade = simulate()
    multinomial = sm.MNLogit(species, sm.add_constant(x)).fit(method="newton", maxiter=200, tol=1e-14, disp=0)
    # BFGS stops short of the optimum and says so: go on by Newton's method until the score vanishes.
    model = OrderedModel(grade, x, distr="logit")
    ordinal = model.fit(method="bfgs", gtol=1e-10, maxiter=2000, disp=0)
    params = ordinal.params
    for _ in range(20):
        params = params - np.linalg.solve(model.hessian(params), model.score(params))
    out = {
        "made_with": f"statsmodels {statsmodels.__version__}, scipy {scipy.__version__}, numpy {np.__version__}",
        "columns": {**{name: x[:, j].tolist() for j, name in enumerate(NAMES)},
                    "species": [SPECIES[s] for s in species], "grade": [float(g) for g in grade]},
        # Coefficients [level 2, level 3], each with the intercept first.
        "multinomial": {"mean": multinomial.params.T.ravel().tolist(), "sd": multinomial.bse.T.ravel().tolist(),
                        "log_likelihood": float(multinomial.llf)},
        # Coefficients, then the first cutpoint and the logarithms of the steps.
        "ordinal": {"mean": params.tolist(), "sd": np.sqrt(np.diag(np.linalg.inv(-model.hessian(params)))).tolist(),
                    "log_likelihood": float(model.loglike(params)),
                    "cutpoints": model.transform_threshold_params(params)[1:-1].tolist()},
    }
    with open(os.path.join(HERE, "levels.json"), "w") as file:
        json.dump(out, file, indent=None, separators=(", ", ": "))
        file.write("\n")
    print(multinomial.summary(), ordinal.summary(), params, np.abs(model.score(params)).max())


if __name__ == "__main__":
    main()

"""scikit-learn: the mode by LogisticRegression, and Laplace's approximation at it (its inverse Hessian) in numpy.

Its penalty leaves the intercept alone and knows one precision, which is the prior of the coefficients; the intercept's
prior normal(0, 5) is left out (its weight is 0.04 against an information of thousands).
"""
import numpy as np
from common import PRIOR_SD, Run, arguments, finish, load, prior_precision, with_intercept
from sklearn.linear_model import LogisticRegression

settings, reference = arguments()
x, y = load(settings["data"])
run = Run(reference, settings["limit"])
with run:
    model = LogisticRegression(C=PRIOR_SD**2, solver=settings["solver"], tol=settings["tol"], max_iter=1000).fit(x, y)
    mode = np.concatenate([model.intercept_, model.coef_[0]])
    information = np.diag(prior_precision(len(mode)))
    for begin in range(0, len(y), 50_000):
        rows = with_intercept(x[begin:begin + 50_000])
        p = 1 / (1 + np.exp(-(rows @ mode.astype(np.float32))))
        information += (rows * (p * (1 - p))[:, None]).T @ rows
    sd = np.sqrt(np.diag(np.linalg.inv(information)))
run.check(mode, sd, int(model.n_iter_[0]))
finish(run.result())

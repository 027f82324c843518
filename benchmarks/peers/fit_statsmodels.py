"""statsmodels: what it has for this model.

BinomialBayesMixedGLM.fit_vb is its variational inference: mean field, one prior sd for all fixed effects (the intercept's
too), and at least one random effect, which this model has not: a single one with a prior that holds it at zero is as
near as it comes.  GLM fits the maximum of the likelihood without the priors; its inverse information is taken for the
posterior.
"""
import numpy as np
import statsmodels.api as sm
from common import PRIOR_SD, Run, arguments, finish, load, with_intercept

settings, reference = arguments()
x, y = load(settings["data"])
run = Run(reference, settings["limit"])
if settings["method"] == "glm":
    with run:
        fit = sm.GLM(y, with_intercept(x, np.float64), family=sm.families.Binomial()).fit(tol=settings["tol"])
    run.check(fit.params, fit.bse, fit.fit_history["iteration"])
else:
    from scipy import sparse
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
    with run:
        rows = with_intercept(x, np.float64)
        nothing = sparse.csr_matrix(np.zeros((len(y), 1)))
        model = BinomialBayesMixedGLM(y.astype(float), rows, nothing, np.zeros(1, int), vcp_p=0.1, fe_p=PRIOR_SD)
        fit = model.fit_vb(verbose=False)
    run.check(fit.fe_mean, fit.fe_sd)
finish(run.result())

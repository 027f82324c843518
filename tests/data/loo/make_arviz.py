"""arviz.json: log likelihoods, sequences, and what ArviZ 0.19 makes of them.  Needs numpy and arviz: python3 make_arviz.py > arviz.json"""
import json

import arviz as az
import numpy as np
from scipy.special import logsumexp

rng = np.random.default_rng(20)
draws, data = 150, 5
y = np.array([0.3, -0.8, 1.1, 0.2, 3.4])
theta = rng.normal(y.mean(), 0.5, draws)
log_likelihood = np.round(-0.5 * (y[None, :] - theta[:, None]) ** 2 - 0.5 * np.log(2 * np.pi), 6)
log_ratios = np.round(-0.4 * (theta - 0.7) ** 2, 6)  # of an approximation that is too wide

idata = az.from_dict(posterior={"theta": theta[None]}, log_likelihood={"y": log_likelihood[None]})
loo, waic = az.loo(idata, pointwise=True, reff=1.0), az.waic(idata, pointwise=True)
# The mixture of both ratios is not in ArviZ, but its smoothing is.
mixed, k_hat = [], []
for n in range(data):
    log_weights, k = az.psislw(log_ratios - log_likelihood[:, n])
    mixed.append(float(logsumexp(log_weights + log_likelihood[:, n])))
    k_hat.append(float(k))

sequences = {}
for name, rho in (("slow", 0.9), ("fast", 0.0), ("alternating", -0.7)):
    x = np.zeros((3, 51))
    for t in range(51):
        x[:, t] = (rho * x[:, t - 1] if t else 0) + rng.normal(size=3)
    sequences[name] = np.round(x, 4)
sequences["apart"] = np.round(sequences["fast"] + np.array([[0], [1.5], [0]]), 4)
sequences["trend"] = np.round(rng.normal(size=(2, 40)) + 0.1 * np.arange(40), 4)

print(json.dumps({
    "arviz": az.__version__,
    "log_likelihood": log_likelihood.ravel().tolist(), "log_ratios": log_ratios.tolist(), "n_draws": draws,
    "loo": {"elpd": float(loo.elpd_loo), "se": float(loo.se), "p": float(loo.p_loo), "pointwise": loo.loo_i.values.tolist(),
            "k_hat": loo.pareto_k.values.tolist()},
    "waic": {"elpd": float(waic.elpd_waic), "se": float(waic.se), "p": float(waic.p_waic), "pointwise": waic.waic_i.values.tolist()},
    "mixed": {"pointwise": mixed, "k_hat": k_hat},
    "sequences": [{"name": n, "n_sequences": len(x), "values": x.ravel().tolist(), "r_hat": float(az.rhat(x, method="split")),
                   "ess": float(az.ess(x, method="mean")), "mcse": float(az.mcse(x, method="mean"))}
                  for n, x in sequences.items()],
}, indent=None))

"""NumPyro: SVI with its automatic guides, a hundred or more steps in one jitted lax.scan; compilation is timed apart."""
import os
import sys
import time

import common

settings, reference = common.arguments()
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import SVI, Trace_ELBO, autoguide

x, y = common.load(settings["data"])
x, y = jnp.asarray(common.with_intercept(x)), jnp.asarray(y)
n, d = x.shape
batch, total, every = min(settings["batch"], n), settings["steps"], settings["every"]
prior_sd = jnp.asarray(common.prior_precision(d) ** -0.5, jnp.float32)
scale = 1 / np.sqrt(n)  # about the posterior's: a start that no general default has


def model(xb, yb):
    z = numpyro.sample("z", dist.Normal(0, prior_sd).to_event(1))
    with numpyro.handlers.scale(scale=n / batch):
        numpyro.sample("y", dist.Bernoulli(logits=xb @ z).to_event(1), obs=yb)


start = numpyro.infer.init_to_value(values={"z": jnp.zeros(d)})
guide = {"normal": autoguide.AutoNormal, "multivariate": autoguide.AutoMultivariateNormal,
         "low_rank": autoguide.AutoLowRankMultivariateNormal}[settings["guide"]](
             model, init_loc_fn=start, init_scale=2 * scale)
rate = settings["rate"]
optimizer = numpyro.optim.Adam(lambda t: rate * (0.01 + 0.495 * (1 + jnp.cos(jnp.pi * jnp.minimum(t / total, 1.0)))))
svi = SVI(model, guide, optimizer, Trace_ELBO(num_particles=settings["draws"]))
state = svi.init(jax.random.PRNGKey(1), x[:batch], y[:batch])


def step(state_and_key, _):
    state, key = state_and_key
    key, sub = jax.random.split(key)
    if batch < n:
        rows = jax.random.randint(sub, (batch,), 0, n)
        state, loss = svi.update(state, x[rows], y[rows])
    else:
        state, loss = svi.update(state, x, y)
    return (state, key), loss


@jax.jit
def steps(state_and_key):
    return jax.lax.scan(step, state_and_key, None, length=every)[0]


def moments(state):
    parameters = svi.get_params(state)
    if settings["guide"] == "normal":
        return parameters["z_auto_loc"], parameters["z_auto_scale"]
    posterior = guide.get_posterior(parameters)
    return posterior.mean, jnp.sqrt(jnp.diag(posterior.covariance_matrix))


run = common.Run(reference, settings["limit"])
now = (state, jax.random.PRNGKey(2))
begin = time.perf_counter()
compiled = steps.lower(now).compile()
compile_seconds = time.perf_counter() - begin
for done in range(every, total + 1, every):
    with run:
        now = jax.block_until_ready(compiled(now))
    if run.check(*moments(now[0]), done):
        break
common.finish(run.result(compile_seconds=compile_seconds))

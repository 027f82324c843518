"""Seconds a step of the same algorithm: mean field, reparameterised draws of the weights, Adam.

N = 100,000, D = 100, a batch of 4,096 rows, 8 draws; the median of blocks of steps, compilation apart.
"""
import statistics
import time

import common

settings, _ = common.arguments()
x, y = common.load(settings["data"])
n, batch, draws, block = len(y), 4096, 8, 50
blocks, compile_seconds = [], 0.0

if settings["peer"] == "numpyro":
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import SVI, Trace_ELBO, autoguide
    x, y = jnp.asarray(common.with_intercept(x)), jnp.asarray(y)
    prior_sd = jnp.asarray(common.prior_precision(x.shape[1]) ** -0.5, jnp.float32)

    def model(xb, yb):
        z = numpyro.sample("z", dist.Normal(0, prior_sd).to_event(1))
        with numpyro.handlers.scale(scale=n / batch):
            numpyro.sample("y", dist.Bernoulli(logits=xb @ z).to_event(1), obs=yb)

    svi = SVI(model, autoguide.AutoNormal(model, init_scale=0.01), numpyro.optim.Adam(1e-3),
              Trace_ELBO(num_particles=draws))
    now = (svi.init(jax.random.PRNGKey(1), x[:batch], y[:batch]), jax.random.PRNGKey(2))

    def step(carry, _):
        state, key = carry
        key, sub = jax.random.split(key)
        rows = jax.random.randint(sub, (batch,), 0, n)
        state, loss = svi.update(state, x[rows], y[rows])
        return (state, key), loss

    many = jax.jit(lambda carry: jax.lax.scan(step, carry, None, length=block)[0])
    begin = time.perf_counter()
    compiled = many.lower(now).compile()
    compile_seconds = time.perf_counter() - begin

    def run_block():
        global now
        now = jax.block_until_ready(compiled(now))
else:
    import numpy as np
    import torch
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(1)
    x, y = torch.from_numpy(common.with_intercept(x)), torch.from_numpy(y)
    precision = torch.from_numpy(common.prior_precision(x.shape[1]).astype(np.float32))
    mean = torch.zeros(x.shape[1], requires_grad=True)
    log_sd = torch.full((x.shape[1],), -5.0, requires_grad=True)
    optimizer = torch.optim.Adam([mean, log_sd], lr=1e-3)

    def loss_of(xb, yb, eps):
        z = mean + eps * log_sd.exp()
        eta = z @ xb.T
        likelihood = (eta @ yb - torch.nn.functional.softplus(eta).sum(1)).mean() * (n / batch)
        return -(likelihood - 0.5 * (precision * z * z).sum(1).mean() + log_sd.sum())

    if settings["peer"] == "torch_compiled":
        loss_of = torch.compile(loss_of)

    def run_block():
        for _ in range(block):
            rows = torch.randint(n, (batch,))
            loss = loss_of(x[rows], y[rows], torch.randn(draws, x.shape[1]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    if settings["peer"] == "torch_compiled":
        begin = time.perf_counter()
        loss_of(x[:batch], y[:batch], torch.randn(draws, x.shape[1])).backward()
        compile_seconds = time.perf_counter() - begin

run_block()  # caches, allocators
end = time.perf_counter() + settings["limit"]
while time.perf_counter() < end or len(blocks) < 3:
    begin = time.perf_counter()
    run_block()
    blocks.append((time.perf_counter() - begin) / block)
common.finish({"seconds_a_step": statistics.median(blocks), "fastest": min(blocks), "blocks": len(blocks),
               "compile_seconds": compile_seconds})

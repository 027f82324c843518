"""PyTorch on the CPU, as one writes it: stochastic variational inference with reparameterised draws and Adam, or Laplace.

advi_full_rank, advi_mean_field: eager; draws of the weights, one set a step for the whole batch; the entropy in closed
form; a learning rate that falls to a hundredth as a cosine.  laplace: full-batch L-BFGS to the mode, then the Hessian.
"""
import math

import numpy as np
import torch
from common import Run, arguments, finish, load, prior_precision, with_intercept

settings, reference = arguments()
torch.set_num_threads(settings["threads"])
torch.manual_seed(1)
x, y = load(settings["data"])
x, y = torch.from_numpy(with_intercept(x)), torch.from_numpy(y)
n, d = x.shape
precision = torch.from_numpy(prior_precision(d).astype(np.float32))
run = Run(reference, settings["limit"])


def laplace():
    z = torch.zeros(d, requires_grad=True)
    optimizer = torch.optim.LBFGS([z], max_iter=10, history_size=20, tolerance_grad=0, tolerance_change=0,
                                  line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        eta = x @ z
        value = (torch.nn.functional.softplus(eta).sum() - y @ eta + 0.5 * (precision * z * z).sum()) / n
        value.backward()
        return value

    for steps in range(10, 210, 10):
        with run:
            optimizer.step(loss)
            with torch.no_grad():
                p = torch.sigmoid(x @ z)
                information = (x * (p * (1 - p))[:, None]).T @ x + torch.diag(precision)
                sd = torch.linalg.inv(information.double()).diagonal().sqrt()
        if run.check(z.detach().numpy(), sd.numpy(), steps):
            break


def advi(full_rank):
    batch, draws, total = min(settings["batch"], n), settings["draws"], settings["steps"]
    scale = 1 / math.sqrt(n)  # about the posterior's: a start that no general default has
    mean = torch.zeros(d, requires_grad=True)
    log_sd = torch.full((d,), math.log(2 * scale), requires_grad=True)
    lower = torch.zeros((d, d), requires_grad=True)
    parameters = [{"params": [mean], "lr": settings["rate"]}, {"params": [log_sd], "lr": 10 * settings["rate"]}]
    if full_rank:
        parameters.append({"params": [lower], "lr": settings["rate"]})
    optimizer = torch.optim.Adam(parameters)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(t / total, 1))))
    for step in range(1, total + 1):
        with run:
            rows = torch.randint(n, (batch,)) if batch < n else slice(None)
            xb, yb = x[rows], y[rows]
            eps = torch.randn(draws, d)
            z = mean + eps * log_sd.exp()
            if full_rank:
                z = z + scale * (eps @ torch.tril(lower, -1).T)
            eta = z @ xb.T
            likelihood = (eta @ yb - torch.nn.functional.softplus(eta).sum(1)).mean() * (n / batch)
            loss = -(likelihood - 0.5 * (precision * z * z).sum(1).mean() + log_sd.sum()) / n
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if step % settings["every"] == 0:
            with torch.no_grad():
                variance = torch.exp(2 * log_sd)
                if full_rank:
                    variance = variance + scale**2 * (torch.tril(lower, -1) ** 2).sum(1)
            if run.check(mean.detach().numpy(), variance.sqrt().numpy(), step):
                break


if settings["method"] == "laplace":
    laplace()
else:
    advi(settings["method"] == "advi_full_rank")
finish(run.result())

"""The best Gaussian approximation of a regression's posterior, in numpy double: what the library must reproduce.

Shares no formula with the library: likelihood terms by Gauss-Hermite quadrature (two-dimensional where the scale is
unknown), priors by adaptive quadrature and Stein's identities, optimum by damped Newton steps on the exact ELBO.
"""
import numpy as np
from scipy import integrate, special, stats

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(90)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
KEEP = WEIGHTS > 1e-22
NODES, WEIGHTS = NODES[KEEP], WEIGHTS[KEEP]


# ---- priors: strings in the program's syntax -----------------------------------------------------------------------
def parse(text):
    if text == "flat":
        return "flat", []
    name, rest = text.rstrip(")").split("(")
    return name.strip(), [float(v) for v in rest.split(",")]


def log_density(text, positive=False):
    """(log p as a function, points where it is not smooth)"""
    name, a = parse(text)
    if name == "flat":
        return (lambda x: np.zeros_like(x)), []
    if name in ("half_normal", "half_cauchy", "half_student_t"):
        name, a = name[5:], ([a[0], 0.0, a[1]] if name == "half_student_t" else [0.0, a[0]])
        assert positive
    if name == "exponential":
        assert positive
        return (lambda x: np.log(a[0]) - a[0] * x), []
    d = {"normal": lambda: stats.norm(a[0], a[1]), "student_t": lambda: stats.t(a[0], a[1], a[2]),
         "cauchy": lambda: stats.cauchy(a[0], a[1]), "laplace": lambda: stats.laplace(a[0], a[1])}[name]()
    norm = d.logsf(0) if positive else 0.0  # cut off at 0 and normalised there
    return (lambda x: d.logpdf(x) - norm), [a[0]] if name == "laplace" else []


def expected_prior(text, mean, sd, positive=False):
    """E log p, E (log p)', E (log p)'' for N(mean, sd^2); of log p(e^u) where positive."""
    name, a = parse(text)
    if name == "flat":
        return 0.0, 0.0, 0.0
    if name == "normal" and not positive:
        return (stats.norm.logpdf(mean, a[0], a[1]) - 0.5 * (sd / a[1]) ** 2, -(mean - a[0]) / a[1] ** 2, -1 / a[1] ** 2)
    f, kinks = log_density(text, positive)
    at = (lambda z: f(np.exp(mean + sd * z))) if positive else (lambda z: f(mean + sd * z))
    base = float(at(np.array(0.0)))
    where = [(np.log(k) if positive else k) - mean for k in kinks if not positive or k > 0]
    points = sorted({-10.0, 10.0, 0.0} | {p / sd for p in where if abs(p / sd) < 10})
    out = []
    for stein in (lambda z: 1.0, lambda z: z / sd, lambda z: (z * z - 1) / sd**2):
        g = lambda z: (float(at(np.array(z))) - base) * stein(z) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
        out.append(sum(integrate.quad(g, p, q, epsabs=1e-14, epsrel=1e-13, limit=400)[0]
                       for p, q in zip(points[:-1], points[1:])))
    return out[0] + base, out[1], out[2]


# ---- likelihoods: rows' E f, E f', E f'' in eta (and u) ----------------------------------------------------------------
def rows_logistic(y, n, m, s):
    eta = m[:, None] + s[:, None] * NODES
    p = special.expit(eta)
    value = y[:, None] * eta - n[:, None] * np.logaddexp(0, eta)
    const = special.gammaln(n + 1) - special.gammaln(y + 1) - special.gammaln(n - y + 1)
    return value @ WEIGHTS + const, y - n * (p @ WEIGHTS), -n * ((p * (1 - p)) @ WEIGHTS)


def rows_poisson(y, m, s):
    rate = np.exp(m[:, None] + s[:, None] * NODES) @ WEIGHTS
    return y * m - rate - special.gammaln(y + 1), y - rate, -rate


class Regression:
    """X [N, D] with the intercept first; the last latent is u = log sigma for gaussian."""

    def __init__(self, likelihood, X, y, priors, trials=None, weights=None, offset=None):
        self.likelihood, self.X, self.y = likelihood, X, y
        n = len(y)
        self.trials = np.ones(n) if trials is None else trials
        self.weights = np.ones(n) if weights is None else weights
        self.offset = np.zeros(n) if offset is None else offset
        d = X.shape[1]
        self.priors = [priors["intercept"]] + [priors["coefficients"]] * (d - 1)
        self.scale_prior = priors.get("sigma") if likelihood == "gaussian" else None
        self.n_latents = d + (likelihood == "gaussian")

    def expectations(self, mean, cov):
        """E log joint (with the log Jacobian of sigma), E gradient, E Hessian."""
        X, w = self.X, self.weights
        d = X.shape[1]
        gradient, hessian = np.zeros(self.n_latents), np.zeros((self.n_latents,) * 2)
        m = X @ mean[:d] + self.offset
        v = np.einsum("nd,de,ne->n", X, cov[:d, :d], X)
        if self.likelihood == "gaussian":
            value = self.gaussian_rows(m, v, X @ cov[:d, d], mean[d], cov[d, d], gradient, hessian)
            value += mean[d]  # log |d sigma / d u| = u
            gradient[d] += 1
            f = expected_prior(self.scale_prior, mean[d], np.sqrt(cov[d, d]), positive=True)
            value, gradient[d], hessian[d, d] = value + f[0], gradient[d] + f[1], hessian[d, d] + f[2]
        else:
            s = np.sqrt(v)
            f = rows_poisson(self.y, m, s) if self.likelihood == "poisson" else rows_logistic(self.y, self.trials, m, s)
            value = w @ f[0]
            gradient += X.T @ (w * f[1])
            hessian += (X.T * (w * f[2])) @ X
        for i, prior in enumerate(self.priors):
            f = expected_prior(prior, mean[i], np.sqrt(cov[i, i]))
            value, gradient[i], hessian[i, i] = value + f[0], gradient[i] + f[1], hessian[i, i] + f[2]
        return value, gradient, hessian

    def gaussian_rows(self, m, v, c, mean_u, var_u, gradient, hessian):
        # (eta, u): u = mean_u + sd_u z1, eta | u Gaussian; product rule over (z1, z2).
        X, w, d = self.X, self.weights, self.X.shape[1]
        sd_u = np.sqrt(var_u)
        z1, z2 = NODES[:, None], NODES[None, :]
        joint = WEIGHTS[:, None] * WEIGHTS[None, :]
        total = 0.0
        for n in range(len(m)):
            rest = np.sqrt(max(v[n] - (c[n] / sd_u) ** 2, 0))
            u = mean_u + sd_u * z1 + 0 * z2
            r = self.y[n] - (m[n] + c[n] / sd_u * z1 + rest * z2)
            e = np.exp(-2 * u)
            mean_of = lambda a: np.sum(joint * a)
            total += w[n] * mean_of(-0.5 * np.log(2 * np.pi) - u - 0.5 * e * r * r)
            gradient[:d] += w[n] * X[n] * mean_of(e * r)
            gradient[d] += w[n] * mean_of(e * r * r - 1)
            hessian[:d, :d] -= w[n] * np.outer(X[n], X[n]) * mean_of(e)
            cross = -2 * w[n] * X[n] * mean_of(e * r)
            hessian[:d, d] += cross
            hessian[d, :d] += cross
            hessian[d, d] -= 2 * w[n] * mean_of(e * r * r)
        return total

    def log_joint(self, z):
        """[S, D] unconstrained -> [S]; for importance sampling."""
        d = self.X.shape[1]
        eta = z[:, :d] @ self.X.T + self.offset
        if self.likelihood == "gaussian":
            u = z[:, d:]
            out = (-0.5 * np.log(2 * np.pi) - u - 0.5 * np.exp(-2 * u) * (self.y - eta) ** 2) @ self.weights
            out += z[:, d] + log_density(self.scale_prior, True)[0](np.exp(z[:, d]))
        elif self.likelihood == "poisson":
            out = (self.y * eta - np.exp(eta) - special.gammaln(self.y + 1)) @ self.weights
        else:
            const = (special.gammaln(self.trials + 1) - special.gammaln(self.y + 1)
                     - special.gammaln(self.trials - self.y + 1))
            # log(1 + e^eta) in place, for speed
            out = eta @ (self.weights * self.y) + self.weights @ const
            softplus = np.abs(eta)
            np.negative(softplus, out=softplus)
            np.exp(softplus, out=softplus)
            np.log1p(softplus, out=softplus)
            softplus += np.maximum(eta, 0)
            out -= softplus @ (self.weights * self.trials)
        for i, prior in enumerate(self.priors):
            out += log_density(prior)[0](z[:, i])
        return out


def entropy(cov):
    return 0.5 * len(cov) * (1 + np.log(2 * np.pi)) + 0.5 * np.linalg.slogdet(cov)[1]


def fit(model, family, start=None, tolerance=1e-10):
    """Damped Newton: mean and precision move towards the fixed point, halving the step until the ELBO rises.

    Returns mean, cov, elbo and the norm of the gradient in units of posterior sds (whitened).
    """
    d = model.n_latents
    mean, cov = (np.zeros(d), np.eye(d) * 0.1) if start is None else start
    full = family == "full_rank"
    if not full:
        cov = np.diag(np.diag(cov))
    value, g, h = model.expectations(mean, cov)
    elbo = value + entropy(cov)
    for _ in range(500):
        precision = np.linalg.inv(cov)
        target = -h if full else np.diag(np.diag(-h))
        root = np.linalg.cholesky(cov)
        norm = max(np.abs(root.T @ g).max(), np.abs(root.T @ (precision - target) @ root).max())
        if norm < tolerance:
            break
        step = 1.0
        while step > 1e-12:
            new_precision = (1 - step) * precision + step * target
            if np.linalg.eigvalsh(new_precision)[0] > 0:
                new_cov = np.linalg.inv(new_precision)
                new_cov = (new_cov + new_cov.T) / 2
                # The mean's Newton step uses the whole Hessian even where q is mean field.
                curvature = (1 - step) * (precision if full else precision - target - h) + step * -h
                curvature = -h if np.linalg.eigvalsh(curvature)[0] <= 0 else curvature
                new_mean = mean + step * np.linalg.solve(curvature, g)
                new_value, new_g, new_h = model.expectations(new_mean, new_cov)
                if new_value + entropy(new_cov) > elbo - 1e-11 * (1 + abs(elbo)):
                    break
            step /= 2
        else:
            raise RuntimeError(f"no step raises the ELBO, gradient {norm:.1e}")
        mean, cov, value, g, h = new_mean, new_cov, new_value, new_g, new_h
        elbo = value + entropy(cov)
    assert norm < 1e-7, f"not converged: {norm:.1e}"
    return {"mean": mean, "cov": cov, "elbo": elbo, "gradient_norm": norm}


def as_json(result, family):
    out = {"mean": result["mean"].tolist(), "elbo": float(result["elbo"]), "gradient_norm": float(result["gradient_norm"])}
    if family == "full_rank":
        out["cov"] = result["cov"].tolist()
    else:
        out["sd"] = np.sqrt(np.diag(result["cov"])).tolist()
    return out

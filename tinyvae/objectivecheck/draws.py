"""Draws held against their log-density: what `objectivecheck` asks of q, claim by claim."""

import math
from functools import partial

import numpy as np

from tinyvae.errors import check_shape
from tinyvae.exact.quadrature import NotReached, integrate
from tinyvae.objectivecheck import hints
from tinyvae.objectivecheck.report import Claim, worst

INTEGRAL, CENTRE, SPREAD = "integral of q", "E[s dlog q/dz]", "E[(z-c) dlog q/dz]"
PAIRS, LOG_Q, LOG_RATIO = "E[(z_i-c_i) dlog q/dz_j]", "E[log q]", "E[log q/p]"
TAILS = 5.0  # degrees of freedom of the proposal for an integral over several latents


class Draws:
    """n draws z (n, Z), and log q (n,) at them; the centre c and the spread s of other draws.

    ValueError for a sampler or a density that does not return what it should.
    """

    def __init__(self, sample, log_prob, support, n, rng):
        self.pilot = self._draw(sample, rng, max(n // 10, 200))
        self.z = self._draw(sample, rng, n)
        self.log_prob, self.log_q, self.rng = log_prob, None, rng
        self.Z = self.z.shape[1]
        self.smooth = log_prob is not None and support is not None
        ends = (-math.inf, math.inf) if support is None else support
        if np.shape(ends)[:1] != (2,):
            raise ValueError(f"support must be (low, high) or None, not {support!r}")
        self.low, self.high = (np.broadcast_to(np.asarray(e, float), self.Z) for e in ends)
        if not (self.low < self.high).all():
            raise ValueError(f"support must go from low to a high above it, not {support!r}")
        self.whole_line = bool(np.isinf(self.low).all() and np.isinf(self.high).all())

    def _draw(self, sample, rng, n):
        z = np.asarray(sample(rng, n))
        if z.ndim not in (1, 2) or len(z) != n or z.size == 0 or z.dtype.kind not in "fiub":
            raise ValueError(
                f"sample(rng, {n}) returned shape {z.shape} of {z.dtype}, expected {n} draws of "
                f"real numbers: ({n},) or ({n}, Z)"
            )
        self.flat = z.ndim == 1
        return z.reshape(n, -1) if z.dtype.kind == "f" else z.reshape(n, -1).astype(float)

    def log(self, z, log_prob=None, name="log_prob"):
        """log q (n,) at z (n, Z), asked in the shape that the user's draws have."""
        y = (log_prob or self.log_prob)(z[:, 0] if self.flat else z)
        y = np.asarray(y[0] if isinstance(y, tuple) else y)
        if y.shape != (len(z),):
            hint = ": sum over the latents" if y.ndim == 2 else ""
            raise ValueError(f"{name} returned shape {y.shape}, expected ({len(z)},){hint}")
        return y if y.dtype.kind == "f" else y.astype(float)

    def claims(self, judge, *, mean, variance, entropy, kl, log_prior):
        """(Claims, remarks): what was checked, and what nobody asked for and could not be."""
        bad = self._impossible()
        if bad:
            return [bad], []
        found, remarks, stated = [], [], {"mean": mean, "variance": variance, "entropy": entropy}
        if self.smooth:
            self._locate()
            found += self._stein(judge)
            known, remarks = self._by_quadrature() if self.Z == 1 else ({}, [])
            found = self._integral(judge, known, all(c.ok for c in found)) + found
            stated = {k: known.get(k) if v is None else v for k, v in stated.items()}
        for name in ("mean", "variance"):
            if stated[name] is not None:
                found.append(self._moment(judge, name, stated[name]))
        if stated["entropy"] is not None:
            # Draws of another law are off by any number of nats: it need not be a constant.
            fits = all(c.verdict not in ("wrong", "nan") for c in found if c.claim != INTEGRAL)
            note = partial(hints.mean_log, latents=self.Z, fits=fits)
            found.append(judge.drawn(LOG_Q, self.log_q, -stated["entropy"], note=note))
        if kl is not None:
            ratio = self.log_q - self.log(self.z, log_prior, "log_prior")
            note = partial(hints.divergence, latents=self.Z)
            found.append(judge.drawn(LOG_RATIO, ratio, kl, unit=max(1.0, abs(kl)), note=note))
        asked = {"mean": mean, "variance": variance, INTEGRAL: None, LOG_Q: entropy}
        hidden = [
            claim
            for claim in found
            if asked.get(claim.claim, True) is None and claim.verdict in ("unseen", "nan")
        ]
        remarks += [f"{claim.claim}: {claim.note}" for claim in hidden]
        return [claim for claim in found if claim not in hidden], remarks

    def _impossible(self):
        """A Claim about draws or densities that are not finite, where nothing else can begin."""
        if not np.isfinite(self.z).all():
            at = self.z[~np.isfinite(self.z).all(axis=1)][0]
            return Claim("draws", verdict="nan", note=f"sample made z = {at}")
        outside = ~((self.z > self.low) & (self.z < self.high)).all(axis=1)
        if outside.any():
            at = self.z[outside][0]
            why = f"{outside.sum()} draws are not inside the support, such as z = {at}"
            return Claim("draws", verdict="wrong", note=why)
        if self.log_prob is None:
            return None
        self.log_q = self.log(self.z)
        bad = ~np.isfinite(self.log_q)
        if not bad.any():
            return None
        why = f"log_prob is {self.log_q[bad][0]} at z = {self.z[bad][0]}, which sample has drawn"
        return Claim("log q", verdict="nan", note=why)

    # -- Stein's identities

    def _locate(self):
        """c and s, which are no part of what is checked: of the pilot draws."""
        first, self.c, third = np.quantile(self.pilot, [0.25, 0.5, 0.75], axis=0)
        s = (third - first) / 1.349  # of a Normal, its standard deviation: a Cauchy has none
        s = np.where(s > 0.0, s, self.pilot.std(axis=0))
        self.s = np.where(s > 0.0, s, 1.0)

    def _stein(self, judge):
        """With u = w' + w dlog q/dz: E[u] = 0, and E[(z_i - c_i) u_j] = -E[w] of i = j, else 0."""
        scale = self._window(self.pilot)[0].mean(axis=0)
        w, dw = (part / scale for part in self._window(self.z))
        u, off = self.s * (dw + w * self._slopes()), (self.z - self.c) / self.s
        spread, Z = off * u + (w - 1.0), self.Z
        found = [
            judge.drawn(CENTRE, u, np.zeros(Z), note=lambda c: hints.centre(c, self.whole_line)),
            judge.drawn(SPREAD, spread, np.full(Z, -1.0), note=lambda c: self._spread(c, spread)),
        ]
        rows = []
        for j in range(Z if Z > 1 else 0):
            pairs = off * u[:, j : j + 1]
            pairs[:, j] = 0.0
            note = partial(hints.pair, other=j)
            rows.append(judge.drawn(PAIRS, pairs, np.zeros(Z), note=note))
            rows[-1].place, rows[-1].count = (*rows[-1].place, j), Z * (Z - 1)
        return [*found, worst(rows)] if rows else found

    def _spread(self, claim, spread):
        return hints.spread(claim, spread.mean(axis=0), self.z.std(axis=0), self.whole_line)

    def _window(self, z):
        """w and w' (n, Z): w = 1 / (1 + s / r) at a distance r from an end of the support."""
        with np.errstate(over="ignore", invalid="ignore"):
            below, above = z - self.low, self.high - z
            rise, fall = 1.0 / (1.0 + self.s / below), 1.0 / (1.0 + self.s / above)
            drise, dfall = self.s * (rise / below) ** 2, self.s * (fall / above) ** 2
        return rise * fall, drise * fall - rise * dfall

    def _slopes(self):
        """dlog q/dz (n, Z) by central differences, of a step that stays inside the support."""
        digits = max(np.finfo(self.z.dtype).eps, np.finfo(self.log_q.dtype).eps)
        room = np.minimum(self.z - self.low, self.high - self.z)
        h = digits ** (1.0 / 3.0) * np.minimum(np.maximum(self.s, abs(self.z - self.c)), room)
        slopes = np.empty(self.z.shape)
        for j in range(self.Z):
            ahead, behind = self.z.copy(), self.z.copy()
            ahead[:, j] += h[:, j]
            behind[:, j] -= h[:, j]
            with np.errstate(all="ignore"):  # what is not finite becomes a verdict
                rise = self.log(ahead) - self.log(behind)
                slopes[:, j] = rise / (ahead[:, j] - behind[:, j])
        return slopes

    # -- What the density says by itself

    def _by_quadrature(self):
        """({integral, entropy, mean, variance} of the density of one number, remarks): what exists
        and is reached."""
        (c,), (s,), known = self.c, self.s, {}
        marks = np.quantile(self.pilot, [0.1, 0.5, 0.9])
        low, high = float(self.low[0]), float(self.high[0])
        functions = {
            "integral": lambda z, log_q: np.ones_like(z),
            "entropy": lambda z, log_q: -log_q,
            "mean": lambda z, log_q: (z - c) / s,
            "variance": lambda z, log_q: ((z - c) / s) ** 2,
        }
        remarks = []
        for name, f in functions.items():

            def rows(z, f=f):
                log_q = self.log(z[:, None].astype(self.z.dtype)).astype(float)
                q = np.exp(log_q)
                return np.where(q > 0.0, f(z, log_q) * q, 0.0)  # of no q: the integral will tell

            try:
                what = f"the {name} of q"
                found, _ = integrate(
                    rows, low, high, breaks=marks, rtol=1e-9, panels=2000, what=what
                )
                known[name] = float(np.sum(found))
            except NotReached as error:
                remarks.append(str(error))
            except (ArithmeticError, ValueError) as error:  # a density may refuse what is far out
                remarks.append(f"{what}, by quadrature: {error}")
            if not known.get("integral", 0.0) > 0.0:
                return {}, remarks or ["the integral of q: no density was found"]
        mass = known["integral"]
        if "entropy" in known:  # that of q / mass, which has mass 1
            known["entropy"] = known["entropy"] / mass + math.log(mass)
        if "mean" in known:
            shift = known["mean"] / mass
            known["mean"] = c + s * shift
            if "variance" in known:
                known["variance"] = s * s * (known["variance"] / mass - shift * shift)
        return known, remarks

    def _integral(self, judge, known, trusted):
        """The Claim that q has the integral 1, in a list: by quadrature; or, if the draws are where
        the density is, E[q/g] of draws from a g about them, a Student t with heavier tails."""
        note = partial(hints.integral, latents=self.Z)
        if "integral" in known:
            return [judge.computed(INTEGRAL, known["integral"], 1.0, note)]
        if not trusted:
            return []
        n, Z = self.z.shape
        root = np.linalg.cholesky(np.atleast_2d(np.cov(self.pilot.T)))  # trusted: not degenerate
        eps = self.rng.standard_normal((n, Z))
        t = eps * np.sqrt(0.5 * TAILS / self.rng.standard_gamma(0.5 * TAILS, n))[:, None]
        z = self.pilot.mean(axis=0) + t @ root.T
        log_g = math.lgamma(0.5 * (TAILS + Z)) - math.lgamma(0.5 * TAILS)
        log_g = log_g - 0.5 * Z * math.log(TAILS * math.pi) - np.log(np.diagonal(root)).sum()
        log_g = log_g - 0.5 * (TAILS + Z) * np.log1p((t * t).sum(axis=1) / TAILS)
        inside = ((z > self.low) & (z < self.high)).all(axis=1)
        ratio = np.zeros(n)
        with np.errstate(all="ignore"):
            ratio[inside] = np.exp(self.log(z[inside].astype(self.z.dtype)) - log_g[inside])
        return [judge.drawn(INTEGRAL, ratio, 1.0, note=note)]

    # -- What is stated

    def _moment(self, judge, name, expected):
        """The Claim about the mean or the variance, a number or one for each latent."""
        expected = np.asarray(expected, dtype=float)
        if expected.ndim:
            check_shape(name, expected, (self.Z,))
        expected = np.broadcast_to(expected, self.Z)
        off = self.z - self.z.mean(axis=0)
        if name == "mean":
            values, unit = self.z, self.z.std(axis=0)
        else:
            values, unit = off * off * (len(off) / (len(off) - 1.0)), abs(expected)
        return judge.drawn(name, values, expected, unit=unit, note=hints.moment)

"""What happens inside a model: the gradient's flow, and where numbers went bad."""

import numpy as np

from tinyvae.watch import Recorder

USUAL = "usually the learning rate is too high, or the data are not scaled"
CAUSES = {
    "x": "the data hold NaN or infinity",
    "eps": "the noise holds NaN or infinity",
    "z": f"logvar ran away, and with it sigma: {USUAL}",
    "kl": f"logvar ran away (e^logvar overflows at 88 in float32, 709 in float64): {USUAL}",
    "log_w": f"logvar ran away, or the reconstruction is too far off for this dtype: {USUAL}",
    "log_px": "the reconstruction is too far off for this dtype: scale the data",
}


def trace(vae, theta, *, x, eps, beta=1.0, **objective):
    """Every array on the way of `vae.loss` and back, by name, in the order in which it is made.

    Forward: x, eps, the hidden layers, before (encoder.0.a) and after (encoder.0) the activation,
    mu, logvar, z, out, log_px, kl, sigma, loss.
    Backward, each dL/d(its name): dlog_px, dout, dz; the two paths into the heads, dmu_z and
    dlogvar_z through the sample, dmu_kl and dlogvar_kl through the KL; their sums dmu and dlogvar;
    dtheta.
    With another `objective` than 'analytic' log_w stands for kl, and the second path is that into
    q's own parameters: dmu_q, dlogvar_q.
    """
    nodes = Recorder(x=x, eps=eps)
    loss, loss_vjp = vae.negative_bound(theta, x=x, eps=eps, beta=beta, watch=nodes, **objective)
    nodes["sigma"], nodes["loss"] = np.exp(0.5 * nodes["logvar"]), loss
    (nodes["dtheta"],) = loss_vjp(1.0)
    return nodes


def explain(vae, theta, *, x, eps, beta=1.0, **objective):
    """One sentence on why `vae.loss` or its gradient is not finite: which array went bad first."""
    with np.errstate(all="ignore"):
        nodes = vae.layout.views(theta) | trace(vae, theta, x=x, eps=eps, beta=beta, **objective)
    gradients = vae.layout.views(nodes.pop("dtheta"))
    gradients = {f"d{name}": block for name, block in gradients.items()}
    found = not_finite(nodes | gradients)
    if found is not None:
        return found
    name = max(gradients, key=lambda name: np.abs(gradients[name]).max())
    size = np.abs(gradients[name]).max()
    return f"the gradient is too large to be squared, {name} reaches {size:.0e}: {USUAL}"


def not_finite(nodes):
    """One sentence naming the first array, in the order given, that is not finite; else None."""
    bad = next((name for name, array in nodes.items() if not np.isfinite(array).all()), None)
    if bad is None:
        return None
    count, size = int((~np.isfinite(nodes[bad])).sum()), np.size(nodes[bad])
    return (
        f"{bad} is the first array that is not finite ({count} of {size} entries): "
        f"{CAUSES.get(bad, USUAL)}"
    )

"""`tinyvae trace`: the gradient's flow through one small VAE, as numbers on the edges."""

import numpy as np

from tinyvae.diagnostics import trace
from tinyvae.errors import check_number
from tinyvae.gradcheck import gradcheck
from tinyvae.vae import VAE

PIXELS, HIDDEN = 4, 3


def add(subparsers):
    parser = subparsers.add_parser(
        "trace",
        help="follow the gradient of one example through a small VAE",
        description="Print every number on the way of one example through a small VAE, x -> "
        "(mu, logvar), eps -> z -> x_hat -> loss, and of its gradient on the way back, where two "
        "paths meet in mu and in logvar: through the sample, and through the KL.",
    )
    parser.add_argument("--latent", type=int, default=2, help="latent size (default: 2)")
    parser.add_argument("--beta", type=float, default=1.0, help="weight of the KL (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, x and eps (default: 0)")
    parser.set_defaults(run=run)


def run(args):
    if args.seed < 0:
        raise ValueError(f"seed must be at least 0, not {args.seed}")
    beta = check_number("beta", args.beta, at_least=0)
    rng = np.random.default_rng(args.seed)
    vae = VAE(PIXELS, args.latent, (HIDDEN,))
    theta = rng.standard_normal(vae.layout.size)  # larger than an init: more to see
    x = 1.0 * (rng.random((1, PIXELS)) < 0.5)
    eps = rng.standard_normal((1, args.latent))
    nodes = trace(vae, theta, x=x, eps=eps, beta=beta)
    print(page(vae, nodes, beta))
    checked = gradcheck(vae.loss, theta, method="complex", x=x, eps=eps, beta=beta)
    print(
        f"\nAll {checked.entries} numbers of dL/dtheta agree with the complex step to "
        f"{checked.error:.0e}."
        if checked.ok
        else f"\nTHE GRADIENT IS WRONG: {checked.message()}"
    )
    return 0 if checked.ok else 1


def page(vae, nodes, beta):
    """The diagram as text; `nodes` from `diagnostics.trace` of one example."""
    n = {name: np.atleast_1d(np.squeeze(array)) for name, array in nodes.items()}
    factor = 0.5 * n["sigma"] * n["eps"]
    x_hat = vae.px.mean({}, n["out"])
    reconstruction, kl, loss = -n["log_px"][0], n["kl"][0], n["loss"][0]

    def row(label, values, note=""):
        numbers = "".join(f"{value:>10.4f}" for value in values)
        return f"  {label:<22}{numbers}   {note}".rstrip()

    return "\n".join(
        [
            f"One example through a VAE: {PIXELS} pixels, {HIDDEN} tanh units, {vae.latent} "
            f"latents, Bernoulli, beta = {beta:g}",
            "",
            "FORWARD",
            row("x", n["x"]),
            "  |  encoder",
            row("+--> mu", n["mu"]),
            row("+--> logvar", n["logvar"]),
            row("     '-> sigma", n["sigma"], "= exp(logvar / 2)"),
            row("eps", n["eps"], "drawn from N(0, 1): no parameter in it"),
            "  |",
            row("+--> z", n["z"], "= mu + sigma * eps"),
            "     |  decoder",
            row("   +--> x_hat", x_hat, "= sigmoid(logits), the probability of a 1"),
            "        |",
            f"     +--> loss = -log p(x|z) + beta KL = {reconstruction:.4f} + {beta:g} * {kl:.4f} "
            f"= {loss:.4f} nats",
            "",
            "BACKWARD, each row dL/d(its name)",
            row("logits", n["dout"], "= x_hat - x"),
            "  |  decoder, read backwards",
            row("z", n["dz"]),
            "  |",
            "  +--> mu",
            row("   through z", n["dmu_z"], "= dL/dz * 1"),
            row("   through the KL", n["dmu_kl"], "= beta * mu"),
            row("   both: dL/dmu", n["dmu"], "their sum"),
            "  |",
            "  +--> logvar",
            row("   sigma * eps / 2", factor, "= dz/dlogvar"),
            row("   through z", n["dlogvar_z"], "= dL/dz * sigma * eps / 2"),
            row("   through the KL", n["dlogvar_kl"], "= beta * (exp(logvar) - 1) / 2"),
            row("   both: dL/dlogvar", n["dlogvar"], "their sum"),
            "     |  encoder, read backwards",
            f"     +--> dL/dtheta, {n['dtheta'].size} numbers of size "
            f"{np.sqrt(np.mean(n['dtheta'] ** 2)):.4f} (root mean square)",
        ]
    )

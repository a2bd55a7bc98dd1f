"""`tinyvae trace`: the gradient's flow through one small VAE, as numbers on the edges."""

import numpy as np

from tinyvae.diagnostics import trace
from tinyvae.errors import check_count, check_number
from tinyvae.gradcheck import gradcheck
from tinyvae.vae import VAE

PIXELS, HIDDEN = 4, 3
WIDEST = 5


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
    beta = check_number("beta", args.beta, at_least=0)
    rng = np.random.default_rng(check_count("seed", args.seed, at_least=0))
    if args.latent > WIDEST:
        raise ValueError(f"latent must be at most {WIDEST} to fit on the page, not {args.latent}")
    vae = VAE(PIXELS, args.latent, (HIDDEN,))
    theta = rng.standard_normal(vae.layout.size)  # larger than an init: more to see
    x = 1.0 * (rng.random((1, PIXELS)) < 0.5)
    eps = rng.standard_normal((1, args.latent))
    nodes = trace(vae, theta, x=x, eps=eps, beta=beta)
    nodes["x_hat"] = vae.px.mean({}, nodes["out"])

    print(
        f"One example through a small VAE: {PIXELS} pixels, {HIDDEN} tanh units, latent size "
        f"{vae.latent}, Bernoulli, beta {beta:g}."
    )
    print("\nFORWARD", *forward(nodes, beta), sep="\n")
    print("\nBACKWARD: dL/d(what is named), and on each edge the factor it multiplies by")
    print(*backward(nodes, beta), sep="\n")

    report = gradcheck(vae.loss, theta, method="complex", x=x, eps=eps, beta=beta)
    verdict = f"agree with the complex step to {report.error:.0e}."
    if not report.ok:
        verdict = f"DISAGREE with the complex step:\n{report.message()}"
    print(f"\nThe {theta.size} numbers of dL/dtheta {verdict}")
    return 0 if report.ok else 1


def forward(nodes, beta):
    """The lines of the diagram from x to the loss."""
    n = {name: vector(array) for name, array in nodes.items()}
    left, middle, right = columns(nodes)[1::2]
    terms = f"-log p(x|z) {-nodes['log_px'][0]:.3f} + {beta:g} * KL {nodes['kl'].sum():.3f}"
    return [
        row((middle, f"x {n['x']}")),
        row((middle, "| encoder")),
        fork(left, middle, right),
        row((left, f"mu {n['mu']}"), (right, f"logvar {n['logvar']}")),
        row((left, "|"), (right, "| exp(logvar / 2)")),
        row((left, "|"), (right, f"sigma {n['sigma']}")),
        row((left, "|"), (right, "|")),
        row((left, "|"), (middle, f"eps {n['eps']} -->"), (right, "(*)")),
        row((left, "|"), (right, "|")),
        fork(left, middle, right),
        row((middle, f"z {n['z']}")),
        row((middle, "| decoder")),
        row((middle, f"logits {n['out']}")),
        row((middle, "| sigmoid")),
        row((middle, f"x_hat {n['x_hat']}")),
        row((middle, "|")),
        row((middle, f"loss {nodes['loss']:.3f} = {terms}")),
    ]


def backward(nodes, beta):
    """The lines of the diagram from the loss to mu and logvar, and the sums where paths meet."""
    n = {name: vector(array) for name, array in nodes.items()}
    a, left, b, middle, c, right, d = columns(nodes)
    path = vector(0.5 * nodes["sigma"] * nodes["eps"])
    pull = vector(0.5 * np.expm1(nodes["logvar"]))
    return [
        row((middle, "loss 1")),
        fork(left, middle, right),
        row((left, "through z"), (right, "through the KL")),
        row((left, "|"), (right, f"| beta {beta:g}")),
        row((left, "| x_hat - x"), (right, "|")),
        row((left, f"logits {n['dout']}"), (right, "|")),
        row((left, "| decoder"), (right, "|")),
        row((left, f"z {n['dz']}"), (right, "|")),
        row((left, "|"), (right, "|")),
        fork(a, left, b) + fork(c, right, d)[b + 1 :],
        row((a, "| 1"), (b, "| sigma eps / 2"), (c, "| mu"), (d, "| (e^logvar - 1) / 2")),
        row((a, "|"), (b, f"| {path}"), (c, f"| {n['mu']}"), (d, f"| {pull}")),
        row((a, "|"), (b, "|"), (c, "|"), (d, "|")),
        row((a, n["dmu_z"]), (b, n["dlogvar_z"]), (c, n["dmu_kl"]), (d, n["dlogvar_kl"])),
        row((a, "mu"), (b, "logvar"), (c, "mu"), (d, "logvar")),
        "",
        "The two paths meet in mu and in logvar, and there they add (rounded to three decimals):",
        f"  dL/dmu     = {n['dmu_z']} + {n['dmu_kl']} = {n['dmu']}",
        f"  dL/dlogvar = {n['dlogvar_z']} + {n['dlogvar_kl']} = {n['dlogvar']}",
    ]


def vector(array):
    """The numbers of a (1, n) array, or of anything else that holds one row: '[0.344 -0.720]'."""
    return "[" + " ".join(f"{round(float(v), 3) + 0.0:.3f}" for v in np.ravel(array)) + "]"


def columns(nodes):
    """Where things stand: the four paths back, and between them the nodes that they leave from."""
    widest = max(
        len(vector(nodes[name])) for name in ("dmu_z", "dlogvar_z", "dmu_kl", "dlogvar_kl")
    )
    pitch = max(19, widest + 3)
    return [pitch // 2 + pitch * i // 2 for i in range(7)]


def row(*cells):
    """A line of text: each (column, text) centred there; an edge, "| note", starts there."""
    line = ""
    for column, text in cells:
        start = column if text.startswith("|") else column - len(text) // 2
        line = (line + " " if line else "").ljust(start) + text
    return line


def fork(left, middle, right):
    """An edge that parts in two, or two that join."""
    return " " * left + "+".join(["", "-" * (middle - left - 1), "-" * (right - middle - 1), ""])

"""A law: what every file of this folder offers, as a module of pure functions.

    PARAMS     the parameters in order, each with the set it lives in: {"loc": "real", ...}
    EVENT      the trailing axes of one draw: 0 for a number, 1 for a vector
    KIND       how a draw depends on its parameters: "explicit", a formula in the noise;
               "implicit", through a CDF that has to be inverted; "none", it jumps
    WHY        the reason, in a sentence

    noise(rng, shape, dtype)     the randomness of draws of that shape, with no parameter in it
    mirror(noise)                the same noise from its other end, as u -> 1 - u
    sample(*params, noise=)      the draw, an array
    rsample(*params, noise=)     the draw and the way back, z, vjp: the path
    implicit(z, *params)         z, vjp for a draw made in any other way (KIND "implicit" alone);
                                 vjp's first entry, for z itself, is None
    log_prob(x, *params)         y, vjp: the log-density in nats, summed over the event's axes
    score(x, *params)            dlog p/dparam for each parameter, an array that is not summed
                                 over draws: what REINFORCE multiplies f by; None for a parameter
                                 that moves the support, where E[score] = 0 fails
    entropy, mean, variance      y, vjp, of (*params); vectors have a variance a coordinate
    kl(*params)                  y, vjp: the divergence from REFERENCE = (name, params), if closed
    support(*params)             (low, high) of a number; discrete laws: see `values`
    values(*params)              the finitely many draws there are, (N, event), if so
    PERIOD                       of a circle, which `support` cuts open somewhere: f has to repeat
                                 with it, or else it jumps at the cut, and the cut moves

Parameters broadcast against each other, x and noise; of a law of vectors the first parameter has
the event's axis. What does not exist raises `Undefined` with the reason, never a silent zero.
"""

import numpy as np

from tinyvae.errors import Undefined
from tinyvae.ops import chain


def undefined(reason):
    """A function that raises `Undefined(reason)` whatever it is given; `.undefined` says why."""

    def refuse(*args, **kwargs):
        raise Undefined(reason)

    refuse.undefined = reason
    return refuse


def offers(law, name):
    """Whether the law has that function, and it is not one that only refuses."""
    return hasattr(law, name) and not hasattr(getattr(law, name), "undefined")


def value_of(fn):
    """fn without its way back: `sample` of a law whose path is `rsample`."""

    def value(*args, **constants):
        """The value alone, without the way back."""
        return fn(*args, **constants)[0]

    return value


def closed_form(y, slopes, params):
    """y, vjp of a formula in the parameters, number by number, from its slopes dy/dparam."""
    shape = np.broadcast_shapes(*map(np.shape, params))
    return np.broadcast_to(y, shape)[()], lambda dy: chain(dy, slopes, params)


def along_event(c, axes=1):
    """c (...), one number for each draw, as (..., 1): it then meets the numbers of the event, or,
    with 2 `axes`, of a matrix. A number stays a number: that meets any array."""
    return c[(..., *[None] * axes)] if np.ndim(c) else c


def name_of(law):
    """The key of the law in LAWS: the name of its file."""
    return law.__name__.rpartition(".")[2]


def draw_shape(law, params):
    """The shape of one draw of each of the broadcast parameters."""
    shapes = [np.shape(param) for param in params]
    return shapes[0] if law.EVENT else np.broadcast_shapes(*shapes)

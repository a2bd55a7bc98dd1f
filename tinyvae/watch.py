"""Seeing what happens inside a network: `watch(name, array)`, which it sends its arrays through.

A network that takes a keyword `watch` writes, on the way forward and on the way back,

    z = watch("z", mu + sigma * eps)        and        dz = watch("dz", dout @ W.T)

A gradient is called `d` and the name of its array. `unwatched`, the default, hands the array on. A
`Recorder` keeps it, for `trace` and for the training curves. `diagnose` also puts another array in
its place, on the way forward: it moves one node and holds the others, to see one arrow by itself.
"""


def unwatched(name, array):
    """The array, as it came."""
    return array


class Recorder(dict):
    """The arrays by name, in the order in which they are made."""

    def __call__(self, name, array):
        self[name] = array
        return array

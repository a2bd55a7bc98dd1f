"""`record`, and the program that it makes."""

import numpy as np

from tinyvae.replay.memory import place
from tinyvae.replay.trace import Operand, Tape, Traced


def maximum(a, b, out):
    np.maximum(a, b, out=out)


def minimum(a, b, out):
    np.minimum(a, b, out=out)


# A third argument that is not named is faster by a tenth of a microsecond; these two dislike it.
NAMED = {np.maximum: maximum, np.minimum: minimum}


class Program:
    """The calls of a recorded function, in memory of its own: `program()` makes them again."""

    def __init__(self, tape, inputs, outputs):
        results = [tape.operand(output) for output in outputs]
        calls, memory = place(tape, inputs, [result.value for result in results])

        def bound(arg):
            if isinstance(arg, list):
                return [bound(part) for part in arg]
            return arg.on(memory[arg.value]) if isinstance(arg, Operand) else arg

        self.calls = [(NAMED.get(call.fn, call.fn), tuple(map(bound, call.args))) for call in calls]
        self.outputs = tuple(map(bound, results))
        owned = [memory[v] for v in range(len(memory)) if v not in inputs and memory[v] is not None]
        self.memory = owned[0].base if owned else np.empty(0, np.uint8)

    def __call__(self):
        """The results, in arrays of the program: the next call writes over them."""
        for fn, args in self.calls:
            fn(*args)
        return self.outputs


def record(fn, *inputs):
    """The Program that computes fn(*inputs), a tuple of arrays, from what the inputs then hold.

    inputs: C-contiguous arrays, which the program reads in place. fn is called once, with stand-ins
    of their shapes and dtypes. Results are arrays; what does not depend on an input cannot be one.
    TypeError for what cannot be recorded: a decision or a Python number that depends on the inputs,
    a function that is not in `trace.FUNCTIONS` and is no ufunc, a write to an array from outside.
    """
    for i, array in enumerate(inputs):
        if type(array) is not np.ndarray or not array.flags.c_contiguous:
            raise TypeError(f"input {i} must be a C-contiguous numpy.ndarray to be recorded")
    tape = Tape()
    outputs = fn(*(tape.hold(array, array.shape) for array in inputs))
    if not isinstance(outputs, tuple) or not all(isinstance(y, Traced) for y in outputs):
        raise TypeError("a recorded function must return a tuple of arrays made of its inputs")
    return Program(tape, range(len(inputs)), outputs)

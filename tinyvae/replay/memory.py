"""Where each value lies: places that are never needed at once are one place.

A value is needed from the call that makes it to the last one that reads it. Four rules keep the
memory small, and so in the cache:

    what no output depends on is not made at all
    a result whose argument is needed no more takes the argument's place     y *= 2 for y = 2 * y
    a place that is free is used again before there is a new one
    what is only made to be concatenated is made where it is to go
"""

import numpy as np

from tinyvae.replay.trace import Operand

ALIGNED = 64  # bytes: a line of the cache


class Places:
    """Places in one stretch of memory, taken and given back."""

    def __init__(self):
        self.size, self.free = 0, {}

    def take(self, nbytes):
        nbytes = -(-max(nbytes, 1) // ALIGNED) * ALIGNED
        if self.free.get(nbytes):
            return self.free[nbytes].pop(), nbytes
        self.size += nbytes
        return self.size - nbytes, nbytes

    def give_back(self, place):
        start, nbytes = place
        self.free.setdefault(nbytes, []).append(start)


def place(tape, inputs, outputs):
    """(calls, memory): the calls that are left, and for each value the plain array it lies in.

    inputs, outputs: the numbers of values; these keep a place of their own to the end.
    """
    calls, homes = without_concatenations(tape, needed(tape.calls, outputs), inputs)
    held = set(inputs) | set(outputs) | set(homes) | {whole for whole, _ in homes.values()}
    last = {o.value: i for i, call in enumerate(calls) for o in call.operands()}
    last |= dict.fromkeys(held, len(calls))
    places, starts = Places(), {}
    for value in held - set(inputs) - set(homes):
        starts[value] = places.take(tape.values[value].nbytes)
    for i, call in enumerate(calls):
        target = call.out.value
        done = {o.value for o in call.operands() if last[o.value] == i} - {target}
        if target not in starts and target not in held:
            heir = next((o for o in call.operands() if can_pass_on(tape, call, o, done)), None)
            if heir is None:
                starts[target] = places.take(tape.values[target].nbytes)
            else:
                starts[target] = starts[heir.value]
                done.discard(heir.value)
        for value in done:
            places.give_back(starts[value])
    return calls, laid_out(tape, inputs, homes, starts, places.size)


def can_pass_on(tape, call, operand, done):
    """Whether the result may take the operand's place while it is read: number by number."""
    same = [o for o in call.operands() if o.value == operand.value]
    return (
        call.elementwise
        and operand.value in done
        and all(o == operand for o in same)
        and operand.covers(tape.values[operand.value])
        and (operand.shape, operand.strides) == (call.out.shape, call.out.strides)
        and operand.dtype == call.out.dtype
    )


def needed(calls, outputs):
    """The calls that the outputs depend on: a loss that nobody asks for is not computed."""
    wanted, kept = set(outputs), []
    for call in reversed(calls):
        if call.out.value in wanted:
            wanted |= {operand.value for operand in call.operands()}
            kept.append(call)
    return kept[::-1]


def without_concatenations(tape, given, inputs):
    """(calls, homes): homes[part] = (whole, offset) for what can be made where it is to go."""
    calls, homes = [], {}
    for i, call in enumerate(given):
        later = {other.out.value for other in given[i + 1 :]}
        if call.fn is not np.concatenate or not can_move_in(tape, call, later | {*inputs, *homes}):
            calls.append(call)
            continue
        offset = 0
        for part in call.args[0]:
            homes[part.value] = call.out.value, offset
            offset += part.nbytes
    return calls, homes


def can_move_in(tape, call, taken):
    """Whether the parts of a concatenation are whole values of one dtype, each of them once, that
    nothing else has a claim on."""
    parts = call.args[0]
    values = {part.value for part in parts if isinstance(part, Operand)}
    return (
        len(values) == len(parts)
        and not taken & {*values, call.out.value}
        and all(p.covers(tape.values[p.value]) and p.dtype == call.out.dtype for p in parts)
        and len(call.out.shape) == 1
    )


def laid_out(tape, inputs, homes, starts, size):
    """For each value the memory it lies in; None for what is not needed any more."""
    whole = np.empty(size + ALIGNED, np.uint8)
    base = -whole.__array_interface__["data"][0] % ALIGNED
    memory = [None] * len(tape.values)
    for value in inputs:
        memory[value] = tape.values[value]
    for value, (start, _) in starts.items():
        memory[value] = whole[base + start :][: max(1, tape.values[value].nbytes)]
    for value, (home, offset) in homes.items():
        memory[value] = memory[home][offset:][: tape.values[value].nbytes]
    return memory

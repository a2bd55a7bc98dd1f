"""A computation written down once, and done again without making a single array.

    program = record(fn, *inputs)    fn is called once, with arrays that write down what is done
    program()                        fn's results, from what the inputs hold now

A line such as `dy * (1.0 - y * y)` makes three arrays and drops two, and a training step makes a
hundred. They cost more than the arithmetic where arrays are small, and page faults where they are
large. But every step does the same operations on the same shapes. So the readable step is run once
on arrays that keep a list (`trace.py`); what is on the list is given its place in memory, one place
for all that is never needed at once (`memory.py`); and a program is that list, called again:

    np.multiply(y, y, A);  np.subtract(1.0, A, A);  np.multiply(dy, A, A);  ...

The results are those of fn to the bit: the operations, their order and their numbers are the same.
A just-in-time compiler begins with the same trace, and goes on to write machine code; a CUDA graph
is the same list on a GPU. Neither sees the Python in between, and nor does a program: `if` and
`float` of a recorded array are refused, and everything else that is not an input is a constant.
"""

from tinyvae.replay.program import Program, record

__all__ = ["Program", "record"]

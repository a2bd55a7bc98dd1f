"""The command line, one command a file.

Each has `add(subparsers)`, which describes its options, and `run(args)`, which returns the exit
code. Matplotlib and tqdm are imported where they are used, so that `--help` is quick.
"""

from tinyvae.commands import (
    bugs,
    disentangle,
    doctor,
    exercises,
    gradcheck,
    importance,
    inspect,
    surfaces,
    trace,
    train,
    truth,
    variance,
)

COMMANDS = (
    train,
    inspect,
    gradcheck,
    bugs,
    exercises,
    trace,
    variance,
    truth,
    importance,
    disentangle,
    surfaces,
    doctor,
)

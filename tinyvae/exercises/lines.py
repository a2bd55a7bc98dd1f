"""Misconceptions of a function that is written as named lines, each by the lines that it has wrong.

    RIGHT = {"da": "dh * (1 - h**2)", "dW": "x.T @ da", "result": "dW"}

is the function, line by line, in order; `{"da": "dh"}` is the mistake of who forgot the slope.
"""

from functools import cache

import numpy as np

from tinyvae.exercises.exercise import Misconception


def evaluated(lines, names):
    """`names`, a dict, and with them what each line gives, which later lines may use."""
    names = {"np": np} | names
    for name, line in lines.items():
        names[name] = eval(_compiled(line), names)
    return names


def mistaken(right, function, table):
    """A Misconception for each row of `table`, {name: (sentence, {line: what it says, wrongly})}.

    function(lines) is the function that has these lines, all of `right` but for the wrong ones.
    ValueError for a wrong line that `right` has not.
    """
    found = []
    for name, (sentence, wrong) in table.items():
        if not wrong or not wrong.keys() <= right.keys():
            raise ValueError(f"{name} changes {list(wrong)}, the lines are {list(right)}")
        fn = function(right | wrong)
        fn.__name__ = name
        found.append(Misconception(fn, " ".join(sentence.split())))
    return tuple(found)


@cache
def _compiled(line):
    return compile(line, "<a line>", "eval")

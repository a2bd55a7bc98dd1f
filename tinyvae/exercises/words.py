"""Pieces of sentences."""

import numpy as np


def at(line, source):
    """'line 3, `return x`'; '' if there is no line."""
    if line is None:
        return ""
    lines = source.decode(errors="replace").splitlines()
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return (
        f"line {line}, `{text[:57] + '...' if len(text) > 60 else text}`"
        if text
        else f"line {line}"
    )


def raised(error, message):
    return f"{error}: {message}" if message else error


def at_index(index):
    return f"[{', '.join(map(str, index))}]" if index else ""


def there(exercise, case, index, shape):
    """', where dy is 1.5 and x is 0': the inputs at an entry, if all arrays have its shape."""
    values = [*case.args, *case.constants.values()]
    arrays = [v.shape for v in values if isinstance(v, np.ndarray)]
    if not index or set(arrays) != {shape}:
        return ""
    said = [
        f"{name} is {value[index]:.6g}"
        for name, value in zip(exercise.names(case), values, strict=True)
        if isinstance(value, np.ndarray)
    ]
    return f", where {listed(said)}"


def called(exercise, case):
    """'It was called with x (5, 3), h = 1e-05.'"""
    parts = []
    for name, value in zip(
        exercise.names(case), [*case.args, *case.constants.values()], strict=True
    ):
        if isinstance(value, np.ndarray) and value.ndim:
            parts.append(f"{name} {value.shape}")
        elif callable(value):
            parts.append(f"{name} a function")
        else:
            parts.append(f"{name} = {value:.6g}" if np.isscalar(value) else f"{name} = {value}")
    return f"It was called with {', '.join(parts)}."


def listed(names):
    """'dx', 'dx and dW', 'dx, dW and db'."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def pair(a, b):
    """Two numbers as text, with as many digits as tell them apart."""
    for digits in (6, 9, 12, 17):
        left, right = f"{a + 0.0:.{digits}g}", f"{b + 0.0:.{digits}g}"  # no -0
        if left != right:
            break
    return left, right

"""Slips of the hand: neighbours swapped, the wrong name, a call or a step left out.

Operators as those of `formulas.py`.
"""

import ast
from itertools import pairwise

from mutants.formulas import whole
from mutants.names import NOISE
from mutants.source import Edit, name_of_call

OTHER_FUNCTION = {
    "exp": "expm1", "expm1": "exp", "log": "log1p", "log1p": "log",
    "maximum": "minimum", "minimum": "maximum", "max": "min", "sum": "mean", "mean": "sum",
    "zeros_like": "ones_like", "ones_like": "zeros_like",
    "digamma": "trigamma", "trigamma": "digamma", "lgamma": "digamma", "sigmoid": "softplus",
}  # fmt: skip
WRAPPERS = (
    *(
        "exp",
        "expm1",
        "log",
        "log1p",
        "sqrt",
        "cbrt",
        "abs",
        "tanh",
        "maximum",
        "cumsum",
        "sum",
    ),
    *(
        "mean",
        "sum_to",
        "expand_dims",
        "broadcast_to",
        "squeeze",
        "double",
        "in_precision_of",
    ),
)
ORDERED = (  # calls whose arguments cannot be exchanged, or may be
    *(
        "map",
        "zip",
        "range",
        "enumerate",
        "full_like",
        "full",
        "zeros",
        "reshape",
        "broadcast_to",
    ),
    *(
        "sum_to",
        "in_precision_of",
        "log_inside",
        "expand_dims",
        "squeeze",
        "min",
        "max",
        "slice",
    ),
    *("maximum", "minimum", "multiply", "logaddexp", "pairwise", "default_rng"),
)
REDUCTIONS = ("sum", "mean", "max", "cumsum")
NEEDED = ("eps", "noise", "x", "h", "watch", "rng")  # a call without them fails at once
COMPARISONS = {
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<")),
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Eq: ("==", ("!=",)),
}


def swap(source, node, names):
    """Two neighbours change places: the arguments of a call, what is returned, what is unpacked."""
    line = []
    if isinstance(node, ast.Call) and name_of_call(node) not in ORDERED:
        line = node.args[1:] if name_of_call(node) == "where" else node.args
    elif isinstance(node, ast.Tuple):
        above = source.parent[node]
        line = [] if isinstance(above, (ast.Subscript, ast.For, ast.comprehension)) else node.elts
    elif isinstance(node, ast.IfExp):
        line = [node.body, node.orelse]
    for first, second in pairwise(line):
        a, b = source.of(first), source.of(second)
        if a != b and may_swap(first, second):
            between = source.bytes[source.end(first) : source.start(second)].decode()
            yield Edit(source.start(first), source.end(second), f"{b}{between}{a}")


def may_swap(first, second):
    """Whether two neighbours are of one kind: a number for a function would fail at once."""
    for side in (first, second):
        if isinstance(side, (ast.Starred, ast.Lambda, ast.GeneratorExp, ast.Dict, ast.List)):
            return False
        if isinstance(side, ast.Name) and (side.id.endswith("vjp") or side.id in ("_", "f")):
            return False
        if isinstance(side, ast.Constant) and not isinstance(side.value, float):
            return False
    return isinstance(first, ast.Tuple) == isinstance(second, ast.Tuple)


def name(source, node, names):
    """A name for another of the same role in the function; noise for 1: eps is forgotten."""
    if names is not None and names.is_number(node):
        for other in names.others(node):
            yield source.replace(node, other)
        if node.id in NOISE and isinstance(source.parent[node], ast.BinOp):
            yield source.replace(node, "1.0")


def function(source, node, names):
    """exp to expm1, log1p to log, sum to mean, max to min, digamma to trigamma, and back."""
    if (
        isinstance(node, ast.Call)
        and name_of_call(node) in OTHER_FUNCTION
        and is_of_array(node, names)
    ):
        end = source.end(node.func)
        old = name_of_call(node)
        yield Edit(end - len(old), end, OTHER_FUNCTION[old])


def is_of_array(node, names):
    """Whether a call is NumPy's, or a function's, or a method of an array and not of a law."""
    owner = getattr(node.func, "value", None)
    if not isinstance(owner, ast.Name) or owner.id in ("np", "math"):
        return True
    return names is not None and owner.id not in names.objects


def unwrap(source, node, names):
    """np.exp(x) to x, x.sum(axis=0) to x, sum_to(dy, shape) to dy: a step that is left out."""
    if not isinstance(node, ast.Call):
        return
    method = isinstance(node.func, ast.Attribute) and source.of(node.func.value) != "np"
    if method and name_of_call(node) in REDUCTIONS and is_of_array(node, names):
        yield source.replace(node, whole(source, node.func.value))
    elif not method and name_of_call(node) in WRAPPERS and node.args:
        yield source.replace(node, whole(source, node.args[0]))


def comparison(source, node, names):
    """> to >= and to <, and the like; == to !=."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
        symbol, others = COMPARISONS[type(node.ops[0])]
        left, right = node.left, node.comparators[0]
        gap = source.bytes[source.end(left) : source.start(right)].decode()
        for other in others:
            text = gap.replace(symbol, other, 1)
            yield Edit(source.end(left), source.start(right), text)


def statement(source, node, names):
    """A step in place, or one that goes on from what was there, is left out; or, where gradients
    or moments accumulate, what was there is overwritten."""
    if isinstance(node, ast.AugAssign):
        yield source.replace(node, "pass")
        if isinstance(node.op, (ast.Add, ast.Sub, ast.BitOr)):
            symbol = {ast.Add: "+=", ast.Sub: "-=", ast.BitOr: "|="}[type(node.op)]
            target = source.of(node.target)
            place = target if "[" in target or "." in target else f"{target}[...]"
            new = f"{target} =" if isinstance(node.op, ast.BitOr) else f"{place} ="
            yield source.replace(node, source.of(node).replace(f"{target} {symbol}", new, 1))
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        target = node.targets[0].id
        if any(isinstance(part, ast.Name) and part.id == target for part in ast.walk(node.value)):
            yield source.replace(node, "pass")
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and any(keyword.arg == "out" for keyword in call.keywords):
        yield source.replace(node, "pass")


def argument(source, node, names):
    """beta=beta is not passed on, and the default takes its place."""
    if not isinstance(node, ast.Call):
        return
    for keyword in node.keywords:
        passed = isinstance(keyword.value, ast.Name) and keyword.value.id == keyword.arg
        if passed and keyword.arg not in NEEDED:
            start = source.bytes.rfind(b",", 0, source.start(keyword))
            if start > source.start(node):
                yield Edit(start, source.end(keyword), "")

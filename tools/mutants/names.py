"""Which name may stand in for which: one of the same role, bound before, in the same function.

Three roles: a gradient (`dmu`), a parameter of a function, a number computed on the way. `mu` for
`logvar`, `dmu` for `dlogvar`, `z` for `out`: the slips of a hand that copies a line. Only names
that arithmetic is done with are exchanged; a dict for an array would fail at once, and say nothing.
"""

import ast
import re

GRADIENT = re.compile(
    r"d(x|W|b|y|z|h|a|g|c|m|p|H|mu|out|kl|theta|loss|elbo|bound|loc|scale|rate|shape|log[a-z]*"
    r"|log_\w+|dy|concentration|temperature|rows|low|high|df)(_\w+)?"
)
ARRAY = (
    *("T", "sum", "mean", "max", "shape", "ndim", "dtype", "size", "astype", "reshape", "copy"),
    *("diagonal", "real", "argsort"),
)
WORDS = ("f", "law", "params", "vae", "rng", "kind", "name", "objective", "triple")
NOISE = ("eps", "noise", "u", "v", "E", "W", "M", "U")


def role(name, parameters):
    if GRADIENT.fullmatch(name):
        return "gradient"
    return "parameter" if name in parameters else "local"


class Names:
    """The numbers of one outermost function, in the order in which they are bound."""

    def __init__(self, source, function):
        self.source = source
        self.parameters, self.bound = set(), {}
        self.objects = {*WORDS, *_objects(function)}
        numeric = {node.id for node in ast.walk(function) if self.is_number(node)}
        for node in _in_order(function):
            if isinstance(node, ast.arg):
                self.parameters.add(node.arg)
            name = node.arg if isinstance(node, ast.arg) else getattr(node, "id", None)
            if name in numeric and name not in self.bound and not _is_read(node):
                self.bound[name] = node

    def is_number(self, node):
        """Whether this is a name, read where arithmetic is done."""
        if not isinstance(node, ast.Name) or node.id in self.objects or not _is_read(node):
            return False
        above = self.source.parent[node]
        if isinstance(above, ast.Call):
            return node is not above.func and isinstance(above.func, (ast.Name, ast.Attribute))
        if isinstance(above, ast.Tuple):
            return isinstance(self.source.parent[above], (ast.Return, ast.Lambda, ast.Call))
        return isinstance(above, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp)) or (
            isinstance(above, ast.Attribute) and above.attr in ("T", "sum", "mean", "max")
        )

    def others(self, node):
        """The name that may stand for this one: the next in its role, or for the last the first."""
        mine = role(node.id, self.parameters)
        line = [
            name
            for name, there in self.bound.items()
            if role(name, self.parameters) == mine and self.is_visible(there, node)
        ]
        if node.id not in line:
            return []
        other = line[(line.index(node.id) + 1) % len(line)]
        return [other] if other != node.id else []

    def is_visible(self, there, node):
        """Whether what is bound there is known at the node: before it, in a function around it."""
        home = self.home(there)
        inner, around = self.home(node), node
        while around is not home and around in self.source.parent:
            around = self.source.parent[around]
        if around is not home:
            return False
        if not isinstance(inner, ast.FunctionDef) or isinstance(there, ast.arg):
            return True
        return self.statement(there).end_lineno < self.statement(node).lineno

    def statement(self, node):
        """The statement of one line, or the head of a loop, that the node is in."""
        while not isinstance(self.source.parent[node], (ast.stmt, ast.mod)) or (
            not isinstance(node, ast.stmt) and not isinstance(self.source.parent[node], ast.For)
        ):
            node = self.source.parent[node]
        return node

    def home(self, node):
        """The function that a binding belongs to; for a loop's name the comprehension."""
        kinds = (ast.FunctionDef, ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.DictComp)
        node = self.source.parent[node]
        while not isinstance(node, kinds):
            node = self.source.parent[node]
        return node


def _is_read(node):
    return isinstance(getattr(node, "ctx", None), ast.Load)


def _objects(function):
    """The names of what is no number: it has other attributes, is called, or is a word."""
    for node in ast.walk(function):
        inside = None
        if isinstance(node, ast.Attribute) and node.attr not in ARRAY:
            inside = node.value
        elif isinstance(node, ast.Call):
            inside = node.func
        elif isinstance(node, (ast.FormattedValue, ast.Starred)):
            inside = node.value
        if isinstance(inside, ast.Name):
            yield inside.id


def _in_order(function):
    named = [node for node in ast.walk(function) if isinstance(node, (ast.arg, ast.Name))]
    return sorted(named, key=lambda node: (node.lineno, node.col_offset))

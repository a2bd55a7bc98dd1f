"""A source file, its syntax tree with exact positions, and which of it is mathematics.

What is left alone: docstrings and all other strings, imports, annotations, decorators, raised
errors and the conditions that lead to them alone, checks of arguments, and the tables of a module.
A mutant there would be a changed message or a changed check, not a mistake in a formula.
"""

import ast
from dataclasses import dataclass, field

CHECKS = ("check", "isinstance", "hasattr", "getattr", "unknown", "errstate", "offers", "undefined")


@dataclass(frozen=True)
class Edit:
    """The bytes from start to end of the file are replaced by text."""

    start: int
    end: int
    text: str


@dataclass
class Source:
    """`text` of the file at `path`, with places in bytes, as the syntax tree counts them."""

    path: str
    text: str
    parent: dict = field(default_factory=dict)

    def __post_init__(self):
        self.bytes = self.text.encode()
        self.lines = [0]
        for line in self.bytes.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))
        self.tree = ast.parse(self.text)
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parent[child] = node

    def start(self, node):
        return self.lines[node.lineno - 1] + node.col_offset

    def end(self, node):
        return self.lines[node.end_lineno - 1] + node.end_col_offset

    def of(self, node):
        """The text of a node, without parentheses around it."""
        return self.bytes[self.start(node) : self.end(node)].decode()

    def replace(self, node, text):
        return Edit(self.start(node), self.end(node), text)

    def sides(self, node, symbol):
        """(left, right) of a binary operation as they stand, parentheses included, and the place
        of its symbol."""
        at = self.end(node.left)
        gap = self.bytes[at : self.start(node.right)]
        plain = b"".join(
            line.split(b"#")[0].ljust(len(line)) for line in gap.splitlines(keepends=True)
        )
        at += plain.index(symbol.encode())
        left = self.bytes[self.start(node) : at].decode().rstrip()
        right = self.bytes[at + len(symbol) : self.end(node)].decode().lstrip()
        return left, right, at

    def apply(self, edit):
        """The text with the edit in it."""
        return (self.bytes[: edit.start] + edit.text.encode() + self.bytes[edit.end :]).decode()

    def function(self, node):
        """'VAE.terms.vjp', the functions and classes around the node; '' at the top of a file."""
        names = []
        while node in self.parent:
            node = self.parent[node]
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.append(node.name)
        return ".".join(reversed(names))

    def mathematics(self):
        """The nodes that may be mutated, in the order of the file."""
        for statement in self.tree.body:
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef)) or _is_formula(statement):
                yield from _inside(statement)


def name_of_call(node):
    """'np.exp' gives 'exp', 'x.sum' gives 'sum', 'affine' itself; '' of anything else."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_formula(statement):
    """Whether a statement of a module computes a number: LOG_2PI = math.log(2.0 * math.pi)."""
    if not isinstance(statement, ast.Assign):
        return False
    value = statement.value
    if isinstance(value, ast.Constant):
        return isinstance(value.value, float)
    nodes = [node for node in ast.walk(value) if isinstance(node, (ast.Call, ast.Constant))]
    floats = any(isinstance(getattr(node, "value", None), float) for node in nodes)
    return floats and isinstance(value, (ast.BinOp, ast.UnaryOp, ast.Call))


def _inside(node):
    if _is_left_alone(node):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("decorator_list", "annotation", "returns", "handlers"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if _only_raises(child):
                for other in child.orelse:
                    yield from _inside(other)
            elif isinstance(child, ast.AST):
                yield from _inside(child)


def _is_left_alone(node):
    if isinstance(node, (ast.FunctionDef, ast.Call)):
        name = node.name if isinstance(node, ast.FunctionDef) else name_of_call(node)
        return name.lstrip("_").startswith(CHECKS)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    refused = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.withitem)
    return isinstance(node, refused)


def _only_raises(node):
    return isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise)

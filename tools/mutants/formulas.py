"""Mistakes in a formula: signs, terms, factors, constants, transposes, axes.

An operator looks at one node of the syntax tree and yields the edits that make the mistake there.
The text is made from the source itself and never printed anew.
"""

import ast

from mutants.source import Edit, name_of_call

ATOMS = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Tuple, ast.Constant)
SHIFTED = ("range", "len", "expand_dims", "ndindex", "tri", "tril")


def whole(source, node):
    """The node's text, in parentheses if something may bind tighter than what is in it."""
    text = source.of(node)
    return text if isinstance(node, ATOMS) else f"({text})"


def is_leaf(node, *kinds):
    """Whether a side of an operation is not again an operation of these kinds."""
    return not (isinstance(node, ast.BinOp) and isinstance(node.op, kinds))


def sign(source, node, names):
    """a + b to a - b; -a to a; += to -=; in what a vjp returns, a gradient to its negative."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield flip(source, node, "+" if isinstance(node.op, ast.Add) else "-")
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and not is_axis(source, node)
    ):
        yield source.replace(node, whole(source, node.operand))
    if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.Sub)):
        old, new = ("+=", "-=") if isinstance(node.op, ast.Add) else ("-=", "+=")
        yield source.replace(node, source.of(node).replace(old, new, 1))
    if isinstance(node, ast.Tuple) and is_result_of_vjp(source, node):
        for gradient in node.elts:
            if isinstance(gradient, (ast.Name, ast.BinOp)):
                yield source.replace(gradient, f"-{in_product(source, gradient)}")


def flip(source, node, symbol):
    _, _, at = source.sides(node, symbol)
    return Edit(at, at + 1, "-" if symbol == "+" else "+")


def in_product(source, node):
    loose = isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))
    return f"({source.of(node)})" if loose else source.of(node)


def is_axis(source, node):
    return isinstance(source.parent[node], (ast.Slice, ast.Subscript, ast.keyword, ast.Call))


def is_result_of_vjp(source, node):
    above = source.parent[node]
    if isinstance(above, ast.Lambda):
        return len(above.args.args) == 1 and above.args.args[0].arg.startswith("d")
    return isinstance(above, ast.Return) and source.function(node).endswith("vjp")


def term(source, node, names):
    """a + b to a, and to b; a | b, blocks of gradients, likewise: a path that is forgotten."""
    kinds = {ast.Add: "+", ast.Sub: "-", ast.BitOr: "|"}
    if not isinstance(node, ast.BinOp) or type(node.op) not in kinds:
        return
    left, right, _ = source.sides(node, kinds[type(node.op)])
    yield source.replace(node, left)
    if is_leaf(node.left, *kinds):
        yield source.replace(node, f"-{right}" if isinstance(node.op, ast.Sub) else right)


def factor(source, node, names):
    """a * b to a, and to b; a / b to a; a ** b to a: a factor of the chain that is forgotten."""
    kinds = {ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
    if not isinstance(node, ast.BinOp) or type(node.op) not in kinds:
        return
    left, right, _ = source.sides(node, kinds[type(node.op)])
    yield source.replace(node, left)
    if isinstance(node.op, ast.Mult) and is_leaf(node.left, *kinds):
        yield source.replace(node, right)


def constant(source, node, names):
    """A number doubled (one half: halved; 0: 1); a whole number, where it counts, off by one."""
    if not isinstance(node, ast.Constant) or isinstance(node.value, (bool, str, type(None))):
        return
    if isinstance(node.value, float):
        new = {0.0: 1.0, 0.5: 0.25}.get(node.value, 2.0 * node.value)
        yield source.replace(node, repr(new))
    elif isinstance(node.value, int) and counts(source, node):
        yield source.replace(node, str(node.value + 1))


def counts(source, node):
    """Whether a whole number is part of a sum, a power, a range or a slice."""
    above = source.parent[node]
    if isinstance(above, ast.UnaryOp):
        return False
    if isinstance(above, ast.Call):
        return name_of_call(above) in SHIFTED
    return isinstance(above, (ast.BinOp, ast.Slice, ast.Compare))


def product(source, node, names):
    """* to /, and / to *."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        symbol = "*" if isinstance(node.op, ast.Mult) else "/"
        _, _, at = source.sides(node, symbol)
        yield Edit(at, at + 1, "/" if symbol == "*" else "*")


def transpose(source, node, names):
    """a @ b to b @ a; .T lost; .T where none belongs: square matrices have the shape for it."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield Edit(source.end(node) - 2, source.end(node), "")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        left, right, _ = source.sides(node, "@")
        yield source.replace(node, f"{right} @ {left}")
        for side, text in (
            (node.left, f"{left}.T @ {right}"),
            (node.right, f"{left} @ {right}.T"),
        ):
            if isinstance(side, ATOMS) and not source.of(side).endswith(".T"):
                yield source.replace(node, text)


def axis(source, node, names):
    """axis=0 to axis=-1 and back; a sum along an axis to the sum of everything; keepdims lost; a
    new axis at the other end."""
    if isinstance(node, ast.keyword) and node.arg == "axis":
        old = source.of(node.value)
        yield source.replace(node.value, {"0": "-1", "-1": "0", "1": "0"}.get(old, "None"))
        if old in ("0", "-1", "1"):
            yield source.replace(node.value, "None")
    if isinstance(node, ast.keyword) and node.arg == "keepdims":
        yield source.replace(node.value, "False")
    if isinstance(node, ast.Call) and name_of_call(node) == "expand_dims":
        yield source.replace(node.args[1], {"-1": "0", "0": "-1"}[source.of(node.args[1])])
    if isinstance(node, ast.Subscript) and "None" in source.of(node.slice):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if len(parts) <= 2 and not any(isinstance(part, ast.Slice) and part.step for part in parts):
            turned = [source.of(part) for part in reversed(parts)]
            text = ", ".join(turned) if len(parts) == 2 else ":, None"
            yield source.replace(node.slice, text)


def slices(source, node, names):
    """[1:] to [:], [:-1] to [:], [::-1] to [:]; an index at one end to the other."""
    if isinstance(node, ast.Slice):
        for bound in (node.lower, node.upper):
            if bound is not None:
                yield source.replace(bound, "")
        if node.step is not None:
            yield source.replace(node.step, "")
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        for part in node.slice.elts:
            if source.of(part) in ("0", "-1"):
                yield source.replace(part, "-1" if source.of(part) == "0" else "0")

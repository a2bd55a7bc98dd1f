"""The mistakes: what goes wrong when a backward pass or a formula is written by hand.

`OPERATORS` is the table; the report counts by its names. A mutant is one small change of the text
of a file, one line of a diff.
"""

import ast
from dataclasses import dataclass

from mutants import formulas, slips
from mutants.names import Names
from mutants.source import Edit, Source

OPERATORS = {
    "sign": formulas.sign,
    "term": formulas.term,
    "factor": formulas.factor,
    "constant": formulas.constant,
    "product": formulas.product,
    "transpose": formulas.transpose,
    "axis": formulas.axis,
    "slice": formulas.slices,
    "swap": slips.swap,
    "name": slips.name,
    "function": slips.function,
    "unwrap": slips.unwrap,
    "comparison": slips.comparison,
    "statement": slips.statement,
    "argument": slips.argument,
}


@dataclass(frozen=True)
class Mutant:
    """One change of one file. `line` and `change` are its lines before and after, stripped;
    `turn` tells apart equal changes of equal lines in one function."""

    file: str
    operator: str
    function: str
    number: int  # of the line
    line: str
    change: str
    turn: int
    edit: Edit

    @property
    def key(self):
        return "|".join((self.file, self.function, self.line, self.change, str(self.turn)))


def mutants(path, text):
    """All the mutants of a file, in the order of its lines; none twice."""
    source, found, seen, turns = Source(path, text), [], set(), {}
    names = {}
    for node in source.mathematics():
        top = outermost(source, node)
        if top is not None and top not in names:
            names[top] = Names(source, top)
        for kind, operator in OPERATORS.items():
            for edit in operator(source, node, names.get(top)):
                changed = source.apply(edit)
                if changed in seen or not compiles(changed, source):
                    continue
                seen.add(changed)
                found.append(_mutant(source, node, kind, edit, turns))
    return sorted(found, key=lambda mutant: mutant.number)


def outermost(source, node):
    """The function of a module, or the method of a class, that the node is in."""
    top = None
    while node in source.parent:
        if isinstance(node, ast.FunctionDef):
            top = node
        node = source.parent[node]
    return top


def compiles(changed, source):
    """Whether it is Python, and not the same program as before."""
    try:
        return ast.dump(ast.parse(changed)) != ast.dump(source.tree)
    except SyntaxError:
        return False


def _mutant(source, node, kind, edit, turns):
    where = source.function(node)
    first = source.bytes.rfind(b"\n", 0, edit.start) + 1
    last = source.bytes.find(b"\n", edit.end)
    last = len(source.bytes) if last < 0 else last
    line = source.bytes[first:last].decode()
    change = source.apply(edit).encode()[
        first : last + len(edit.text.encode()) - edit.end + edit.start
    ]
    line, change = " ".join(line.split()), " ".join(change.decode().split())
    turn = turns[where, line, change] = turns.get((where, line, change), 0) + 1
    number = source.bytes.count(b"\n", 0, edit.start) + 1
    return Mutant(source.path, kind, where, number, line, change, turn, edit)

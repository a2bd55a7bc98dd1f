"""From a problem's file to what a student gets: the solution cut out, the statement kept."""

import ast

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
TODO = 'raise NotImplementedError("your code here")'
CELL = "# %%"


def stub(source):
    """`source` with every solution region replaced by a NotImplementedError, for students.

    The cells stay, for editors that run them one by one; nbgrader's marks and its grading cell go.
    ValueError if a region does not begin, or does not end.
    """
    lines, inside = [], False
    for line in without_grading(source).splitlines():
        mark = line.strip()
        if mark in (BEGIN, END):
            if inside == (mark == BEGIN):
                raise ValueError(f"a line {mark!r} too many")
            inside = mark == BEGIN
            if inside:
                lines.append(line.replace(BEGIN, TODO))
        elif not inside:
            lines.append(line.split(" nbgrader=")[0] if line.startswith(CELL) else line)
    if inside:
        raise ValueError(f"no {END!r} after the last {BEGIN!r}")
    return "\n".join(lines).rstrip() + "\n"


def without_grading(source):
    """`source` up to the cell in which nbgrader calls the checker."""
    lines = source.splitlines()
    for k, line in enumerate(lines):
        if line.startswith(CELL) and '"grade": true' in line:
            lines = lines[:k]
            break
    return "\n".join(lines).rstrip() + "\n"


def begun(source, student):
    """Whether a student's file (str or bytes) has code that the stub of `source` has not."""
    try:
        return ast.dump(ast.parse(student)) != ast.dump(ast.parse(stub(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True

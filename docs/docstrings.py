"""The docstrings of tinyvae, plain text, as reStructuredText that looks like them.

Paragraphs flow; what is indented, a formula or a table, keeps its lines and its spaces; `name` in
backticks is code, and a link where it is documented; nothing else is markup.
"""

import re


def process(app, what, name, obj, options, lines):
    """For Sphinx: change the lines of a docstring in place."""
    lines[:] = restructured(lines)


def restructured(lines):
    """The lines of a docstring as lines of reStructuredText."""
    written = []
    for kind, block in blocks(lines):
        if kind == "preformatted":
            margin = min(len(line) - len(line.lstrip()) for line in block if line.strip())
            written += [
                ".. code-block:: text",
                "",
                *(f"   {line[margin:]}".rstrip() for line in block),
                "",
            ]
        elif kind == "items":
            written += [*("- " + _escaped(item) for item in block), ""]
        else:
            written += [_escaped(" ".join(block)), ""]
    return written


def blocks(lines):
    """(kind, lines) in order: "text", "preformatted" (indented) or "items" (a line of - each)."""
    found = []
    for line in [*map(str.rstrip, lines), ""]:
        kind, block = found[-1] if found else ("", [])
        if not line:
            if block and block[-1]:
                block.append("")  # a gap: it may go on after it
            continue
        indented = line.startswith("  ")
        if kind == "items" and indented and block[-1]:
            block[-1] += " " + line.strip()
        elif line.startswith("- ") and not (kind == "text" and block[-1]):
            if kind != "items":
                found.append(("items", []))
            elif not block[-1]:
                block.pop()
            found[-1][1].append(line[2:])
        elif indented and kind == "preformatted":
            block.append(line)
        elif indented:
            found.append(("preformatted", [line]))
        elif kind == "text" and block[-1] and not re.match("Sources?: ", line):
            block.append(line)
        else:
            found.append(("text", [line]))
    return [(kind, block if block[-1] else block[:-1]) for kind, block in found]


def _escaped(text):
    """One paragraph: backticks are code, all else is meant as it stands."""
    parts = re.split(r"`([^`]+)`", text)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = re.sub(r"([\\*`_|])|(?<=:)(:)", r"\\\1\2", part)
        elif re.fullmatch(r"[A-Za-z_][\w.]*", part):
            parts[i] = f":py:obj:`{part}`"
        else:
            parts[i] = f"``{part.strip()}``"
        if i % 2 and re.match(r"\w", parts[i + 1]):
            parts[i] += "\\ "
        if i % 2 and re.search(r"\w$", parts[i - 1]):
            parts[i] = "\\ " + parts[i]
    joined = "".join(parts)
    # What could be a list, a field or a title at the start of a paragraph is none.
    risky = re.match(r"([^\w\\:`]|[\w#]{1,4}[.)]( |$)|\()", joined) or re.match(r":(?!py:)", joined)
    return ("\\ " if risky else "") + joined

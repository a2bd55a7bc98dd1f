"""Tables as aligned text or as Markdown, and Markdown into the README."""

from pathlib import Path

from benchmarks import machine
from benchmarks.ratios import ratio
from tinyvae.storage import replacing, write_json


def text(rows):
    """Rows of words, the first of which are the heads, as aligned lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def markdown(rows):
    """The same as a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" + "|---:" * (len(rows[0]) - 1) + "|", *lines[1:]])


def rows(result, *, unit="ms", faults=True):
    """The table of a Result: a time, and its ratios to the first peer with each of its kernels."""
    first = next(iter(result.times))
    bases = [name for name in result.times if name == first or name.startswith(f"{first}, ")]
    heads = ["", unit, *(f"over {base}" for base in bases)]
    table = [heads + (["faults", "MB"] if faults else [])]
    for name, times in result.times.items():
        row = [name, number(1e3 * times.median)]
        for base in bases:
            same = name == base
            row.append("1" if same else str(ratio(result.times[base].seconds, times.seconds)))
        if faults:
            row.append(number(sorted(times.faults)[len(times.faults) // 2]))
            row.append("-" if times.memory is None else f"{times.memory:.0f}")
        table.append(row)
    return table


def number(value):
    """Three digits."""
    return "0" if value == 0 else f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def section(name):
    """The lines in a README between which a benchmark's tables stand."""
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def write_into(path, name, body):
    """Put `body` between the two lines of that name in the file. ValueError if it lacks them."""
    path = Path(path)
    begin, end = section(name)
    whole = path.read_text(encoding="utf-8")
    if whole.count(begin) != 1 or whole.count(end) != 1:
        raise ValueError(f"{path} needs the lines {begin} and {end}, once each")
    before, rest = whole.split(begin)
    with replacing(path) as file:
        file.write(f"{before}{begin}\n{body}\n{end}{rest.split(end)[1]}".encode())


class Pages:
    """What a benchmark prints, a table at a time, gathered as Markdown."""

    def __init__(self, args, packages):
        backend = getattr(args, "backend", "numpy")
        head = [machine.described(packages, backend), *machine.busy()]
        self.args, self.parts, self.results = args, [". ".join(head), f"`{args.command}`"], []
        print(*head, sep="\n")

    def add(self, title, table, notes=(), results=()):
        """Print one table and keep it."""
        print(f"\n{title}\n{text(table)}", *notes, sep="\n", flush=True)
        self.parts += [f"**{title}**\n\n{markdown(table)}", *notes]
        self.results += results

    def finish(self, name):
        """Write every time to OUT/NAME.json, and the tables where they were asked for."""
        path = Path(self.args.out) / f"{name}.json"
        write_json(path, [result.record() for result in self.results])
        print(f"\nwritten: {path}")
        if self.args.markdown:
            write_into(self.args.markdown, name, "\n\n".join(self.parts))
            print(f"tables put into {self.args.markdown}")

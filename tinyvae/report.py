"""What a gradient check found, and how it says so."""

from dataclasses import dataclass


@dataclass
class Row:
    """The verdict on one argument; `index`, `analytic` and `numeric` are of its worst entry."""

    argument: str
    shape: tuple = ()
    entries: int = 0  # what was compared: each entry, or a few random directions
    each: bool = True
    verdict: str = "ok"
    error: float = 0.0
    index: tuple = ()
    analytic: float = 0.0
    numeric: float = 0.0
    kinks: int = 0
    note: str = ""

    @property
    def ok(self):
        return self.verdict in ("ok", "dead", "none")

    def disagreement(self, place):
        """The two numbers of the worst entry, which is at that place, in a sentence."""
        return (
            f"at {place} vjp gives {self.analytic:.9g}, the numerical derivative is "
            f"{self.numeric:.9g} (relative error {self.error:.1e})"
        )


@dataclass
class Report:
    """What `gradcheck` found: a row for each argument. Print it, or call `raise_if_wrong`."""

    name: str
    method: str
    rtol: float
    rows: list

    @property
    def ok(self):
        return all(row.ok for row in self.rows)

    @property
    def error(self):
        """The worst relative error, of all arguments."""
        return max((row.error for row in self.rows), default=0.0)

    @property
    def entries(self):
        return sum(row.entries for row in self.rows)

    @property
    def verdict(self):
        """The first verdict that is not a pass; otherwise 'ok', with what deserves a word."""
        for row in self.rows:
            if not row.ok:
                return row.verdict
        remarks = []
        for word in ("none", "dead"):
            names = [row.argument for row in self.rows if row.verdict == word]
            remarks += [f"{names[0] if len(names) == 1 else len(names)} {word}"] if names else []
        kinks = sum(row.kinks for row in self.rows)
        remarks += [f"{kinks} at a kink"] if kinks else []
        return f"ok ({', '.join(remarks)})" if remarks else "ok"

    def message(self):
        """The failures, a line each: function, argument, index, both numbers, or the reason."""
        return "\n".join(f"{self.name}: {row.note}" for row in self.rows if not row.ok)

    def raise_if_wrong(self):
        """The report itself if everything passed, else AssertionError with `message()`."""
        if not self.ok:
            raise AssertionError(self.message())
        return self

    def __str__(self):
        kind = "step" if self.method == "complex" else "differences"
        width = max(map(len, ["argument", *(row.argument for row in self.rows)]))
        lines = [f"gradcheck of {self.name} by {self.method} {kind}, rtol {self.rtol:g}"]
        lines += [f"{'argument':<{width}}{'shape':>14}{'compared':>16}{'worst error':>14}  verdict"]
        for row in self.rows:
            compared = f"{row.entries} {'entries' if row.each else 'directions'}"
            kinks = f" ({row.kinks} at a kink)" if row.kinks else ""
            lines += [
                f"{row.argument:<{width}}{row.shape!s:>14}{compared:>16}{row.error:>14.1e}  "
                f"{row.verdict}{kinks}"
            ]
        if not self.ok:
            lines += [self.message(), "tinyvae.diagnose, called in the same way, says why"]
        return "\n".join(lines)

"""All that was found, in lines that a student can read."""

import statistics
import textwrap

from tinyvae import __version__
from tinyvae.doctor.kernels import CORETYPE, Remedy, best_for, level_of
from tinyvae.doctor.machine import VARIABLES
from tinyvae.doctor.measure import WHAT, Setting
from tinyvae.doctor.threads import THREADS

NOW = "as it is"


def facts(machine, *, versions, kernels, threads, gpu):
    """The lines of what is here."""
    best, blas = best_for(machine.flags), machine.blas
    rows = {
        "tinyvae": ", ".join([__version__, *(f"{name} {v}" for name, v in versions.items())]),
        "system": machine.system,
        "processor": f"{machine.processor}, {best.name if best else 'its instructions unknown'}",
        "BLAS": " ".join([blas.name, blas.version or "(version unknown)"])
        if blas.name != "none"
        else "none",
        "kernels": kernels,
        "threads": threads,
        "variables": variables(machine.environ),
        "CuPy": gpu,
    }
    return [f"{name:<10} {text}" for name, text in rows.items()]


def variables(environ):
    """Those that are set, or which were looked for."""
    found = ", ".join(f"{name}={environ[name]}" for name in VARIABLES if name in environ)
    return found or f"none set of {', '.join(VARIABLES)}"


def settings(remedies, threads):
    """The Settings to measure: what there is, and every remedy that sets something.

    Kernels are compared on one thread: threads that wait for each other, on a busy machine, hide
    what the kernels are worth.
    """
    one = Remedy(THREADS, "1", "")
    found = {NOW: Setting(NOW, {})}
    for remedy in (remedy for remedy in remedies if remedy.value is not None):
        against = NOW
        if remedy.variable == CORETYPE and threads != 1:
            against = str(one)
            found.setdefault(against, _setting(one, found[NOW]))
        found[str(remedy)] = _setting(remedy, found[against])
    return list(found.values())


def _setting(remedy, base):
    return Setting(str(remedy), {**base.variables, remedy.variable: remedy.value}, base.name)


def measured(trials):
    """The lines of the measurement."""
    width = max(map(len, trials))
    return [f"measured: {WHAT}"] + [
        f"  {name:<{width}}  {_result(trial)}" for name, trial in trials.items()
    ]


def _result(trial):
    if trial.failure:
        return trial.failure
    time = f"{1e3 * statistics.median(trial.seconds):.2f} ms"
    if not trial.ratios:
        return time
    compared = "" if trial.against == NOW else f", both with {trial.against}"
    return f"{time}, {statistics.median(trial.ratios):.2f} times as fast{compared}"


def advice(remedies, trials=None, *, windows=False):
    """The last lines: what to type and why, or that there is nothing to set.

    trials: those of `measure(settings(remedies, ...))`, or None if nothing was measured.
    """
    lines = []
    for remedy in remedies:
        lines += _advised(remedy, trials, windows)
    if lines:
        return lines
    if trials is not None and trials[NOW].failure:
        return ["The measurement failed, so nothing is advised."]
    if not remedies:
        return ["Nothing to set."]
    if trials is None:
        return ["Nothing to set, as far as can be told without a measurement."]
    return ["Nothing to set: nothing is to be gained by what was tried."]


def _advised(remedy, trials, windows):
    """The lines about one remedy; none if it gains nothing."""
    if remedy.value is None:
        return _typed(remedy, windows, remedy.why)
    if trials is None:
        unknown = "What it is worth was not measured."
        return [] if remedy.only_measured else _typed(remedy, windows, f"{remedy.why} {unknown}")
    trial = trials[str(remedy)]
    if trial.failure:
        return [f"Leave {remedy} alone: the process that tried it {trial.failure}."]
    if (
        remedy.variable == CORETYPE
        and trial.core
        and level_of(trial.core) != level_of(remedy.value)
    ):
        return [f"{remedy} does nothing: this OpenBLAS has no such kernels."]
    if not trial.faster:
        return []
    if not trial.always:
        spread = f"{min(trial.ratios):.1f} to {max(trial.ratios):.1f} times as fast"
        return [f"{remedy}: {spread}. Ask again when the machine does nothing else."]
    worth = f"{statistics.median(trial.ratios):.1f} times as fast, measured."
    return _typed(remedy, windows, f"{worth} {remedy.why}")


def _typed(remedy, windows, why):
    """What to type in the shell, and the reason below it."""
    name, value = remedy.variable, remedy.value
    if value is None:
        line = f"Remove-Item Env:{name}" if windows else f"unset {name}"
    else:
        line = f'$env:{name} = "{value}"' if windows else f"export {name}={value}"
    shell = "PowerShell" if windows else "the shell"
    reason = textwrap.wrap(why, 90, initial_indent="  ", subsequent_indent="  ")
    return [f"Type in {shell}, before Python starts:", f"    {line}", *reason]

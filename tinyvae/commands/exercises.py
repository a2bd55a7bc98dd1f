"""`tinyvae exercises`: the exercises of the course, and the checker that explains."""

import argparse
import textwrap
from pathlib import Path

from tinyvae.errors import check_count
from tinyvae.exercises import every, exercise
from tinyvae.exercises.folder import Folder, start

DIR = "exercises"
WIDTH = 96


def add(subparsers):
    parser = subparsers.add_parser(
        "exercises",
        help="functions to write yourself, and a checker that explains",
        description="A function to write for every idea of the course. `start` copies the "
        "statements to a folder, a file each; you write the functions, in any editor; `check` says "
        "whether they are right, and, where they are not, why. Without an action: the list of all, "
        "and how far you are.",
    )
    folder(parser, DIR).set_defaults(run=show)
    actions = parser.add_subparsers(metavar="ACTION")
    one = actions.add_parser(
        "list", help="the exercises and how far you are", description="List the exercises."
    )
    folder(one).set_defaults(run=show)
    one = actions.add_parser(
        "start",
        help="copy the statements to a folder",
        description="Copy the statements to a folder. A file that is there already is left alone; "
        "to begin one again, delete it and start.",
    )
    where = {"nargs": "?", "default": argparse.SUPPRESS, "metavar": "DIR"}
    one.add_argument("dir", help=f"the folder, made if need be (default: {DIR})", **where)
    one.set_defaults(run=begin)
    one = actions.add_parser(
        "check",
        help="is it right, and if not, why?",
        description="Run what you wrote, in a process of its own with a time limit, and say what "
        "is wrong with it. What it prints is not shown; to see that, run the file itself. Exit "
        "code 1 if something is wrong.",
    )
    one.add_argument(
        "exercises", nargs="*", metavar="N", help="numbers or names (default: all you have begun)"
    )
    folder(one).set_defaults(run=verdicts)
    one = actions.add_parser(
        "hint", help="a hint, each time the next one", description="Print a hint to an exercise."
    )
    one.add_argument("exercise", metavar="N", help="a number or a name")
    one.add_argument("which", nargs="?", type=int, metavar="K", help="the K-th (default: the next)")
    folder(one).set_defaults(run=hint)


def folder(parser, default=argparse.SUPPRESS):
    """Add --dir; an action leaves the default to the command, so that it may stand before, too."""
    said = f"the folder with your files (default: {DIR})"
    parser.add_argument("--dir", default=default, metavar="DIR", help=said)
    return parser


def place(args):
    """The folder as a Path; an error if that cannot be one."""
    if not args.dir:
        raise ValueError("DIR is empty: it must name a folder, such as exercises")
    path = Path(args.dir)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file, expected a folder")
    return path


def show(args):
    """Print the list."""
    path = place(args)
    mine = Folder(path) if path.exists() else None
    known = every()
    states = [mine.state(one) if mine else "" for one in known]
    width = max(len(one.name) for one in known)
    print(f"{'chapter':>7} {'no':>3}  {'function':<{width}}  {'state':<7}  title")
    for one, state in zip(known, states, strict=True):
        print(f"{one.chapter:>7} {one.number:>3}  {one.name:<{width}}  {state:<7}  {one.title}")
    if mine:
        print(f"\n{states.count('passed')} of {len(known)} passed in {args.dir}")
        print("changed: the file is not the one that was checked; begun: not checked yet")
        if "missing" in states:
            print(f"missing: `python -m tinyvae exercises start {args.dir}` brings the files")
    else:
        where = "" if args.dir == DIR else f" {args.dir}"
        print(
            f"\nnot started: `python -m tinyvae exercises start{where}` copies them to {args.dir}"
        )
    return 0


def begin(args):
    """Copy the stubs."""
    known = every()
    written = start(place(args), known)
    kept = len(known) - len(written)
    print(f"{len(written)} files written to {args.dir}" + f", {kept} there already" * bool(kept))
    first = known[0]
    print(f"open {Path(args.dir) / first.file}, write the function, then:")
    print(f"python -m tinyvae exercises check {first.number}{elsewhere(args.dir)}")
    return 0


def verdicts(args):
    """Check, print, remember; the exit code."""
    mine = Folder(place(args))
    chosen, known = [exercise(which) for which in args.exercises], every()
    chosen = chosen or [one for one in known if mine.state(one) not in ("", "missing")]
    if not chosen:
        print(f"nothing begun yet in {args.dir}: open {mine.path / known[0].file}")
        return 1
    for one in chosen:
        mine.file(one), mine.entry(one)  # an error before the first of them is checked
    passed = [tell(one, mine, args.dir) for one in chosen]
    if len(chosen) > 1:
        print(f"\n{sum(passed)} of {len(chosen)} passed")
    left = [one for one in known if mine.state(one) == ""]
    if all(passed) and left:
        ahead = [one for one in left if one.number > chosen[-1].number]
        print(f"next: {mine.path / (ahead or left)[0].file}")
    return 0 if all(passed) else 1


def tell(one, mine, directory):
    """Check one exercise and print the verdict; whether it passed."""
    from tinyvae.exercises.check import check  # here: other commands start faster without it

    path = mine.file(one)
    source = path.read_bytes()
    verdict = check(one, path)
    if verdict.state != "not begun":
        mine.remember(one, source, verdict.state)
    print(f"{one.number:>2}  {one.name}: {verdict.state}", flush=True)
    for paragraph in verdict.text.splitlines():
        print(wrapped(paragraph))
    if verdict.state == "wrong":
        print(f"    Stuck? python -m tinyvae exercises hint {one.number}{elsewhere(directory)}")
    return verdict.passed


def hint(args):
    """Print one hint."""
    one, mine = exercise(args.exercise), Folder(place(args))
    count = len(one.hints)
    if args.which is not None and check_count("K", args.which) > count:
        raise ValueError(f"{one.name} has {count} hints, there is no hint {args.which}")
    number, text = mine.hint(one, args.which)
    print(f"{one.number:>2}  {one.name}: hint {number} of {count}")
    print(wrapped(text))
    return 0


def wrapped(text):
    """A paragraph, indented under the name of its exercise."""
    options = {"break_long_words": False, "break_on_hyphens": False}
    indent = " " * 4
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent, **options)


def elsewhere(directory):
    """The option to add where the folder is not the usual one."""
    return "" if directory == DIR else f" --dir {directory}"

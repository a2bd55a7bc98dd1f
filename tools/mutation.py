"""How many mistakes does the test suite notice? Plant them, one at a time, and count.

    python tools/mutation.py                        the core, five laws, all estimators
    python tools/mutation.py ops.py distributions   these files, or all of a folder
    python tools/mutation.py --list kl.py           number them, run nothing
    python tools/mutation.py --only 12,40-44 kl.py  those numbers alone
    python tools/mutation.py --sample 200 --seed 1  so many, drawn from all
    python tools/mutation.py --thorough             survivors meet the whole default suite
    python tools/mutation.py --resume               after new tests: what survived without a reason

A mutant is one small change in a formula or a backward pass (`mutants/operators.py`). It is killed
if a test fails, or does not end in time. `mutation_survivors.toml` lists the ones that change no
behaviour, each with the reason; they are left out of the score, and stale entries are named. The
exit code is 0 if nothing else survived. A maintenance command: it is not part of the suite.
"""

import argparse
import os
import random
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from mutants import operators, runner, targets, verdicts  # noqa: E402

PATIENCE = 4.0  # times what the tests take without a mutant, and --least, until one is late
LIKELY = 40  # tests that told lately, and are asked first
WHOLE_SUITE = ("tests",)


def parser():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("files", nargs="*", help="files or folders of tinyvae; by default those of a course")
    add("--root", type=Path, default=HERE.parent, help="the project")
    add("--tests", action="append", metavar="STEP", help="these tests instead of those listed")
    add("--list", action="store_true", help="print the mutants with their numbers, and end")
    add("--only", metavar="NUMBERS", help="numbers from --list of the same files: 3,10-12")
    add("--sample", type=int, metavar="N", help="N of them, drawn at random")
    add("--seed", type=int, default=0, help="of --sample")
    add("--jobs", type=int, default=1, help="children at a time")
    add("--least", type=float, default=20.0, help="seconds that every mutant is given")
    add("--thorough", action="store_true", help="the whole default suite for what survives")
    add("--results", type=Path, default=HERE.parent / "runs/mutation.json", help="all verdicts")
    add("--resume", action="store_true", help="run what --results has not, or has as unexplained")
    add("--known", type=Path, default=HERE / "mutation_survivors.toml", help="equivalent mutants")
    return parser


def numbers(text, count):
    """The whole numbers of '3,10-12', from 1 to count; ValueError for others."""
    found = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    if not found <= set(range(1, count + 1)):
        raise ValueError(f"--only wants numbers from 1 to {count}, not {text}")
    return sorted(found)


def chosen(args, texts):
    """The mutants that were asked for, in the order of the files and of their lines."""
    every = [mutant for path, text in texts.items() for mutant in operators.mutants(path, text)]
    if args.only:
        every = [every[number - 1] for number in numbers(args.only, len(every))]
    if args.sample is not None and args.sample < len(every):
        places = random.Random(args.seed).sample(range(len(every)), args.sample)
        every = [every[i] for i in sorted(places)]
    return every


class Plan:
    """Which tests a mutant meets, in which order, and how long they may take."""

    def __init__(self, args, texts, workshop):
        self.root, self.tests, self.texts, self.workshop = args.root, args.tests, texts, workshop
        self.least, self.limits, self.likely = args.least, {}, {}

    def steps(self, path):
        return self.tests or targets.steps(self.root, path)

    def limit(self, steps):
        """Seconds, from what the same tests take without a mutant, which is measured once."""
        steps = tuple(steps)
        if steps not in self.limits:
            self.limits[steps] = self.least + PATIENCE * self.workshop.baseline(steps)
        return self.limits[steps]

    def __call__(self, mutant):
        steps, likely = self.steps(mutant.file), self.likely.get(mutant.file, ())
        return self.text(mutant), steps, likely, self.limit(steps)

    def thorough(self, mutant):
        return self.text(mutant), WHOLE_SUITE, (), self.limit(WHOLE_SUITE)

    def text(self, mutant):
        return operators.Source(mutant.file, self.texts[mutant.file]).apply(mutant.edit)

    def learn(self, mutant, test):
        """Ask the test that told of this mutant first about the next one of the file."""
        if test and "::" in test:
            before = [other for other in self.likely.get(mutant.file, ()) if other != test]
            self.likely[mutant.file] = (test, *before[: LIKELY - 1])


def run(args, texts, todo, results, known):
    from tqdm import tqdm

    with runner.Workshop(args.root, args.jobs) as workshop:
        plan = Plan(args, texts, workshop)

        def put(mutants, how, title, thorough):
            bar = tqdm(workshop.run(mutants, how), total=len(mutants), desc=title, disable=None)
            left = 0
            try:
                for done, (mutant, verdict, test, seconds) in enumerate(bar):
                    results.add(mutant, texts[mutant.file], verdict, test, seconds, thorough)
                    plan.learn(mutant, test)
                    left += verdict == "survived"
                    bar.set_postfix(survived=left)
                    if done % 20 == 0:
                        results.save()
            finally:
                results.save()

        files = {mutant.file: plan.steps(mutant.file) for mutant in todo}
        for steps in tqdm(files.values(), desc="tests without a mutant", disable=None):
            plan.limit(steps)
        put(todo, plan, "mutants", False)
        if args.thorough:
            survivors = [m for m in todo if results.rows[m.key]["verdict"] == "survived"]
            survivors = [m for m in survivors if not known.reason(m)]
            put(survivors, plan.thorough, "survivors, whole suite", True)


def choose(args):
    """(the text of each file, the mutants that were asked for); ValueError for bad options."""
    root = args.root
    paths = targets.chosen_targets(root, args.files) or targets.default_targets(root)
    for path in [] if args.tests or args.list else paths:
        targets.steps(root, path)
    texts = {path: (root / path).read_text() for path in paths}
    return texts, chosen(args, texts)


def main(argv=None):
    args = parser().parse_args(argv)
    args.root = args.root.resolve()
    try:
        texts, mutants = choose(args)
        known, results = verdicts.Known(args.known), verdicts.Results(args.results)
    except ValueError as error:
        parser().error(str(error))
    if args.list:
        for i, mutant in enumerate(mutants, start=1):
            print(f"{i:>5} {verdicts.shown(mutant)[0]}  {mutant.change}")
        return 0
    if args.resume:
        results.load()
    before = {mutant.key: results.of(mutant, texts[mutant.file]) for mutant in mutants}
    todo = [
        mutant
        for mutant in mutants
        if not before[mutant.key]
        or (before[mutant.key]["verdict"] == "survived" and not known.reason(mutant))
    ]
    os.environ.update(runner.SETTINGS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and so the copies are removed
    start = time.monotonic()
    run(args, texts, todo, results, known)
    complete = [] if args.only or args.sample is not None else list(texts)
    lines, well = verdicts.report(mutants, results.rows, known, complete)
    print("\n".join(lines))
    print(f"{len(todo)} were run in {time.monotonic() - start:.0f} s, {args.jobs} at a time")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())

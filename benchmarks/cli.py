"""What the commands share: options, errors as one line, exit codes."""

import argparse
import shlex
import signal
import subprocess
import sys

from benchmarks import machine
from benchmarks.children import ROOT, PeerFailed
from benchmarks.contest import Disagrees
from tinyvae import backend
from tinyvae.errors import check_count, check_number, unknown


def options(module, doc, peers, *, rounds, seconds=0.2, on_gpu=None):
    """A parser with what every benchmark takes; on_gpu: the peers with --backend cupy."""
    lines = doc.strip().splitlines()
    parser = argparse.ArgumentParser(f"python -m {module}", description=lines[0])
    known = ", ".join(peers)
    if on_gpu is not None:
        parser.add_argument("--backend", default="numpy", help="numpy, or cupy for a GPU")
        known += f"; with --backend cupy of {', '.join(on_gpu)}"
    parser.add_argument("--peers", help=f"of {known} (default: all)")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default: {rounds}")
    parser.add_argument(
        "--seconds", type=float, default=seconds, help=f"a turn takes (default: {seconds:g})"
    )
    parser.add_argument("--threads", help="numbers of threads (default: 1,2; of a GPU: all)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, data, noise and orders")
    parser.add_argument("--out", default="runs/benchmarks", metavar="DIR", help="for files")
    parser.add_argument(
        "--markdown", metavar="FILE", help="put the tables into it, as benchmarks/README.md"
    )
    parser.add_argument("--quick", action="store_true", help="small and short: does it run?")
    return parser


def checked(args, peers):
    """args with lists in place of texts. ValueError or TypeError that names what is wrong."""
    backend.module(getattr(args, "backend", "numpy"))
    check_count("rounds", args.rounds)
    check_count("seed", args.seed, at_least=0)
    check_number("seconds", args.seconds, above=0)
    names = peers if args.peers is None else chosen("peer", args.peers, peers)
    args.peers = {key: peers[key] for key in names}
    usual = "1,2" if getattr(args, "backend", "numpy") == "numpy" else str(machine.cores())
    wanted = [number("threads", word) for word in (args.threads or usual).split(",")]
    args.threads = [n for n in wanted if n <= machine.cores()]
    if wanted != args.threads:
        print(f"there are {machine.cores()} cores for threads: no times with more")
    if not args.threads:
        raise ValueError(f"threads must be at most {machine.cores()}, the cores, not {wanted}")
    return args


def chosen(what, text, known):
    """The words of a list with commas; ValueError, naming it, for one that is not known."""
    words = list(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in words:
        if word not in known:
            raise unknown(what, word, known)
    return words


def number(name, word):
    try:
        return check_count(name, int(word))
    except ValueError:
        raise ValueError(f"{name} must be whole numbers from 1, as 1,2, not {word!r}") from None


def kernels(text):
    """The names of the kernels to run; 'auto': the installed, and AVX-512 ones where these are not
    and the processor has it. ValueError for kernels that the processor cannot run."""
    if text == "auto":
        has = stock_kernels().lower() in machine.LEVELS["avx512"].cores
        wide = machine.allowed("avx512") and not has
        return ["stock", "avx512"] if wide else ["stock"]
    names = chosen("kernels", text, machine.KERNELS)
    for name in names:
        if not machine.allowed(name):
            raise ValueError(f"kernels {name!r} would crash: the processor has no {name.upper()}")
    return names


def stock_kernels():
    """What NumPy's OpenBLAS takes by itself: asked in a child, this process may have been told."""
    code = "from benchmarks.machine import core_type; print(core_type())"
    command = [sys.executable, "-c", code]
    environment = machine.settings(1)
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def main(module, parser, run, argv=None):
    """Run it. Exit codes: 0 done, 1 a peer is wrong or failed, 2 bad input, 130 Ctrl-C."""
    argv = sys.argv[1:] if argv is None else argv
    args = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, so children end
    args.command = shlex.join(["python", "-m", module, *argv])
    try:
        return run(args) or 0
    except (Disagrees, PeerFailed) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except (ValueError, TypeError, OSError) as error:
        print(f"benchmarks: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted", file=sys.stderr)
        return 130

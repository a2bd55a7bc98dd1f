"""`python -m tinyvae`, and the `tinyvae` script."""

import argparse
import os
import sys
from functools import partial

from tinyvae import __version__
from tinyvae.commands import COMMANDS
from tinyvae.errors import NotFinite
from tinyvae.ranks import as_one


def main(argv=None):
    """Run one command. Exit codes: 0 done, 1 a check failed, 2 bad input, 130 stopped by Ctrl-C."""
    argv = sys.argv[1:] if argv is None else argv
    # Before a word is said, as rank 0 alone speaks. The parser takes --mp for --mpi, too.
    if any("--mpi".startswith(word) for word in argv if len(word) > 2):
        return answered(as_one, partial(chosen, argv), answered)
    return answered(chosen, argv)


def chosen(argv):
    """Run the command that argv names; its exit code, or what it raises."""
    parser = argparse.ArgumentParser(
        prog="tinyvae",
        description="Gradients through random sampling, by hand: train a VAE you can read, check "
        "every gradient, and see one flow.",
    )
    parser.add_argument("--version", action="version", version=f"tinyvae {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    args = parser.parse_args(argv)
    return args.run(args)


def answered(run, *args):
    """The exit code of run(*args); what goes wrong is one line for the user."""
    try:
        code = run(*args)
        if sys.stdout is not None:  # None if it was closed before we began
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except NotFinite as error:
        print(f"tinyvae: {error}", file=sys.stderr)
        return 1
    except (ValueError, TypeError, OSError, MemoryError, OverflowError) as error:
        print(f"tinyvae: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tinyvae: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

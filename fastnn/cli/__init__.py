"""The console command ``fastnn``: train, predict, info, export, catalogue, bench."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import fastnn
from fastnn.cli import bench, catalogue, export, info, predict, train

__all__ = ["main"]

_EXAMPLES = """examples:
  fastnn train                                          the bundled digits, in seconds
  fastnn train titanic.csv --target Survived            a table with a header
  fastnn train mnist --data-dir DIR --hidden 256,128    the four files of MNIST in DIR
  fastnn predict model.fnn new.csv --out predictions.csv
  fastnn info model.fnn
  fastnn export model.fnn model.c                       as C, for programs without Python
  fastnn catalogue optimizer                            what there is, with formulas
  fastnn bench

`fastnn COMMAND --help` lists the options of a command."""


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing its usage, so that every mistake gives one line."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : list of str, optional
        The arguments, ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        Exit status: 0, 2 after a mistake in arguments or data, 130 after Ctrl-C, 141 when the reader of the output went away.
    """
    try:
        return _run(argv)
    except SystemExit as leaving:  # argparse after --help and --version
        return int(leaving.code or 0)
    except KeyboardInterrupt:
        print("fastnn: interrupted, nothing saved", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _discard_output()
        return 141
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        if os.environ.get("FASTNN_TRACEBACK"):
            raise
        print(f"fastnn: error: {_one_line(error)}", file=sys.stderr)
        return 2


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return 0
    status = options.run(options)
    sys.stdout.flush()
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fastnn",
        description="Train feed-forward neural networks on a CPU, and use them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fastnn {fastnn.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in (train, predict, info, export, catalogue, bench):
        command.add_parser(commands)
    return parser


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _discard_output() -> None:
    """Point stdout at nothing, or Python complains once more when it flushes at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

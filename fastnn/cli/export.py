"""``fastnn export``: a saved model in the format of others."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastnn.cli.arguments import HelpFormatter
from fastnn.cli.files import check_output
from fastnn.models import Sequential, load_model

__all__ = ["add_parser", "run"]

FORMATS: dict[str, Callable[[Sequential, argparse.Namespace], Any]] = {
    ".c": lambda model, options: model.to_c(options.out, name=options.name),
    ".onnx": lambda model, options: model.to_onnx(options.out),
    ".safetensors": lambda model, options: model.save_weights(options.out),
}
"""What writes a file, by its suffix."""

_EXAMPLES = """examples:
  fastnn export model.fnn model.c                 C99, see docs/c.md
  fastnn export model.fnn model.onnx              for ONNX Runtime and others; needs onnx
  fastnn export model.fnn model.safetensors       the weights alone
  fastnn export model.fnn weather.c --name weather"""


def add_parser(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "export",
        help="write a saved model for other tools",
        description=f"Write a saved model, or its weights, in the format that the suffix of OUT names: {', '.join(FORMATS)}.",
        epilog=_EXAMPLES,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="a saved model")
    parser.add_argument("out", metavar="OUT", type=Path, help="the file to write")
    parser.add_argument("--name", metavar="NAME", default="model", help="what the names in a C file begin with")


def run(options: argparse.Namespace) -> int:
    """Export as `options` say."""
    if options.out.suffix not in FORMATS:
        raise ValueError(f"{options.out}: the suffix tells the format; export knows {', '.join(FORMATS)}")
    check_output(options.out, "OUT", options.model)
    FORMATS[options.out.suffix](load_model(options.model), options)
    print(f"saved    {options.out} ({options.out.stat().st_size} bytes)")
    return 0

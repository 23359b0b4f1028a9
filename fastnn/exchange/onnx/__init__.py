"""ONNX: models written for any runtime that reads it, and dense graphs read as models.

`graph` is what a file is built with; `activations` and `layers` say what each becomes; `writing` makes the file. `reading` turns a chain of
nodes into layers, by the tables in `nodes` and `functions` and the formulas in `formulas`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential

__all__ = ["from_onnx"]


def from_onnx(source: Any, *, output: str | None = None) -> Sequential:
    """Read a dense model from an ONNX file, whoever wrote it.

    Parameters
    ----------
    source : str, path-like, bytes or onnx.ModelProto
        A file, its contents, or a model in memory.
    output : str, optional
        The value to read up to, where there are several outputs: ``"probabilities"`` of a scikit-learn classifier.

    Returns
    -------
    Sequential
        Not compiled. A file that `Sequential.to_onnx` wrote, and nobody changed, gives the same layers with the same names. Of any other,
        ``Gemm``, and ``MatMul`` with ``Add``, become `Dense`, factors and offsets by feature join the layer before them or become a
        `Normalization`, formulas of activations are recognised, and what does nothing in inference is left out.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is damaged, or holds what fastnn doesn't have: the message names the node.
    TypeError
        For another kind of source.
    ImportError
        When the package onnx is missing.

    Notes
    -----
    Nothing in the file is run, no other file is opened, and no array is made that isn't in it.
    """
    from fastnn.exchange.onnx.reading import read

    return read(source, output)

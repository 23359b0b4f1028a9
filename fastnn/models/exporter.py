"""Models on their way to other libraries and formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn.models.training import Trainer


class Exporter(Trainer):
    """A model that can become one of another library, or a file for another program."""

    def to_onnx(
        self,
        path: Any = None,
        *,
        opset: int = 17,
        batch_size: int | None = None,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Any:
        """Write what the model computes in inference as ONNX, for ONNX Runtime and others; `fastnn.from_onnx` reads it.

        Parameters
        ----------
        path : str or path-like, optional
            Where to; nothing is written when left out.
        opset : int
            Version of ONNX's operators, from 17 to the newest that the package onnx knows.
        batch_size : int, optional
            A fixed number of samples; any number when left out.
        name : str, optional
            The graph's; the model's when left out.
        metadata : dict, optional
            Text, or what JSON can hold, for the file's ``metadata_props``; the model's `metadata` when left out.

        Returns
        -------
        onnx.ModelProto
            From ``input`` to ``output``, in the model's dtype. The checker of the package onnx has passed it.

        Raises
        ------
        ValueError
            When the model isn't built, a layer has no form in ONNX (the message names it), or an argument is out of range. Nothing
            is written then.
        TypeError
            For metadata that isn't plain data.
        ImportError
            When the package onnx is missing.
        OSError
            When the file can't be written; one that was there before is untouched.

        References
        ----------
        docs/onnx.md says what each layer becomes.
        """
        from fastnn.exchange.onnx.writing import write

        return write(self, path, opset, batch_size, name, metadata)

    def to_torch(self) -> Any:
        """The model as a ``torch.nn.Sequential``, with copies of all parameters; `fastnn.from_torch` is the way back.

        Returns
        -------
        torch.nn.Sequential
            In evaluation mode: call its ``train()`` to go on training. Its modules have the layers' names; a layer with an activation
            becomes two.

        Raises
        ------
        ValueError
            For a layer that torch has no module for, which is named; when the model isn't built.
        ImportError
            When torch isn't installed.

        Notes
        -----
        Regularizers and constraints aren't carried, of which a warning tells. A part that one of center and scale was switched off of
        has zeros or ones there which aren't trained. `Embedding` takes integers in torch: pass ``x.long()``.
        """
        from fastnn.exchange.torch import to_torch

        return to_torch(self)

    def to_keras(self) -> Any:
        """The model as a ``keras.Sequential``, with copies of all parameters; `fastnn.from_keras` is the way back.

        Returns
        -------
        keras.Sequential
            With the layers' names, initializers, regularizers and constraints, compiled as the model is. The optimizer begins anew.

        Raises
        ------
        ValueError
            For a layer that Keras doesn't have, which is named; when the model isn't built.
        ImportError
            When Keras isn't installed.

        Notes
        -----
        Where Keras lacks the optimizer, the loss or a metric, the model isn't compiled, and a warning says why.
        """
        from fastnn.exchange.keras import to_keras

        return to_keras(self)

    def to_sklearn(self, classes: Any = None) -> Any:
        """The model as a fitted estimator of scikit-learn's, with copies of all parameters; `fastnn.from_sklearn` is the way back.

        It is made of `Dense` layers whose hidden activations are alike: linear, sigmoid, tanh or relu. The last activation says what it
        becomes: with softmax or sigmoid an ``MLPClassifier``, linear an ``MLPRegressor``, exponential one of Poisson's loss.

        Parameters
        ----------
        classes : array_like, optional
            The labels of a classifier, in the order of the outputs; ``metadata["classes"]`` or 0, 1, ... when left out.

        Returns
        -------
        MLPClassifier or MLPRegressor
            In a ``Pipeline`` behind a ``StandardScaler`` where the model begins with a layer that scales features. A classifier's outputs
            are in the order of its sorted labels, as always there. Dropout and noise are left out.

        Raises
        ------
        ValueError
            For a layer or an activation that isn't there, which is named, or another number of classes; when the model isn't built.
        ImportError
            When scikit-learn isn't installed.
        """
        from fastnn.exchange.sklearn import to_sklearn

        return to_sklearn(self, classes)

    def to_c(self, filepath: Any, *, name: str = "model", overwrite: bool = True) -> None:
        """Write the model as one self-contained C99 file, for programs and boards without Python; see ``docs/c.md``.

        It computes one sample, or several one after the other, in float and in double, with the weights as constants, scratch memory on the
        stack, and nothing but libm. Batch normalization is folded into the dense layer before it, as in `freeze`. The file has a
        self-test: ``cc -DMODEL_MAIN model.c -lm && ./a.out``.

        Parameters
        ----------
        filepath : str or path-like
            Any name; ``.c`` is customary, and ``.cpp`` compiles too.
        name : str
            What all names in the file begin with: ``model_predict_float``, ``model_predict_double``, ...
        overwrite : bool
            Whether an existing file may be replaced.

        Raises
        ------
        ValueError
            When the model isn't built, has a layer without C form (which is named) or parameters that aren't finite, `name` is no
            identifier, or the file exists and may not be replaced.
        OSError
            When the file can't be written; a file that was there before is untouched.
        """
        from fastnn.exchange.c import to_c

        to_c(self, filepath, name, overwrite)

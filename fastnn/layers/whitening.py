"""Whitening: features turned into uncorrelated ones of variance 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers.adapting import Adapted
from fastnn.layers.dense import dense, dense_backward_input
from fastnn.layers.layer import Shape, layers
from fastnn.layers.scaling import rescale
from fastnn.memory import aligned_zeros
from fastnn.program import Program, Tensor

__all__ = ["PCAWhitening"]


@layers.register("pca_whitening")
class PCAWhitening(Adapted):
    """Turns features into their principal components, each with variance 1 and uncorrelated with the others.

    ``(x - mean) U / sqrt(variance + epsilon)``, where the columns of U are eigenvectors of the data's covariance and `variance` its
    eigenvalues, largest first. Call `adapt` with the training data; before, the first features are passed on.

    Parameters
    ----------
    n_components : int, optional
        How many components to keep; all by default.
    epsilon : float
        Added to the variances, so that directions in which the data hardly varies aren't blown up.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Attributes
    ----------
    mean : Parameter of shape (features,)
    kernel : Parameter of shape (features, components)

    Raises
    ------
    ValueError
        For numbers outside their range, or more components than features.

    Notes
    -----
    Each component's sign is such that its largest weight is positive.

    References
    ----------
    Kessy, Lewin & Strimmer 2018, "Optimal whitening and decorrelation", The American Statistician 72, table 1; arXiv:1512.00809.
    """

    def __init__(self, n_components: int | None = None, epsilon: float = 1e-5, **options: Any):
        super().__init__(**options)
        whole = isinstance(n_components, (int, np.integer)) and not isinstance(n_components, bool)
        if n_components is not None and not (whole and n_components > 0):
            raise ValueError(f"layer {self.name!r}: n_components must be a positive integer, got {n_components!r}")
        if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float, np.number)) or not 0 <= epsilon < np.inf:
            raise ValueError(f"layer {self.name!r}: epsilon must be a finite number >= 0, got {epsilon!r}")
        self.n_components, self.epsilon = n_components and int(n_components), float(epsilon)

    def statistics(self, x: np.ndarray) -> dict[str, np.ndarray]:
        mean = x.mean(axis=0)
        variances, vectors = np.linalg.eigh((x - mean).T @ (x - mean) / len(x))
        vectors = vectors[:, ::-1][:, : self._components(x.shape[1])]
        variances = np.maximum(variances[::-1][: vectors.shape[1]], 0) + self.epsilon
        vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
        return {"mean": mean, "kernel": vectors / np.where(variances > 0, np.sqrt(variances), np.inf)}

    def _components(self, features: int) -> int:
        if self.n_components is not None and self.n_components > features:
            raise ValueError(f"layer {self.name!r}: {self.n_components} components of {features} features; choose fewer")
        return self.n_components or features

    def make_parameters(self, features: tuple[int, ...]) -> None:
        if not features:
            raise ValueError(f"layer {self.name!r} expects samples with at least one axis, got scalars; reshape x to (n, 1)")
        shape = features[-1], self._components(features[-1])
        self.mean = self.add_weight(features[-1:], "zeros", "mean", trainable=False)
        self.kernel = self.add_weight(shape, "zeros", "kernel", trainable=False)
        if not self.kernel.value.any():
            self.kernel.assign(np.eye(*shape))

    def knows_nothing(self) -> bool:
        return np.array_equal(self.kernel.value, np.eye(*self.kernel.shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self._components(input_shape[-1]))  # type: ignore[arg-type]

    def lower(self, program: Program, x: Tensor) -> Tensor:
        centred, y = program.successor(x), program.tensor(*x.features[:-1], self.kernel.shape[1])
        cr, yr = centred.rows, y.rows
        nothing, one = aligned_zeros(self.kernel.shape[1], program.dtype), np.ones_like(self.mean.value)
        program.forward(rescale, x.rows.value, self.mean.value, one, cr.value)
        program.forward(dense, cr.value, self.kernel.value, nothing, yr.value)
        if x.grad is not None:
            program.backward(dense_backward_input, yr.grad, self.kernel.value, cr.grad)
        return y

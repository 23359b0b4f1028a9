"""What a network has learned to see, as features for other estimators."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted, validate_data

from fastnn.layers import Input
from fastnn.models import Sequential
from fastnn.sklearn.plain import dense

__all__ = ["FastNNTransformer"]


class FastNNTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, MetaEstimatorMixin, BaseEstimator):
    """Fits a network, and gives what one of its hidden layers puts out.

    Parameters
    ----------
    estimator : estimator
        One of fastnn's: `MLPClassifier`, `MLPRegressor`, `FastNNClassifier`, ... A copy of it is fitted; wrapped in
        ``sklearn.frozen.FrozenEstimator``, one that is fitted already is used as it is.
    layer : int or str, default -1
        Which hidden layer: its index among the model's layers before the output layer, the last that has weights, so -1 is what the output
        layer sees; or a layer's name.

    Attributes
    ----------
    estimator_ : estimator
        The fitted one.
    hidden_ : Sequential
        The part of its model up to the layer.
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.sklearn import MLPRegressor
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> transformer = FastNNTransformer(MLPRegressor(hidden_layer_sizes=(8, 3), solver="lbfgs", random_state=0))
    >>> transformer.fit_transform(x, x[:, 0] ** 2).shape
    (20, 3)
    """

    def __init__(self, estimator: Any, *, layer: int | str = -1):
        self.estimator = estimator
        self.layer = layer

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: Any, y: Any, **fit_params: Any) -> FastNNTransformer:
        """Fit the network.

        Parameters
        ----------
        X, y : array_like
        **fit_params
            For the estimator's `fit`: ``sample_weight``, ... Where metadata routing is enabled, those that it requests.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            When the estimator isn't fastnn's.
        ValueError
            When there is no such hidden layer.
        """
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        fitted = clone(self.estimator).fit(X, y, **fit_params)
        self.hidden_ = _up_to(fitted, self.layer)
        self.estimator_ = fitted
        validate_data(self, X, skip_check_array=True)
        self._n_features_out = math.prod(n or 1 for n in self.hidden_.output_shape[1:])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """What the layer puts out for samples.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n, features), or array_like (n, ...)

        Returns
        -------
        ndarray of shape (n, units)
            Of X's dtype where that is float32 or float64, else float64.
        """
        check_is_fitted(self, "hidden_")
        x = dense(validate_data(self, X, reset=False, accept_sparse="csr", allow_nd=True, dtype=("float64", "float32")))
        return self.hidden_.predict(x).reshape(len(x), -1).astype(x.dtype, copy=False)

    def get_metadata_routing(self) -> MetadataRouter:
        """What `fit` hands on to the estimator's; see scikit-learn's guide to metadata routing."""
        mapping = MethodMapping().add(caller="fit", callee="fit").add(caller="fit_transform", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)


def _up_to(estimator: Any, layer: int | str) -> Sequential:
    """The part of a fitted estimator's model up to a hidden layer; both share the weights."""
    model = getattr(estimator, "model_", None)
    if not isinstance(model, Sequential):
        raise TypeError(f"FastNNTransformer takes an estimator of fastnn.sklearn, which has a Sequential as model_; got {estimator!r}")
    hidden = model.layers[: max(i for i, each in enumerate(model.layers) if each.weights)]
    names = [each.name for each in hidden]
    if isinstance(layer, str) and layer in names:
        index = names.index(layer)
    elif isinstance(layer, (int, np.integer)) and not isinstance(layer, bool) and -len(hidden) <= layer < len(hidden):
        index = int(layer) % len(hidden)
    else:
        raise ValueError(
            f"FastNNTransformer: layer must be the index or name of one of {len(hidden)} hidden layers, {names}; got {layer!r}"
        )
    features: Any = model.input_shape[1:]
    return Sequential([Input(features), *hidden[: index + 1]], dtype=model.dtype)

"""From and to scikit-learn: multilayer perceptrons, alone or behind a scaler in a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import activations
from fastnn.exchange.assembling import Assembly, Part, refusing
from fastnn.extras import require
from fastnn.layers import Activation, ActivityRegularization, Dense, Flatten, Layer
from fastnn.layers.noise import Noise
from fastnn.layers.scaling import FeatureScaling

if TYPE_CHECKING:
    from fastnn.models import Sequential

__all__ = ["from_sklearn", "to_sklearn"]

_ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "softmax": "softmax", "exp": "exponential"}
_THEIRS = {ours: theirs for theirs, ours in _ACTIVATIONS.items()}
_HIDDEN = "identity", "logistic", "tanh", "relu"

# --------------------------------------------------------------------------------------------------- reading

_readers: dict[str, Callable[[Any], list[Part]]] = {}


def _reads(*names: str) -> Any:
    """Decorator: the layers that the estimator of these classes becomes."""
    return lambda rule: [_readers.setdefault(name, rule) for name in names]


@_reads("MLPClassifier", "MLPRegressor")
def _(estimator: Any) -> list[Part]:
    chosen = [estimator.activation] * (len(estimator.coefs_) - 1) + [estimator.out_activation_]
    layers = zip(estimator.coefs_, estimator.intercepts_, chosen, strict=True)
    return [Part("Dense", {"units": len(b), "activation": _ACTIVATIONS[name]}, {"kernel": w, "bias": b}) for w, b, name in layers]


@_reads("StandardScaler")
def _(scaler: Any) -> list[Part]:
    return [_scaling("Normalization", scaler.n_features_in_, scaler.mean_ if scaler.with_mean else None, scaler.scale_)]


@_reads("RobustScaler")
def _(scaler: Any) -> list[Part]:
    return [_scaling("RobustScaling", scaler.n_features_in_, scaler.center_, scaler.scale_)]


@_reads("MaxAbsScaler")
def _(scaler: Any) -> list[Part]:
    return [_scaling("Normalization", scaler.n_features_in_, None, scaler.scale_)]


@_reads("MinMaxScaler")
def _(scaler: Any) -> list[Part]:
    if scaler.clip:
        raise ValueError("fastnn has no clip=True: make it with clip=False")
    low, high = scaler.feature_range
    part = _scaling("MinMaxScaling", scaler.n_features_in_, -scaler.min_ / scaler.scale_, 1 / scaler.scale_)
    return [part._replace(arguments={"low": low, "high": high})]


def _scaling(kind: str, features: int, center: Any, scale: Any) -> Part:
    """``(x - center) / scale``, where None is no center and no scale."""
    numbers = {"center": np.zeros(features) if center is None else center, "scale": np.ones(features) if scale is None else scale}
    return Part(kind, {}, numbers)


def from_sklearn(estimator: Any) -> Sequential:
    """A fastnn model that computes what a fitted estimator of scikit-learn's does.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        A pipeline has one of them at its end and ``StandardScaler``, ``MinMaxScaler``, ``MaxAbsScaler`` or ``RobustScaler`` before.

    Returns
    -------
    Sequential
        Of the coefficients' dtype, built and not compiled; the coefficients are copied. It puts out what ``predict_proba`` does, for two
        classes the probability of the second, or what ``predict`` does of a regressor. ``metadata["classes"]`` are a classifier's labels.

    Raises
    ------
    ValueError
        For an estimator that isn't fitted, and for other ones.

    Examples
    --------
    >>> import fastnn
    >>> from sklearn.neural_network import MLPRegressor  # doctest: +SKIP
    >>> model = fastnn.from_sklearn(MLPRegressor().fit(x, y))  # doctest: +SKIP
    """
    steps = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    steps = [step for step in steps if not isinstance(step, (str, type(None)))]
    parts = [part for step in steps for part in _parts(step)]
    if not parts or parts[-1].kind != "Dense":
        raise ValueError(f"from_sklearn: {estimator!r} must have an MLPClassifier or MLPRegressor at its end")
    assembly = Assembly("from_sklearn", (steps[0].n_features_in_,), str(parts[-1].weights["kernel"].dtype))
    for part in parts:
        assembly.add(part)
    model = assembly.model()
    if hasattr(steps[-1], "classes_"):
        model.metadata["classes"] = np.asarray(steps[-1].classes_).tolist()
    return model


def _parts(step: Any) -> list[Part]:
    kind = type(step).__name__
    with refusing("from_sklearn", kind):
        if hasattr(step, "model_"):
            raise ValueError("this estimator is fastnn's: take its model_")
        if kind not in _readers or not type(step).__module__.startswith("sklearn."):
            raise ValueError(f"fastnn has no layer for it; it takes {', '.join(_readers)} and pipelines of them")
        if not hasattr(step, "n_features_in_"):
            raise ValueError("it isn't fitted: call its fit before")
        return _readers[kind](step)


# --------------------------------------------------------------------------------------------------- writing


def _of(module: str, name: str) -> Any:
    """A class of scikit-learn's."""
    return getattr(require(f"sklearn.{module}", "to_sklearn", "sklearn"), name)


def to_sklearn(model: Sequential, classes: Any = None) -> Any:
    """The model as a fitted estimator of scikit-learn's; see `Sequential.to_sklearn`."""
    if len(model.input_shape) != 2:
        raise ValueError(f"to_sklearn: scikit-learn takes samples that are vectors, the model takes shape {model.input_shape[1:]}")
    scaler, dense = _split(model)
    hidden = sorted({name for _, name in dense[:-1]}) or ["relu"]
    if len(hidden) > 1 or hidden[0] not in _HIDDEN:
        said = ", ".join(_ACTIVATIONS[name] for name in hidden)
        raise ValueError(f"to_sklearn: hidden activations must be alike, and one of linear, sigmoid, tanh and relu; they are {said}")
    kernels = [layer.kernel.numpy() for layer, _ in dense]
    biases = [layer.bias.numpy() if layer.bias else np.zeros(layer.units, model.dtype) for layer, _ in dense]
    if classes is not None and dense[-1][1] == "logistic" and dense[-1][0].units > 1:
        raise ValueError(
            "to_sklearn: outputs of sigmoid are labels that may be there at once, which scikit-learn numbers: leave classes out"
        )
    made = _estimator(kernels, biases, dense[-1][1], model.metadata.get("classes") if classes is None else classes)
    made.set_params(hidden_layer_sizes=tuple(len(bias) for bias in biases[:-1]), activation=hidden[0])
    _give(made, kernels, biases)
    return made if scaler is None else _pipeline(scaler, made)


def _split(model: Sequential) -> tuple[Any, list[tuple[Dense, str]]]:
    """The layer that scales the features, if there is one, and the dense ones, each with scikit-learn's name of its activation."""
    stack = [layer for layer in model.layers if not _is_idle(layer)]
    scaler = stack.pop(0) if stack and isinstance(stack[0], FeatureScaling) and not stack[0].invert else None
    dense: list[tuple[Dense, str]] = []
    for layer in stack:
        with refusing("to_sklearn", f"layer {layer.name!r} ({type(layer).__name__})"):
            if type(layer) is Dense:
                dense.append((layer, _name(layer.activation)))
            elif isinstance(layer, Activation) and dense and dense[-1][1] == "identity":
                dense[-1] = dense[-1][0], _name(layer.activation)
            else:
                raise ValueError("scikit-learn's networks have dense layers, each with one activation, and nothing else")
    if not dense:
        raise ValueError(f"to_sklearn: model {model.name!r} has no Dense layer")
    return scaler, dense


def _is_idle(layer: Layer) -> bool:
    """Whether a layer passes vectors on as they are in inference."""
    return isinstance(layer, (Flatten, ActivityRegularization)) or type(layer).lower is Noise.lower


def _name(activation: activations.Activation) -> str:
    if activation.name not in _THEIRS or activation != activations.get(activation.name):
        raise ValueError(f"scikit-learn has no activation {activation!r}; it has {', '.join(_THEIRS)}")
    return _THEIRS[activation.name]


def _estimator(kernels: list[np.ndarray], biases: list[np.ndarray], last: str, classes: Any) -> Any:
    """The estimator that the last activation asks for; a classifier's last kernel and bias are put into the order of its labels."""
    if last in ("softmax", "logistic"):
        made = _of("neural_network", "MLPClassifier")()
        made.out_activation_ = _label(made, kernels, biases, last, classes)
        return made
    if last not in ("identity", "exp") or classes is not None:
        way_out = "softmax and sigmoid make a classifier, linear and exponential a regressor, which has no classes"
        raise ValueError(f"to_sklearn: the model ends in {_ACTIVATIONS[last]}; {way_out}")
    made = _of("neural_network", "MLPRegressor")(**({"loss": "poisson"} if last == "exp" else {}))
    made.out_activation_ = last
    return made


def _label(made: Any, kernels: list[np.ndarray], biases: list[np.ndarray], last: str, classes: Any) -> str:
    """Give a classifier its labels, which scikit-learn sorts, and return its last activation: of two classes it has one output."""
    outputs = len(biases[-1])
    if last == "logistic" and outputs > 1:
        return _binarized(made, np.eye(outputs, dtype=int), last)  # labels that may be there at once: scikit-learn numbers them
    expected = 2 if last == "logistic" else outputs
    labels = np.arange(expected) if classes is None else np.asarray(classes)
    if labels.shape != (expected,) or len(np.unique(labels)) != expected or expected < 2:
        raise ValueError(f"to_sklearn: classes must be {max(expected, 2)} different labels, in the order of the outputs, got {classes!r}")
    if last == "logistic":  # as a softmax, in which the first class has the input 0
        kernels[-1], biases[-1] = (np.concatenate([np.zeros_like(each), each], axis=-1) for each in (kernels[-1], biases[-1]))
    kernels[-1], biases[-1] = (each[..., np.argsort(labels)] for each in (kernels[-1], biases[-1]))
    if expected == 2:
        kernels[-1], biases[-1] = (each[..., 1:] - each[..., :1] for each in (kernels[-1], biases[-1]))
    return _binarized(made, labels, "logistic" if expected == 2 else last)


def _binarized(made: Any, labels: np.ndarray, last: str) -> str:
    made._label_binarizer = _of("preprocessing", "LabelBinarizer")().fit(labels)
    made.classes_ = made._label_binarizer.classes_
    return last


def _give(made: Any, kernels: list[np.ndarray], biases: list[np.ndarray]) -> None:
    """What `fit` leaves behind; what it would know of the training is as before the first epoch."""
    made.coefs_, made.intercepts_ = [np.ascontiguousarray(kernel) for kernel in kernels], list(biases)
    made.n_features_in_, made.n_outputs_, made.n_layers_ = len(kernels[0]), len(biases[-1]), len(biases) + 1
    made.n_iter_, made.t_, made.loss_curve_, made._no_improvement_count = 0, 0, [], 0
    made.loss_ = made.best_loss_ = np.inf
    made.validation_scores_ = made.best_validation_score_ = None


def _pipeline(scaling: Layer, estimator: Any) -> Any:
    scaler = _of("preprocessing", "StandardScaler")()
    scaler.mean_, scaler.scale_ = (p.numpy().astype(np.float64) for p in scaling.parameters)
    scaler.var_, scaler.n_features_in_, scaler.n_samples_seen_ = np.square(scaler.scale_), len(scaler.mean_), 1
    return _of("pipeline", "make_pipeline")(scaler, estimator)

"""What Keras has and fastnn hasn't: said by name, with the nearest thing that is there.

One table, by module: a pattern of names and what to do instead. A module hands its :func:`missing` on as ``__getattr__``; whole modules
that aren't there, and names in ``from fastnn.layers import Conv2D``, whose AttributeError Python would replace by a text of its own,
are answered by a finder at the end of ``sys.meta_path``, which nothing else ever reaches.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterable
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

__all__ = ["advice", "explain_imports", "missing"]

_SEQUENTIAL = "Sequential([...]), with Parallel and Residual for layers side by side"
_FLATTEN = "fastnn trains dense networks: Flatten() images and signals, and go on with Dense"
_FRAMES = "fastnn trains dense networks: give Dense windows, np.lib.stride_tricks.sliding_window_view(x, steps, axis=0), flattened"
_AUGMENT = "change the images in NumPy, in a generator or a fastnn.utils.PyDataset that fit takes"
_TEXT = "turn text into numbers before, as by scikit-learn's TfidfVectorizer; for codes there are Embedding and CategoryEncoding"
_PIPELINE = "fit takes arrays, generators, and any object with __len__ and __getitem__: fastnn.utils.PyDataset"
_NUMPY = "write it in NumPy"
_FLOATX = "a model has one dtype: fastnn.config.set_floatx('float64'), or Sequential(layers, dtype='float64')"
_BRANCHES = "fastnn merges layers side by side: Parallel([[...], [...]], merge={!r}), or Residual"
_OLD_MODULE = "import from {} itself"

ABSENT: dict[str, dict[str, str]] = {
    "fastnn": {
        "Model|Functional|Function": _SEQUENTIAL + "; part of a trained model is Sequential(model.layers[:2])",
        "KerasTensor": _SEQUENTIAL,
        "applications": "pretrained networks are of images; " + _FLATTEN,
        "preprocessing": "images: " + _AUGMENT + "; text: " + _TEXT + "; sequences: np.lib.stride_tricks.sliding_window_view",
        "visualization": _AUGMENT,
        "wrappers": "fastnn.sklearn has estimators for scikit-learn",
        "mixed_precision|dtype_policies|DTypePolicy|FloatDTypePolicy": _FLOATX,
        "distribution|distribute|device|parallel": "fastnn runs on this machine's processor: fastnn.set_num_threads(n)",
        "quantizers|Quantizer": "Sequential.freeze() is the fast form of a model",
        "export": "model.save(path), or model.freeze() to predict",
        "distillation": "train a small model on the large one's predict(x)",
        "tree|InputSpec|name_scope|remat|RematScope|StatelessScope|SymbolicScope|Operation": "fastnn has no graph; leave it out",
        "version": "fastnn.__version__",
        "Variable": "Layer.add_weight makes a layer's parameters",
        "keras|compat": "fastnn is in keras' place: import fastnn as keras",
        "legacy|src|engine|core": "that is inside Keras; the public names are in fastnn.layers, fastnn.models, ...",
        "data|feature_column|io|experimental|estimator|GradientTape|function": "fastnn is keras without TensorFlow: " + _PIPELINE,
    },
    "fastnn.layers": {
        "Add|add|Average|average|Multiply|multiply|Maximum|maximum|Minimum|minimum|Subtract|subtract|Dot|dot": _BRANCHES.format("add"),
        "Concatenate|concatenate|Merge|merge": _BRANCHES.format("concatenate"),
        r"(Separable|Depthwise)?Conv(olution)?\w*|\w*Pool(ing)?\dD|(Cropping|UpSampling|ZeroPadding)\dD|LocallyConnected\dD": _FLATTEN,
        r"SpatialDropout\dD": "Dropout drops units, AlphaDropout keeps mean and variance",
        r"\w*(LSTM|GRU|RNN)\w*|Bidirectional|TimeDistributed|Masking|RepeatVector|\w*Attention": _FRAMES,
        r"Random\w+|Resizing|CenterCrop|AugMix|CutMix|MixUp|AutoContrast|Solarization|\w*Equalization": _AUGMENT,
        "RandAugment|Pipeline|MaxNumBoundingBoxes": _AUGMENT,
        "MelSpectrogram|STFTSpectrogram": "compute spectra before, by np.fft.rfft",
        "TextVectorization|StringLookup|IntegerLookup|Hashing|HashedCrossing|Discretization": _TEXT + "; fastnn.tables encodes columns",
        "Identity": "Activation('linear') gives what it gets",
        "Permute|Cropping": "reorder the axes of x before, by np.transpose; Columns picks and reorders columns",
        "EinsumDense": "Dense works on the last axis; Reshape before and after it",
        "SpectralNormalization": "kernel_constraint='max_norm' bounds a kernel's norms",
        "ReversibleEmbedding": "Embedding",
        "CuDNN\\w+": _FRAMES,
        "MaxoutDense|Highway": "Residual([...])",
        "TorchModuleWrapper|TFSMLayer|JaxLayer|FlaxLayer|Wrapper": "write a layer with call(self, x) in NumPy: docs/custom.md",
        "InputSpec": "a layer checks its inputs in build(self, input_shape)",
        "core|advanced_activations|normalization|embeddings|convolutional|recurrent|merge|wrappers|pooling": _OLD_MODULE.format(
            "fastnn.layers"
        ),
    },
    "fastnn.optimizers": {
        "LossScaleOptimizer": "float32 and float64 need no scaling of the loss",
        "MultiOptimizer|OptimizerMap": "groups={'dense_1': {'learning_rate': 0.1}} of any optimizer gives layers rates of their own",
        "legacy|experimental": "the optimizers of this name in fastnn.optimizers; old arguments: lr is learning_rate, decay is a schedule",
        "TFOptimizer|schedule": "fastnn.optimizers.Optimizer, fastnn.optimizers.schedules",
    },
    "fastnn.losses": {
        "CTC|ctc": "it is a loss of sequences; " + _FRAMES,
        "Circle|circle": "write it as a function of y_true and y_pred in NumPy: compile(loss=function)",
        "CategoricalGeneralizedCrossEntropy|categorical_generalized_cross_entropy": "CategoricalFocalCrossentropy or label_smoothing",
    },
    "fastnn.metrics": {
        r"(Concordance|Pearson)Correlation|(concordance|pearson)_correlation": "R2Score, CosineSimilarity, or a function in NumPy",
    },
    "fastnn.callbacks": {
        "TensorBoard": "CSVLogger('training.csv') writes the numbers, GradientMonitor gradients' and weights' norms",
        "OrbaxCheckpoint": "ModelCheckpoint, or BackupAndRestore to resume",
        "RemoteMonitor": "LambdaCallback(on_epoch_end=lambda epoch, logs: ...) sends them anywhere",
        "BaseLogger|callbacks": "fastnn.callbacks.Callback",
    },
    "fastnn.initializers": {"STFT|stft|STFTInitializer": _NUMPY + ": a function of shape and dtype is an initializer"},
    "fastnn.models": {
        "Model|Functional": _SEQUENTIAL + "; part of a trained model is Sequential(model.layers[:2])",
        "model_from_yaml": "model_from_json",
    },
    "fastnn.utils": {
        "FeatureSpace": "fastnn.tables encodes the columns of a table",
        r"(image|audio|text)_dataset_from_directory|Config": "read the files in NumPy; " + _PIPELINE,
        "timeseries_dataset_from_array": "np.lib.stride_tricks.sliding_window_view(x, steps, axis=0)",
        "split_dataset": "slice the arrays, or fit(validation_split=0.2)",
        "pad_sequences": "np.pad, or np.zeros((n, length)) filled row by row",
        r"plot_model|model_to_dot|vis_utils": "model.summary(expand_nested=True, show_trainable=True)",
        r"(enable|disable)_interactive_logging|is_interactive_logging_enabled": "pass verbose=0, 1 or 2 to fit and evaluate",
        "get_file": "urllib.request.urlretrieve; fastnn.datasets.mnist.load_data() fetches MNIST",
        r"array_to_img|img_to_array|load_img|save_img|bounding_boxes": "np.asarray(PIL.Image.open(path)) reads an image",
        "get_source_inputs|is_keras_tensor": _SEQUENTIAL,
        "legacy|layer_utils|generic_utils|data_utils|io_utils": _OLD_MODULE.format("fastnn.utils"),
        "multi_gpu_model": "fastnn.set_num_threads(n)",
        "HDF5Matrix|GeneratorEnqueuer|OrderedEnqueuer": _PIPELINE,
    },
    "fastnn.config": {
        "backend|set_backend": "fastnn.backend.current(), fastnn.backend.use('numpy')",
        r"(set_)?dtype_policy": _FLOATX,
        r"\w*interactive_logging\w*": "pass verbose=0, 1 or 2 to fit and evaluate",
        r"\w*traceback_filtering\w*": "fastnn's tracebacks are whole; leave it out",
        r"\w*flash_attention\w*|is_nnx_enabled": "fastnn has no attention; leave it out",
        "enable_unsafe_deserialization": "loading never runs code from a file; leave it out",
        r"(set_)?image_data_format": _FLATTEN,
        r"(set_)?max_(epochs|steps_per_epoch)": "fit(epochs=..., steps_per_epoch=...)",
    },
    "fastnn.random": {"[A-Za-z]\\w*": "np.random.default_rng(seed) draws; fastnn.random.generator() is the one that set_random_seed seeds"},
    "fastnn.datasets": {
        "cifar10|cifar100|imdb|reuters": "mnist, fashion_mnist, california_housing and digits are there",
        "boston_housing": "fastnn.datasets.california_housing.load_data()",
    },
    "fastnn.saving": {"KerasFileEditor": "np.load(path) opens a model file"},
    "fastnn.ops": {
        r"conv\w*|depthwise_conv|separable_conv|\w*pool|rnn|lstm|gru|\w*attention|ctc_\w+|image|stft|istft": _FLATTEN,
        "[A-Za-z]\\w*": "a loss, metric or layer in Python is written in NumPy; fastnn.autodiff.known() lists what is differentiated",
    },
    "fastnn.backend": {
        "function|gradients|placeholder|Function": "fastnn.autodiff.grad(f) is the derivative of a function; a model is called on arrays",
        r"(set_)?learning_phase|in_(train|test)_phase": "model(x, training=True)",
        r"\w*session|tf|tensorflow_backend|manual_variable_initialization": "there are no sessions and graphs; leave it out",
        r"(set_)?image_(data_format|dim_ordering)": _FLATTEN,
        r"get_uid|is_keras_tensor|is_(float|int)_dtype|result_type|variable|constant|placeholder": _NUMPY,
        "backend|set_backend": "fastnn.backend.current(), fastnn.backend.use('numpy')",
    },
    "Layer": {
        "input|output|input_spec|inbound_nodes|outbound_nodes": "a model of the first layers gives it: Sequential(model.layers[:2])",
        "kernel|bias|gamma|beta|moving_mean|moving_variance|embeddings": "the layer isn't built: begin the model with Input(shape)",
        "output_shape": "compute_output_shape(input_shape), with the batch axis first",
        "losses|add_loss|add_metric": "regularizers of layers, and compile(loss=..., metrics=...)",
        r"quantize\w*|\w*lora|dtype_policy|compute_dtype|variable_dtype|supports_masking|compute_mask": "leave it out",
    },
    "Sequential": {
        "predict_classes": "predict(x).argmax(axis=-1), or (predict(x) > 0.5).astype(int) of one output",
        "predict_proba": "predict(x)",
        r"(fit|evaluate|predict)_generator": "fit, evaluate and predict take generators",
        "input|output|inputs|outputs|call|symbolic_call": "call model(x); the first layers are Sequential(model.layers[:2])",
        r"(train|test|predict)_step|make_\w+_function|stateless_\w+|compute_loss|compute_metrics|compute_mask|compute_output_spec": (
            "compile with a loss in Python, or write a loop of train_on_batch: docs/custom.md"
        ),
        "add_loss|add_metric|losses|add_weight|add_variable": "regularizers of layers, and compile(loss=..., metrics=...)",
        "reset_states|get_metrics_result|metrics_variables": "each fit, evaluate and train_on_batch begins anew",
        "(compile|build)_from_config|get_(compile|build)_config|(load|save)_own_variables|(get|set)_state_tree": "save(path)",
        r"export|quantize\w*|quantization_mode|get_quantization_layer_structure": "save(path), or freeze() to predict",
        "to_yaml": "to_json()",
        "dtype_policy|compute_dtype|variable_dtype|input_dtype|input_spec": "model.dtype",
        r"run_eagerly|jit_compile|\w*_call|supports_masking|path": "fastnn has no graph; leave it out",
        "apply": "a loop over model.layers",
        "to|cpu|cuda|float|double|half|eval|train|parameters|state_dict|load_state_dict|zero_grad|named_parameters": (
            "that is torch's: model.get_weights(), model(x, training=True)"
        ),
    },
}
"""What isn't there, by module: a pattern that a name fits as a whole, and what to do instead."""


def advice(module: str, name: str) -> str | None:
    """What to do instead of a name of Keras' that a module doesn't have; None for a name that nobody knows."""
    return next((way_out for pattern, way_out in ABSENT.get(module, {}).items() if re.fullmatch(pattern, name)), None)


def explanation(module: str, name: str, known: Iterable[str]) -> str:
    """The whole message: that `module` has no such name, and what to do instead, or which names are near."""
    if way_out := advice(module, name):
        return f"{module} has no {name}: {way_out}"
    near = _near(name, known)
    return f"{module} has no {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _near(name: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, list(known), n=3)


def missing(module: str, also: Callable[[str], Any] = lambda name: None) -> Callable[[str], Any]:
    """A module's ``__getattr__``: an AttributeError that says what there is instead.

    Parameters
    ----------
    module : str
        Its name, ``"fastnn.layers"``.
    also : callable, optional
        Finds what a name means that isn't an attribute, Keras' ``he_normal`` for ``HeNormal``; None for nothing.
    """

    def __getattr__(name: str) -> Any:
        if not name.startswith("_") and (found := also(name)) is not None:
            return found
        raise AttributeError(explanation(module, name, getattr(sys.modules[module], "__all__", ())))

    return __getattr__


class _Explainer(MetaPathFinder):
    """Finds nothing; refuses what :data:`ABSENT` knows, with what to do instead, and what is nearly the name of something."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> None:
        parent, _, last = name.rpartition(".")
        known = getattr(sys.modules.get(parent), "__all__", ()) if parent in ABSENT else ()
        if advice(parent, last) or _near(last, known):
            raise ImportError(explanation(parent, last, known), name=parent)


def explain_imports() -> None:
    """Let failing imports from fastnn say what to import instead."""
    if not any(type(finder).__name__ == _Explainer.__name__ for finder in sys.meta_path):
        sys.meta_path.append(_Explainer())

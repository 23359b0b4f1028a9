"""What the docstrings of both estimators say alike."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["documented"]

T = TypeVar("T", bound=type)

NETWORK = """\
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of each hidden layer.
    activation : str, Activation or list of these, default="relu"
        Of all hidden layers, or of each: scikit-learn's ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, and all of
        `fastnn.activations`."""

TRAINING = """\
    solver : {"lbfgs", "sgd", "adam"}, default="adam"
        L-BFGS on all data at once, by SciPy and in float64; gradient descent by batches, with momentum; Adam (Kingma & Ba 2015).
    alpha : float, default=0.0001
        The penalty ``alpha/2`` times the sum of the squares of all kernels, divided by the number of samples in the batch (or by the sum
        of their weights).
    batch_size : int or "auto", default="auto"
        Samples a batch; ``min(200, n_samples)`` by default. Not for lbfgs.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        For sgd, or an `optimizer`: stays; is ``learning_rate_init / (t + 1)**power_t`` after t samples; is divided by 5 each time that
        the training has not improved for `n_iter_no_change` epochs, and below 1e-6 ends it.
    learning_rate_init : float or LearningRateSchedule, default=0.001
        A schedule counts batches.
    power_t : float, default=0.5
    max_iter : int, default=200
        Epochs; for lbfgs, iterations.
    shuffle : bool, default=True
        Whether each epoch visits the samples in a new order.
    random_state : int, RandomState or None, default=None
        Source of the initial numbers, the samples held out, the order of each epoch and the dropout. The same gives scikit-learn's numbers.
    tol : float, default=1e-4
        What a loss or score must improve by to count as improved; for lbfgs, the largest entry of the gradient to stop at.
    verbose : bool, default=False
        Whether each epoch's loss and score are printed.
    warm_start : bool, default=False
        Whether `fit` goes on with the network there is.
    momentum : float, default=0.9
        For sgd; in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether sgd looks ahead along the momentum.
    early_stopping : bool, default=False
        Whether a share of the samples (or `fit`'s `eval_set`) is held out, each epoch judged by it, the training ended when the score has
        not improved for `n_iter_no_change` epochs, and the best epoch's network kept; of a warm start, if it beats the epochs before.
    validation_fraction : float, default=0.1
        The share that is held out.
    beta_1, beta_2 : float, default=0.9, 0.999
        For adam: the decays of the means of the gradients and of their squares; in [0, 1).
    epsilon : float, default=1e-8
        For adam: added to the root.
    n_iter_no_change : int, default=10
    max_fun : int, default=15000
        Evaluations that lbfgs may make."""

EXTRAS = """\
    out_activation : str or Activation, optional
        Of the output; what suits the loss by default.
    dropout : float or list of float, default=0.0
        Share of each hidden layer's units that are dropped in training.
    batch_norm, layer_norm : bool, default=False
        Whether what enters the hidden layers' activations is normalised, over the batch or over the units.
    optimizer : str or Optimizer, optional
        Any of `fastnn.optimizers` in `solver`'s place: a name, which takes `learning_rate_init`, or an object, of which a copy is used.
    weight_decay : float, optional
        Decoupled decay of the kernels: before each step they are multiplied by ``1 - learning_rate*weight_decay``.
    clipnorm, clipvalue, global_clipnorm : float, optional
        Bound for the norm of each array's gradient, for each entry, or for the norm of all; at most one.
    scoring : str, callable, list or dict, optional
        Scorers, as scikit-learn names them, that judge each epoch too.
    monitor : str, default="score"
        What early stopping and the best epoch go by: ``"score"``, the estimator's own, ``"loss"``, or a name in `scoring`.
    restore_best : bool, optional
        Whether the best epoch's network is kept; by default if early_stopping.
    callbacks : Callback or list of Callback, optional
        Of `fastnn.callbacks`; each call uses copies of them, ``callbacks_``. Their logs have ``"loss"`` and, where there is a judge,
        ``"val_loss"``, ``"val_score"``, ...
    n_threads : int, optional
        Threads for `fit`; `fastnn.set_num_threads` by default. It has no influence on the result.
    dtype : {"float32", "float64"}, optional
        To compute in; that of the first X by default. float32 takes half to two thirds of the time.
    progress : bool, default=False
        Whether a bar shows how far `fit` has come."""

ATTRIBUTES = """\
    coefs_, intercepts_ : list of ndarray
        Kernels and biases, layer by layer. They are the network's own; other arrays may be put in their place.
    model_ : Sequential
        The network, to save, export, freeze or look at.
    loss_ : float
        The last epoch's loss, penalties included.
    best_loss_ : float or None
        The least, None with early stopping.
    loss_curve_ : list of float
        Each epoch's; not for lbfgs, as those below.
    validation_scores_ : list of float or None
        With early stopping, each epoch's score, or what else `monitor` says, the loss with a minus sign.
    best_validation_score_ : float or None
    validation_curve_ : dict of str to list of float
        What each epoch was judged by: ``"loss"``, without penalties, ``"score"``, and what `scoring` names.
    callbacks_ : list of Callback
        The copies that saw the last training.
    best_iter_ : int
        The epoch, from 1, whose `monitor` was best, where there was a judge.
    converged_ : bool
        Whether the training was ended because it no longer improved.
    n_iter_ : int
        Epochs, or iterations, of the last call.
    t_ : int
        Samples seen, those seen again counted.
    n_layers_ : int
        Counting the input.
    n_outputs_ : int
    out_activation_ : str
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X had names."""

ERRORS = """\
    Raises
    ------
    InvalidParameterError, ValueError, TypeError
        In `fit`, for a parameter outside its range, or several that don't go together.

    Warns
    -----
    ConvergenceWarning
        When `max_iter` came first."""


def documented(estimator: T) -> T:
    """Decorator: fill in what docstrings name in braces."""
    parts = {"network": NETWORK, "training": TRAINING, "extras": EXTRAS, "attributes": ATTRIBUTES, "errors": ERRORS}
    if estimator.__doc__:  # not with python -OO
        for name, text in parts.items():
            estimator.__doc__ = estimator.__doc__.replace(f"    {{{name}}}", text)
    return estimator

"""Callbacks: what happens between the batches and epochs of a training, with Keras' names and defaults."""

from types import ModuleType
from typing import TYPE_CHECKING

from fastnn.absent import missing
from fastnn.callbacks.backup_and_restore import *
from fastnn.callbacks.callback import *
from fastnn.callbacks.callback_list import *
from fastnn.callbacks.csv_logger import *
from fastnn.callbacks.early_stopping import *
from fastnn.callbacks.gradient_monitor import *
from fastnn.callbacks.history import *
from fastnn.callbacks.lambda_callback import *
from fastnn.callbacks.learning_rate_scheduler import *
from fastnn.callbacks.model_checkpoint import *
from fastnn.callbacks.monitor import *
from fastnn.callbacks.progbar_logger import *
from fastnn.callbacks.reduce_lr_on_plateau import *
from fastnn.callbacks.stochastic_weight_averaging import *
from fastnn.callbacks.swap_ema_weights import *
from fastnn.callbacks.terminate_on_divergence import *
from fastnn.callbacks.terminate_on_nan import *
from fastnn.callbacks.tqdm_callback import *

__all__ = sorted(name for each in list(globals().values()) if isinstance(each, ModuleType) for name in each.__all__)

if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)

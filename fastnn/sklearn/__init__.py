"""scikit-learn's estimators on fastnn: `MLPClassifier` and `MLPRegressor` as there, faster, and with what is missing there.

Needs scikit-learn, of the extra ``sklearn``. Each module says what it offers.
"""

from fastnn.extras import require

require("sklearn", "fastnn.sklearn", "sklearn")

from fastnn.sklearn.classifier import *  # noqa: E402
from fastnn.sklearn.fastnn_classifier import *  # noqa: E402
from fastnn.sklearn.fastnn_regressor import *  # noqa: E402
from fastnn.sklearn.regressor import *  # noqa: E402
from fastnn.sklearn.transformer import *  # noqa: E402
from fastnn.sklearn.wrapper import *  # noqa: E402

__all__ = [name for name, value in list(globals().items()) if isinstance(value, type)]

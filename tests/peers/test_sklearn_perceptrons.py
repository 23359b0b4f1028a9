"""MLPClassifier and MLPRegressor on frames: scorers within a training know no names of columns, and don't warn of that."""

import warnings

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
sklearn = pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning  # noqa: E402

from fastnn.sklearn import MLPClassifier, MLPRegressor  # noqa: E402


@pytest.mark.parametrize(("kind", "scorer"), [(MLPClassifier, "neg_log_loss"), (MLPRegressor, "r2")])
def test_scorers_do_not_warn_of_feature_names(kind, scorer):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100, 3)), columns=["a", "b", "c"])
    y = frame["a"] > 0 if kind is MLPClassifier else frame["a"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = kind(early_stopping=True, scoring=scorer, max_iter=3, random_state=0).fit(frame, y, eval_set=(frame[:20], y[:20]))
        estimator.predict(frame)
    assert list(estimator.feature_names_in_) == ["a", "b", "c"]
    assert len(estimator.validation_curve_[scorer]) == 3
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame[["b", "a", "c"]])
    assert estimator._link.take(estimator)
    assert all(a is b.value for a, b in zip(estimator.coefs_ + estimator.intercepts_, estimator._link.parameters, strict=True))

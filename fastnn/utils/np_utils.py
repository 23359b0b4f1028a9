"""`to_categorical` and `normalize` where Keras had them before 2020, for scripts of that time."""

from fastnn.utils.arrays import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]

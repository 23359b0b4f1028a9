"""From and to Keras 3: ``keras.Sequential``, and functional models that are a chain.

Most of what has a name is called alike in both, with the same arguments, and is carried by that: `objects.py` does it for initializers,
losses, optimizers and the like, `layers.py` for layers, where those stand too that differ. `models.py` goes through a model.
"""

from fastnn.exchange.keras.models import *

__all__ = ["from_keras", "to_keras"]

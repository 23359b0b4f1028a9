"""From and to PyTorch: ``torch.nn.Sequential``.

`layers.py` says what each layer becomes, there and here, `activations.py` the same of activations, `models.py` goes through a model.
"""

from fastnn.exchange.torch.models import *

__all__ = ["from_torch", "to_torch"]

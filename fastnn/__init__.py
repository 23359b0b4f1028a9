"""fastnn: fast training and serving of feed-forward neural networks on a CPU."""

from fastnn import backend
from fastnn._version import __version__

backend.attach()

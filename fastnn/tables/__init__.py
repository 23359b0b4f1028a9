"""Tables of text: reading them, and turning their columns into the numbers that a network takes."""

from fastnn.tables.encoders import ArrayEncoder, Encoder, TableEncoder, encoders
from fastnn.tables.reading import Table, read_table
from fastnn.tables.splitting import split
from fastnn.tables.targets import ClassTarget, NumberTarget, Target, targets

__all__ = [
    "ArrayEncoder",
    "ClassTarget",
    "Encoder",
    "NumberTarget",
    "Table",
    "TableEncoder",
    "Target",
    "encoders",
    "read_table",
    "split",
    "targets",
]

"""The names that NNI's users import from ``nni.retiarii.nn.pytorch.component``."""

from retix.door import open_door
from retix.nn.pytorch import Cell, NasBench101Cell, NasBench201Cell, Repeat

__all__ = ["Cell", "NasBench101Cell", "NasBench201Cell", "Repeat"]

__getattr__ = open_door(__name__)

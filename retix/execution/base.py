"""The names that NNI's users import from ``nni.retiarii.execution.base``. retix has none of them."""

from retix.door import open_door

__getattr__ = open_door(__name__)

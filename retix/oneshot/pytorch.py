"""The names that NNI's users import from ``nni.retiarii.oneshot.pytorch``. They are not built yet."""

from retix.door import open_door

__getattr__ = open_door(__name__)

"""The names that NNI's users import from ``nni.retiarii.nn.pytorch.hypermodule``."""

from retix.nn.pytorch import AutoActivation

__all__ = ["AutoActivation"]

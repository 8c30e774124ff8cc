"""Every layer of `torch.nn`, under the path that NNI's users type."""

from retix.nn.pytorch import *  # noqa: F403  # whatever that door offers
from retix.nn.pytorch import __all__ as __all__

"""The names that NNI's users import from ``nni.retiarii.fixed``."""

from retix.compat import ContextStack
from retix.nn.pytorch import fixed_arch, no_fixed_arch

__all__ = ["ContextStack", "fixed_arch", "no_fixed_arch"]

"""What NNI's users import from ``nni.retiarii.debug_configs``."""

framework = "pytorch"
"""There is no other."""

__all__ = ["framework"]

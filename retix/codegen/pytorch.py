"""The names that NNI's users import from ``nni.retiarii.codegen.pytorch``."""

from retix.compat import model_to_pytorch_script

__all__ = ["model_to_pytorch_script"]

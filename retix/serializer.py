"""The names that NNI's users import from ``nni.retiarii.serializer``."""

from retix.recipe import basic_unit, is_basic_unit, is_model_wrapped, model_wrapper, serialize, serialize_cls, trace

__all__ = [
    "basic_unit",
    "is_basic_unit",
    "is_model_wrapped",
    "model_wrapper",
    "serialize",
    "serialize_cls",
    "trace",
]

"""The names that NNI's users import from ``nni.retiarii.nn.pytorch.api``."""

from retix.nn.pytorch import (
    ChoiceOf,
    ChosenInputs,
    InputChoice,
    LayerChoice,
    ModelParameterChoice,
    Placeholder,
    ValueChoice,
    ValueChoiceX,
)

__all__ = [
    "ChoiceOf",
    "ChosenInputs",
    "InputChoice",
    "LayerChoice",
    "ModelParameterChoice",
    "Placeholder",
    "ValueChoice",
    "ValueChoiceX",
]

"""Everything in `torch.nn` under the same name, and the choices: ``import retix.nn.pytorch as nn``.

Layers are subclasses of torch's own that remember their arguments, which may hold choices.
"""

from typing import TYPE_CHECKING

from retix.door import open_door
from retix.nn.pytorch.layer import CONTAINERS, is_recorded, public_names, record_layers

if TYPE_CHECKING:
    from torch.nn import *
else:
    globals().update(record_layers(__name__))

# after torch's names, so that these take the place of their namesakes
from retix.nn.pytorch.activation import AutoActivation
from retix.nn.pytorch.cell import Cell
from retix.nn.pytorch.chosen_inputs import ChosenInputs
from retix.nn.pytorch.decisions import construction_decisions, decisions_of, dependents_of
from retix.nn.pytorch.fixed import fix, fixed_arch, no_fixed_arch
from retix.nn.pytorch.input_choice import InputChoice, list_inputs
from retix.nn.pytorch.label import LabelBook, constraints_of, find_labels
from retix.nn.pytorch.layer_choice import LayerChoice
from retix.nn.pytorch.module import Module
from retix.nn.pytorch.mutable import Mutable
from retix.nn.pytorch.nasbench101 import NasBench101Cell
from retix.nn.pytorch.nasbench201 import NasBench201Cell
from retix.nn.pytorch.parameter_choice import Asked, ModelParameterChoice
from retix.nn.pytorch.placeholder import Placeholder
from retix.nn.pytorch.repeat import Repeat
from retix.nn.pytorch.scriptable import install
from retix.nn.pytorch.select_inputs import SelectInputs
from retix.nn.pytorch.value_choice import ValueChoice
from retix.nn.pytorch.value_range import ValueRange
from retix.space import Expression as ValueChoiceX

ChoiceOf = ValueChoiceX
install([thing for thing in list(globals().values()) if isinstance(thing, type) and is_recorded(thing, __name__)])

__all__ = [
    "CONTAINERS",
    "Asked",
    "AutoActivation",
    "Cell",
    "ChoiceOf",
    "ChosenInputs",
    "InputChoice",
    "LabelBook",
    "LayerChoice",
    "ModelParameterChoice",
    "Module",
    "Mutable",
    "NasBench101Cell",
    "NasBench201Cell",
    "Placeholder",
    "Repeat",
    "SelectInputs",
    "ValueChoice",
    "ValueChoiceX",
    "ValueRange",
    "constraints_of",
    "construction_decisions",
    "decisions_of",
    "dependents_of",
    "find_labels",
    "fix",
    "fixed_arch",
    "list_inputs",
    "no_fixed_arch",
    *(name for name in public_names() if name != "Module"),
]

__getattr__ = open_door(__name__)

"""Everything in `torch.nn` under the same name, and the choices: ``import retix.nn.pytorch as nn``.

Layers are subclasses of torch's own that remember their arguments, which may hold choices.
"""

from typing import TYPE_CHECKING

from retix.nn.pytorch.layer import CONTAINERS, public_names, record_layers

if TYPE_CHECKING:
    from torch.nn import *
else:
    globals().update(record_layers(__name__))

# after torch's names, so that these take the place of their namesakes
from retix.nn.pytorch.input_choice import InputChoice
from retix.nn.pytorch.layer_choice import LayerChoice
from retix.nn.pytorch.module import Module
from retix.nn.pytorch.value_choice import ValueChoice

__all__ = [
    "CONTAINERS",
    "InputChoice",
    "LayerChoice",
    "Module",
    "ValueChoice",
    *(name for name in public_names() if name != "Module"),
]

"""Activation functions that are searched for."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import torch

from retix.nn.pytorch.activation_unit import BINARY_UNITS, UNARY_UNITS
from retix.nn.pytorch.layer_choice import LayerChoice
from retix.nn.pytorch.mutable import Mutable, name_part


class AutoActivation(Mutable):
    """An activation function that is put together from unary and binary functions.

    Each of ``unit_num`` core units joins the result so far with a unary function of the input. The choices' labels are
    ``{label}/unary_{i}`` and ``{label}/binary_{i}``, where an unlabelled one's label is its path in the model.

    Source: Ramachandran et al., https://arxiv.org/abs/1710.05941.

    Args:
        unit_num: The number of core units.
        label: See above.

    Raises:
        SpaceError: There is no core unit.
    """

    def __init__(self, unit_num: int = 1, label: str | None = None) -> None:
        super().__init__(label)
        if unit_num < 1:
            raise self._refuse(f"AutoActivation has unit_num={unit_num}", fix="let it be at least 1")
        self.first_unary = self._make_choice(UNARY_UNITS, "unary_0")
        self.unaries = torch.nn.ModuleList(self._make_choice(UNARY_UNITS, f"unary_{i + 1}") for i in range(unit_num))
        self.binaries = torch.nn.ModuleList(self._make_choice(BINARY_UNITS, f"binary_{i}") for i in range(unit_num))

    def _make_choice(self, units: tuple[type[torch.nn.Module], ...], name: str) -> LayerChoice:
        return name_part(LayerChoice([unit() for unit in units]), f"{self.identity}/{name}")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the function to every element.

        Args:
            x: Any shape.

        Returns:
            The same shape.
        """
        out = self.first_unary(x)
        for unary, binary in zip(self.unaries, self.binaries):  # noqa: B905 - TorchScript knows no `strict`
            out = binary(torch.stack([out, unary(x)]))
        return out

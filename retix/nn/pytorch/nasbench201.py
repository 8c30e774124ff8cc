"""The cell of NAS-Bench-201."""

# what an item of a ModuleList is, only TorchScript finds; it takes comments in forward for types
# mypy: disable-error-code="arg-type, var-annotated"

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from retix.nn.pytorch.layer_choice import LayerChoice
from retix.nn.pytorch.mutable import Mutable, name_part


class NasBench201Cell(Mutable):
    """A densely connected graph of tensors, with an operation to choose on each edge.

    The first tensor is the input, the last the output; each is the sum of the operations on all before it. The labels
    of the choices are ``{label}/{from}_{to}``, where an unlabelled cell's label is its path in the model.

    Source: Dong and Yang, https://arxiv.org/abs/2001.00326.

    Args:
        op_candidates: Functions of (in_features, out_features) that make a module: a list, or a mapping from name.
        in_features: Features of the input.
        out_features: Features of every other tensor.
        num_tensors: How many tensors there are, the input included.
        label: See above.

    Raises:
        SpaceError: There are fewer than two tensors, or a candidate makes no module.
    """

    def __init__(
        self,
        op_candidates: Mapping[str, Callable[[int, int], torch.nn.Module]]
        | Sequence[Callable[[int, int], torch.nn.Module]],
        in_features: int,
        out_features: int,
        num_tensors: int = 4,
        label: str | None = None,
    ) -> None:
        super().__init__(label)
        if num_tensors < 2:
            raise self._refuse(f"NasBench201Cell has num_tensors={num_tensors}", fix="let it be at least 2")
        self.in_features = in_features
        self.out_features = out_features
        self.num_tensors = num_tensors
        named = name_candidates(op_candidates)
        self.layers = torch.nn.ModuleList()
        for end in range(1, num_tensors):
            edges = []
            for start in range(end):
                width = in_features if start == 0 else out_features
                choice = LayerChoice({name: make(width, out_features) for name, make in named.items()})
                edges.append(name_part(choice, f"{self.identity}/{start}_{end}"))
            self.layers.append(torch.nn.ModuleList(edges))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Run the cell.

        Args:
            inputs: ``[N, in_features, *]``.

        Returns:
            ``[N, out_features, *]``.
        """
        tensors = [inputs]
        for edges in self.layers:
            done: list[torch.Tensor] = []
            for index, edge in enumerate(edges):
                done.append(edge(tensors[index]))
            total = done[0]
            for tensor in done[1:]:  # not by stacking: generated code is to read as a sum
                total = total + tensor
            tensors.append(total)
        return tensors[-1]


def name_candidates(given: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    """Candidates by name; those of a list go by their index."""
    return dict(given) if isinstance(given, Mapping) else {str(index): each for index, each in enumerate(given)}

"""A choice among layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from retix.errors import SpaceError
from retix.nn.pytorch.module import Module
from retix.space import Decision


class LayerChoice(Module):
    """Several candidate layers, one of which each model of the space keeps.

    Until it is chosen, calling it calls the first candidate. The answer to the choice is a candidate's name: its key,
    or its index as a string.

    Args:
        candidates: A list of modules, or a mapping from name to module.
        prior: The weight of each candidate in random draws.
        label: Choices of one label are made together; by default the path of the choice in the model.

    Raises:
        SpaceError: There are no candidates, one is no module, a name cannot be an attribute, or the prior does not fit.
    """

    def __init__(
        self,
        candidates: Mapping[str, torch.nn.Module] | Iterable[torch.nn.Module],
        *,
        prior: Sequence[float] | None = None,
        label: str | None = None,
    ) -> None:
        super().__init__()
        named = (
            dict(candidates)
            if isinstance(candidates, Mapping)
            else {str(index): module for index, module in enumerate(candidates)}
        )
        self.label = label
        self.prior = tuple(prior) if prior is not None else None
        self.names = tuple(named)
        for name, module in named.items():
            self._add(name, module)
        self.decision(label or "LayerChoice")

    def _add(self, name: str, module: torch.nn.Module) -> None:
        if not isinstance(module, torch.nn.Module):
            raise SpaceError(
                f"candidate {name!r} of the layer choice {self.label!r} is {module!r}, which is no module",
                fix="make candidates of torch.nn.Module; put functions into one, such as nn.ReLU",
            )
        try:
            self.add_module(name, module)
        except (KeyError, TypeError) as error:
            raise SpaceError(
                f"{name!r} cannot name a candidate of the layer choice {self.label!r}: {error.args[0]}",
                fix="use strings without dots that are no attributes of a module",
            ) from error

    def decision(self, label: str) -> Decision:
        """The question that this choice asks, under ``label``."""
        return Decision(label, self.names, weights=self.prior)

    @property
    def candidates(self) -> dict[str, torch.nn.Module]:
        """The candidates by name."""
        return {name: self[name] for name in self.names}

    def __getitem__(self, name: str | int) -> torch.nn.Module:
        found = self._modules[self.names[name] if isinstance(name, int) else name]
        assert found is not None
        return found

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[torch.nn.Module]:
        return iter(self.candidates.values())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the first candidate."""
        return self[self.names[0]](*args, **kwargs)

    def extra_repr(self) -> str:
        return f"label={self.label!r}"

"""A choice among layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from retix.errors import SpaceError
from retix.nn.pytorch.mutable import Mutable
from retix.nn.pytorch.outdated import refuse_outdated
from retix.space import Chosen, Decision


class LayerChoice(Mutable):
    """Several candidate layers, one of which each model of the space keeps.

    Until it is chosen, calling it calls the first candidate. The answer to the choice is a candidate's name: its key,
    or its index as a string.

    Args:
        candidates: A list of modules, or a mapping from name to module.
        prior: The weight of each candidate in random draws.
        label: Choices of one label are made together; by default the path of the choice in the model. Deep copies of a
            choice are made together with it, whether it has a label or not.

    Raises:
        SpaceError: There are no candidates, one is no module, a name cannot be an attribute, or the prior does not fit.
    """

    def __init__(
        self,
        candidates: Mapping[str, torch.nn.Module] | Iterable[torch.nn.Module],
        *,
        prior: Sequence[float] | None = None,
        label: str | None = None,
        **outdated: Any,
    ) -> None:
        super().__init__(refuse_outdated("LayerChoice", label, outdated))
        named = (
            dict(candidates)
            if isinstance(candidates, Mapping)
            else {str(index): module for index, module in enumerate(candidates)}
        )
        self.prior = tuple(prior) if prior is not None else None
        self.names = list(named)
        for name, module in named.items():
            self._add(name, module)
        try:
            self.decision(self.label or "LayerChoice")
        except SpaceError as error:
            raise self._refuse(error.what, why=error.why, fix=error.fix) from None

    def _add(self, name: str, module: torch.nn.Module) -> None:
        if not isinstance(module, torch.nn.Module):
            raise self._refuse(
                f"candidate {name!r} of {self._title('layer choice')} is {module!r}, which is no module",
                fix="make candidates of torch.nn.Module; put functions into one, such as nn.ReLU",
            )
        try:
            self.add_module(name, module)
        except (KeyError, TypeError) as error:
            raise self._refuse(
                f"{name!r} cannot name a candidate of {self._title('layer choice')}: {error.args[0]}",
                fix="use strings without dots that are no attributes of a module",
            ) from error

    def decision(self, label: str) -> Decision:
        """The question that this choice asks, under ``label``."""
        return Decision(label, tuple(self.names), weights=self.prior)

    @property
    def candidates(self) -> dict[str, torch.nn.Module]:
        """The candidates by name."""
        return {name: self[name] for name in self.names}

    @property
    def choices(self) -> list[torch.nn.Module]:
        """The candidates in order."""
        return list(self)

    def live_when(self, child: str) -> Any:
        return Chosen(self.decision(self.identity)) == child

    def _name(self, name: str | int) -> str:
        try:
            return self.names[name] if isinstance(name, int) else self.names[self.names.index(name)]
        except (IndexError, ValueError):
            kind = IndexError if isinstance(name, int) else KeyError
            raise kind(f"{self._title('layer choice')} has no candidate {name!r}; it has {self.names}") from None

    def __getitem__(self, name: str | int) -> torch.nn.Module:
        found = self._modules[self._name(name)]
        assert found is not None
        return found

    def __setitem__(self, name: str | int, module: torch.nn.Module) -> None:
        setattr(self, self._name(name), module)

    def __delitem__(self, name: str | int | slice) -> None:
        gone = self.names[name] if isinstance(name, slice) else [self._name(name)]
        if len(gone) == len(self.names):
            raise self._refuse(
                f"no candidate of {self._title('layer choice')} would be left", fix="leave at least one of them"
            )
        if self.prior is not None:
            self.prior = tuple(w for n, w in zip(self.names, self.prior, strict=True) if n not in gone)
        for each in gone:
            delattr(self, each)
            self.names.remove(each)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[torch.nn.Module]:
        return iter(self.candidates.values())

    def __contains__(self, item: object) -> bool:
        return item in self.names or any(item is module for module in self)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the first candidate."""
        return self[self.names[0]](*args, **kwargs)

    def extra_repr(self) -> str:
        return f"label={self.label!r}"

"""What mutators chose, in the forms of NNI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retix.ir import Model


def unpack_if_only_one(items: list[Any]) -> Any:
    """The item of a list of one; any other list as it is."""
    return items[0] if len(items) == 1 else items


def get_mutation_dict(model: Model) -> dict[str, Any]:
    """The choices that made a model, by label."""
    return {label: choice for mutation in model.history for label, choice in mutation.choices}


def mutation_dict_to_summary(mutation: Mapping[str, Any]) -> dict[str, Any]:
    """Choices, with lists spread over ``label_0``, ``label_1`` and so on."""
    summary: dict[str, Any] = {}
    for label, choice in mutation.items():
        if isinstance(choice, (list, tuple)):
            summary.update((f"{label}_{index}", item) for index, item in enumerate(choice))
        else:
            summary[label] = choice
    return summary


def get_mutation_summary(model: Model) -> dict[str, Any]:
    """The choices that made a model, by label, lists spread."""
    return mutation_dict_to_summary(get_mutation_dict(model))

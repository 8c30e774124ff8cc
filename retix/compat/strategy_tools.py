"""What NNI's users build strategies of: spaces as dicts, models of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retix.ir import Model
from retix.mutation import Mutator, Sampler

Space = Mapping[tuple[Mutator, int], list[Any]]
"""The candidates of each choice, by its mutator and its number within that."""


def dry_run_for_search_space(model: Model, mutators: Sequence[Mutator]) -> dict[tuple[Mutator, int], list[Any]]:
    """The candidates of every choice that the mutators ask when each first candidate is taken."""
    space: dict[tuple[Mutator, int], list[Any]] = {}
    for mutator in mutators:
        asked, model = mutator.dry_run(model)
        space.update({(mutator, index): list(candidates) for index, candidates in enumerate(asked)})
    return space


def dry_run_for_formatted_search_space(model: Model, mutators: Sequence[Mutator]) -> dict[str, dict[str, Any]]:
    """The same by label, in the format of NNI's search spaces."""
    found: dict[str, dict[str, Any]] = {}
    for mutator in mutators:
        asked, model = mutator.dry_run(model)
        for index, candidates in enumerate(asked):
            label = mutator.label if len(asked) == 1 else f"{mutator.label}_{index}"
            found[label] = {"_type": "choice", "_value": list(candidates)}
    return found


def get_targeted_model(
    base_model: Model, mutators: Sequence[Mutator], sample: Mapping[tuple[Mutator, int], Any]
) -> Model:
    """The model of a sample, which answers each choice of a space of `dry_run_for_search_space`."""
    sampler = _FixedSampler(sample)
    model = base_model
    for mutator in mutators:
        model = mutator.bind_sampler(sampler).apply(model)
    return model


def filter_model(model_filter: Callable[[Model], bool] | None, ir_model: Model) -> bool:
    """Whether a filter lets a model pass; without a filter each does."""
    return model_filter is None or model_filter(ir_model)


class ChooseFirstSampler(Sampler):
    """Takes the first of any candidates."""

    def choice(self, candidates: list[Any], mutator: Mutator, model: Model, index: int) -> Any:
        return candidates[0]


class _FixedSampler(Sampler):
    def __init__(self, sample: Mapping[tuple[Mutator, int], Any]) -> None:
        self.sample = sample

    def choice(self, candidates: list[Any], mutator: Mutator, model: Model, index: int) -> Any:
        return self.sample[(mutator, index)]

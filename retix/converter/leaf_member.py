"""Calls of leaves: layers, basic units and choices, which every front end adds in the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from retix.converter.builder import GraphBuilder
from retix.converter.leaf import is_leaf
from retix.ir import Call, Cell, ChooseInputs, LayerChoice, Member, MemberOp, Value
from retix.ir import SelectInputs as SelectInputsOp
from retix.nn.pytorch import InputChoice, SelectInputs
from retix.nn.pytorch import LayerChoice as LayerChoiceModule

CaptureCandidate: TypeAlias = Callable[[torch.nn.Module, str], str]
"""Captures a candidate that is no leaf, at a path of the base model; returns the name of its graph."""


def call_leaf(
    low: GraphBuilder, module: torch.nn.Module, path: str, args: Any, kwargs: Any, capture: CaptureCandidate
) -> Value:
    """Add a call of the leaf at ``path``, and the member that it calls.

    Args:
        low: The graph that grows.
        module: The leaf.
        path: Its path in the program.
        args: Positional arguments, nested as they were given: values, and plain Python values.
        kwargs: Keyword arguments, likewise.
        capture: Captures candidates.

    Raises:
        ConversionError: The leaf or an argument cannot be written as data.
    """
    full = low.program.full(path)

    def argument(item: Any) -> Any:
        return item if isinstance(item, Value) else low.program.leaves.literal(item, full)

    args, kwargs = _map_tree(argument, args), _map_tree(argument, kwargs)
    op: Any
    if isinstance(module, InputChoice):
        op, args, kwargs = _choose_inputs(low, module, full, args, kwargs)
    elif isinstance(module, SelectInputs):
        op, args, kwargs = _select_inputs(low, module, full, args, kwargs)
    else:
        op = Call(low.member(path, lambda: _describe_leaf(low, module, path, capture)))
    return low.emit(op, args, kwargs, name=value_name(low.local(path)))


def _map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Map the leaves of plain tuples, lists and dicts, in pytree's order."""
    if type(tree) in (tuple, list):
        return type(tree)(_map_tree(function, item) for item in tree)
    if isinstance(tree, dict):
        return {key: _map_tree(function, item) for key, item in tree.items()}
    return function(tree)


def value_name(path: str) -> str:
    """A name for the result of calling the member at ``path``: its last part that is a word."""
    return next((part for part in reversed(path.split(".")) if part.isidentifier()), "x")


def _describe_leaf(low: GraphBuilder, module: torch.nn.Module, path: str, capture: CaptureCandidate) -> MemberOp:
    full = low.program.full(path)
    if not isinstance(module, LayerChoiceModule):
        return low.program.leaves.describe(module, full)
    label = low.program.labels.of(module, full)
    candidates = []
    for name, candidate in module.candidates.items():
        op = _describe_candidate(low, candidate, f"{path}.{name}", capture)
        candidates.append((name, Member(op, f"{low.local(path)}.{name}")))
    return LayerChoice(label, tuple(candidates), module.prior)


def _describe_candidate(
    low: GraphBuilder, candidate: torch.nn.Module, path: str, capture: CaptureCandidate
) -> MemberOp:
    """A leaf as it is; another module is captured on its own."""
    if isinstance(candidate, (InputChoice, SelectInputs)):
        raise low.refuse(
            f"the candidate {low.program.full(path)} is an input choice itself",
            why="a candidate is a layer, or a module with a forward of its own",
            fix="call the input choice in the forward of a module, and make that the candidate",
        )
    if is_leaf(candidate):
        return _describe_leaf(low, candidate, path, capture)
    return Cell(capture(candidate, low.program.full(path)))


def _choose_inputs(low: GraphBuilder, module: InputChoice, full: str, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
    candidates = _list_candidates(low, full, args, kwargs, module.keys)
    if module.reduction == "none" and module.n_chosen is None:
        _check_length(low, full)
    label = low.program.labels.of(module, full)
    decision = module.decision(label, len(candidates))
    n_chosen = -1 if decision.n_chosen is None else decision.n_chosen
    return ChooseInputs(label, len(candidates), n_chosen, module.reduction, module.prior), [candidates], {}


def _select_inputs(low: GraphBuilder, module: SelectInputs, full: str, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
    candidates = _list_candidates(low, full, args, kwargs, None)
    if module.reduction == "none" and not all(isinstance(item, bool) for item in module.conditions):
        _check_length(low, full)
    conditions = tuple(low.program.leaves.literal(condition, full) for condition in module.conditions)
    return SelectInputsOp(conditions, module.reduction), [candidates], {}


def _check_length(low: GraphBuilder, full: str) -> None:
    if not low.keeps_lists:
        raise low.refuse(
            f"the input choice {full} returns a list of another length for each sample",
            why="forward is followed once, with the list that the first candidates give",
            fix="let it reduce the list, by 'sum', 'mean' or 'concat'; or convert with frontend='script'",
        )


def _list_candidates(low: GraphBuilder, full: str, args: Any, kwargs: Any, keys: Any) -> list[Any]:
    given = args[0] if args else next(iter(kwargs.values()))
    if not isinstance(given, (list, tuple, dict)):
        raise low.refuse(
            f"the input choice {full} is called with a list whose length the compiler does not know",
            fix="write the list where the choice is called, or convert with example inputs",
        )
    if isinstance(given, dict):
        return [given[key] for key in (given if keys is None else keys)]
    return list(given)

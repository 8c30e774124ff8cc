"""How a trial goes on from where early stopping paused it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from retix.errors import EvaluationError
from retix.evaluator.checkpoint import Checkpoint, current_checkpoint
from retix.evaluator.randomness import read_random_state, write_random_state


def continue_from_checkpoint(**objects: Any) -> int:
    """Go on from where the trial was paused, if it was; call it once, before the first intermediate result.

    A trial that early stopping pauses writes the state of these objects, and of the random number generators of
    Python, numpy and torch, as they are when it reports. When it goes on, it is run again from the top, and this call
    gives them that state back::

        steps = retix.continue_from_checkpoint(model=model, optimizer=optimizer)
        for epoch in range(steps, 10):
            train(model, optimizer)
            accuracy = test(model)
            retix.report_intermediate_result(accuracy)
        retix.report_final_result(test(model))

    It is also where a trial begins that was never paused, or runs outside a search: then it returns 0.

    Args:
        **objects: Whatever changes in training and has ``state_dict`` and ``load_state_dict``: model, optimizer,
            scheduler, scaler. Also a `torch.Generator`, such as that of a loader which shuffles.

    Returns:
        How many intermediate results were reported before, so that as many steps are left out.

    Raises:
        EvaluationError: An object has no state that could be read, or this is called a second time in one trial.
    """
    ways = {name: _find_ways(name, value) for name, value in objects.items()}
    checkpoint = current_checkpoint()
    if checkpoint.path is None:
        return 0
    turn = checkpoint.claim()
    if turn:
        raise EvaluationError(
            "this trial has trained, or called continue_from_checkpoint, before",
            why="a trial has one checkpoint, which holds the state of one training",
            fix="call it once, at the beginning, with everything that training changes",
        )

    def save(path: Path) -> None:
        states = {name: getattr(objects[name], get)() for name, (get, _) in ways.items()}
        torch.save({"states": states, "retix": describe_progress(checkpoint, turn)}, path)

    checkpoint.keep_by(save)
    kept = read_checkpoint(checkpoint, turn)
    if kept is None:
        return 0
    for name, (_, put) in ways.items():
        getattr(objects[name], put)(kept.data["states"][name])
    write_random_state(kept.progress["random"])
    checkpoint.steps = kept.progress["steps"]
    return checkpoint.steps


def describe_progress(checkpoint: Checkpoint, turn: int) -> dict[str, Any]:
    """What every checkpoint holds under the name ``retix``: how far training had come, and the random state."""
    return {"steps": checkpoint.steps, "turn": turn, "random": read_random_state()}


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that was read.

    Attributes:
        data: All of it.
        is_plain: Whether it holds nothing but tensors and plain values, so that reading it runs no code.
    """

    data: dict[str, Any]
    is_plain: bool

    @property
    def progress(self) -> dict[str, Any]:
        """What `describe_progress` gave."""
        progress: dict[str, Any] = self.data["retix"]
        return progress


def read_checkpoint(checkpoint: Checkpoint, turn: int) -> Kept | None:
    """The state that a training goes on from; None if it begins anew.

    It does if the trial was not paused, if the state is another training's of the same trial, if it is ahead of what
    is known of the trial, because a search was killed between the two, and if the file is damaged, which the trial's
    log says.

    Args:
        checkpoint: Where it lies.
        turn: The number of the training, as ``checkpoint.claim`` gave it.
    """
    if checkpoint.path is None or not checkpoint.first_step:
        return None
    if not checkpoint.path.exists():
        checkpoint.explain("is not there, so that the trial begins anew")
        return None
    try:
        kept = _load(checkpoint.path)
        steps, of = kept.progress["steps"], kept.progress["turn"]
    except Exception as error:  # damage shows in many ways
        checkpoint.explain(f"cannot be read, so that the trial begins anew: {error!r}")
        return None
    return kept if of == turn and steps <= checkpoint.first_step else None


def _load(path: Path) -> Kept:
    try:
        return Kept(torch.load(path, map_location="cpu", weights_only=True), True)
    except pickle.UnpicklingError:
        # A state may hold objects of the user's own. The trial itself wrote the file, and runs the user's code anyway.
        return Kept(torch.load(path, map_location="cpu", weights_only=False), False)


def _find_ways(name: str, value: Any) -> tuple[str, str]:
    """The names of the methods that read and write an object's state."""
    for ways in (("state_dict", "load_state_dict"), ("get_state", "set_state")):
        if all(callable(getattr(value, way, None)) for way in ways):
            return ways
    raise EvaluationError(
        f"{name} is a {type(value).__name__}, whose state cannot be kept",
        why="it has no state_dict and load_state_dict",
        fix="give models, optimizers, schedulers and generators; count epochs by what continue_from_checkpoint returns",
    )

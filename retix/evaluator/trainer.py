"""Trainers for one trial: one device, no files, no output, unless they are asked for."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import pytorch_lightning

from retix.errors import EvaluationError
from retix.evaluator.framework import Framework, framework_of
from retix.evaluator.quiet import quiet
from retix.recipe import dumps, loads, recipe_of, trace


@trace
class Trainer(pytorch_lightning.Trainer):
    """`pytorch_lightning.Trainer` that remembers its arguments, so that every trial has a new one.

    Logging, checkpoints, the progress bar and the model summary are off unless they, or a callback that serves them,
    are given. One device is used unless ``devices``, ``strategy`` or ``num_nodes`` is given. The arguments ``gpus``,
    ``progress_bar_refresh_rate``, ``checkpoint_callback`` and ``weights_summary`` of Lightning 1 are still understood.

    Args:
        **kwargs: The arguments of `pytorch_lightning.Trainer`.

    Raises:
        EvaluationError: `pytorch_lightning.Trainer` has no such argument.
    """

    def __init__(self, **kwargs: Any):
        framework = framework_of(Trainer)
        assert framework is not None
        arguments = _translated(kwargs)
        _check_names(arguments)
        with quiet():
            super().__init__(**complete_arguments(arguments, framework))


def renew_trainer(trainer: Any, framework: Framework) -> Any:
    """A new trainer, made like ``trainer``; a trainer that remembers nothing is copied, with all it was set to.

    Raises:
        RecipeError: It can neither be made again nor copied.
    """
    recipe = recipe_of(trainer)
    if recipe is None or recipe.target is not framework.trainer:
        return loads(dumps(trainer))
    args, kwargs = loads(dumps((recipe.args, dict(recipe.kwargs))))
    return framework.trainer(*args, **complete_arguments(kwargs, framework))


def complete_arguments(arguments: Mapping[str, Any], framework: Framework) -> dict[str, Any]:
    """The arguments of a trainer for one trial: what they leave open, as a trial needs it.

    Files and output are switched off. One device is used: Lightning would take all and start processes for them.

    Args:
        arguments: What the user gave; it wins.
        framework: The package of the trainer.
    """
    callbacks = arguments.get("callbacks") or []
    callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
    unasked = {
        name: False
        for name, kind in framework.own_output.items()
        if not any(isinstance(callback, kind) for callback in callbacks)
    }
    device = {} if arguments.keys() & {"strategy", "num_nodes"} else {"devices": 1}
    return {"logger": False, **unasked, **device, **arguments}


def _translated(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with those of Lightning 1, which NNI's scripts use, under their names of today."""
    translated = dict(arguments)
    if "gpus" in translated:
        gpus = translated.pop("gpus")
        translated |= {"accelerator": "gpu", "devices": gpus} if gpus else {}
    if "progress_bar_refresh_rate" in translated:
        translated["enable_progress_bar"] = translated.pop("progress_bar_refresh_rate") != 0
    if "checkpoint_callback" in translated:
        translated["enable_checkpointing"] = bool(translated.pop("checkpoint_callback"))
    if "weights_summary" in translated:
        translated["enable_model_summary"] = translated.pop("weights_summary") is not None
    return translated


def _check_names(arguments: Mapping[str, Any]) -> None:
    known = inspect.signature(pytorch_lightning.Trainer).parameters
    for name in arguments:
        if name not in known:
            close = difflib.get_close_matches(name, known)
            raise EvaluationError(
                f"the trainer has no argument {name!r}",
                why="the installed pytorch_lightning does not know it",
                fix=f"did you mean {' or '.join(close)}?"
                if close
                else "see the arguments of pytorch_lightning.Trainer",
            )

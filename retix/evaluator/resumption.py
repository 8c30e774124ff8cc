"""How a Lightning training is paused, and goes on later as if it had not been."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from retix.evaluator.checkpoint import Checkpoint
from retix.evaluator.continuation import Kept, describe_progress, read_checkpoint
from retix.evaluator.loader import generators_of
from retix.evaluator.randomness import write_random_state


class Resumption:
    """The checkpoint of one fit: Lightning's own file, with what Lightning leaves out.

    Lightning restores the module, optimizers, schedulers, callbacks and counters. Beside them are kept, as they are at
    the end of an epoch: the random number generators, those that the loaders have for themselves, and what
    `FitReporter` has to know. A checkpoint is only written at the end of an epoch, because Lightning cannot go on with
    the data in the middle of one.

    Args:
        checkpoint: The trial's.
        trainer: The trainer that is about to fit.
    """

    def __init__(self, checkpoint: Checkpoint, trainer: Any):
        self._checkpoint = checkpoint
        self._trainer = trainer
        self._turn = checkpoint.claim()
        self._kept: Kept | None = read_checkpoint(checkpoint, self._turn)
        self._progress: dict[str, Any] = {} if self._kept is None else self._kept.progress
        self._is_random_due = self._kept is not None
        self._is_saving = False
        if self._kept is not None:
            checkpoint.steps = self._progress["steps"]

    @property
    def memory(self) -> Mapping[str, Any]:
        """What was given to `save` when the training was paused; empty if it begins."""
        memory: Mapping[str, Any] = self._progress.get("memory", {})
        return memory

    def save_again(self, memory: Mapping[str, Any]) -> None:
        """Write the checkpoint that was read, with another memory, before it is used."""
        if self._kept is not None:
            self._progress |= {"steps": self._checkpoint.steps, "memory": dict(memory)}
            content = self._kept.data
            self._checkpoint.write(lambda path: torch.save(content, path))

    def begin(self) -> dict[str, Any]:
        """The arguments by which ``trainer.fit`` goes on; none if it begins."""
        if self._kept is None:
            return {}
        arguments: dict[str, Any] = {"ckpt_path": self._checkpoint.path}
        if "weights_only" in inspect.signature(self._trainer.fit).parameters:  # Lightning 2.6 and later
            arguments["weights_only"] = self._kept.is_plain
        self._kept = None  # Lightning reads the file again; its tensors need not be there twice
        return arguments

    def begin_epoch(self) -> None:
        """Put the random numbers where they were, before the first epoch takes its first batch."""
        if not self._is_random_due:
            return
        self._is_random_due = False
        write_random_state(self._progress["random"])
        for generator, state in zip(self._list_generators(), self._progress["generators"], strict=False):
            generator.set_state(state)
        fit_loop = self._trainer.fit_loop
        fetcher = getattr(fit_loop, "_data_fetcher", None)
        if fetcher is not None and getattr(fit_loop, "is_resuming", False):
            # Its iterator was made too early, and drew the seed of the loader's workers from other random numbers.
            # Before Lightning 2.6, it is made again after this hook by Lightning itself.
            iter(fetcher)

    def end_training(self) -> None:
        """Note the random numbers, before hooks that only come at the end of a fit draw any."""
        generators = [generator.get_state() for generator in self._list_generators()]
        self._progress = {**describe_progress(self._checkpoint, self._turn), "generators": generators}

    def save(self, memory: Mapping[str, Any]) -> None:
        """Write the checkpoint of a fit that has ended.

        Args:
            memory: What to remember, in plain values.
        """
        self._progress |= {"steps": self._checkpoint.steps, "memory": dict(memory)}
        self._is_saving = True
        self._checkpoint.write(lambda path: self._trainer.save_checkpoint(path, weights_only=False))
        self._is_saving = False

    def complete(self, content: dict[str, Any]) -> None:
        """Add to Lightning's checkpoint what it leaves out; one of the user's own is left as it is."""
        if self._is_saving:
            content["retix"] = self._progress

    def _list_generators(self) -> list[Any]:
        """The generators of the loaders in use, each once."""
        found = generators_of([self._trainer.train_dataloader, self._trainer.val_dataloaders])
        return list({id(generator): generator for generator in found}.values())

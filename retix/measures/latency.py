"""How long a model takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch.utils import _pytree as pytree

from retix.errors import ConfigError, ProfileError
from retix.measures.data import Batch
from retix.measures.generators import seeded
from retix.measures.measure import Measure
from retix.measures.subject import Subject, explain


class Latency(Measure):
    """Seconds that the generated module takes for one batch, in eval mode: the median of several runs.

    It is measured in the process that asks, with torch's number of threads, so it is as good as the machine is quiet;
    two measurements differ. Within one space a model is measured once.

    Args:
        device: Where to run it, in torch's words: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        batch_size: How many samples the batch has; None for the example inputs as they are.
        repeats: How many runs the median is of.
        warmup: How many runs come before, and do not count.
        name: What objectives and limits call it; several devices need several names.

    Raises:
        ConfigError: A number is too low, or there is no such kind of device.
    """

    name = "latency"
    unit = "s"
    mode: Literal["maximize", "minimize"] = "minimize"

    def __init__(
        self,
        device: str = "cpu",
        batch_size: int | None = None,
        repeats: int = 20,
        warmup: int = 5,
        *,
        name: str = "latency",
    ) -> None:
        if repeats < 1 or warmup < 0 or (batch_size is not None and batch_size < 1):
            raise ConfigError(
                f"Latency(batch_size={batch_size}, repeats={repeats}, warmup={warmup}) measures nothing",
                fix="give repeats and batch_size of at least 1",
            )
        try:
            self.device = str(torch.device(device))
        except RuntimeError as error:
            raise ConfigError(f"torch knows no device {device!r}", fix="use 'cpu', 'cuda' or 'cuda:1'") from error
        self.batch_size = batch_size
        self.repeats = repeats
        self.warmup = warmup
        self.name = name

    def __call__(self, subject: Subject) -> float:
        """Measure one model.

        Raises:
            ConfigError: The device cannot be used here.
            ProfileError: The model fails there.
        """
        device = torch.device(self.device)
        _check_device(device)
        module = subject.build().eval()
        inputs = subject.example_inputs
        if self.batch_size is not None:
            inputs = _resize(inputs, self.batch_size)
        try:
            with seeded(subject.seed), torch.inference_mode():
                module = module.to(device)
                inputs = pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.to(device), inputs)
                return self._time(lambda: module(*inputs), _synchronizer(device))
        except ProfileError:
            raise
        except Exception as error:
            raise explain(f"{subject.name} cannot be run on {self.device}", error) from error

    def _time(self, run: Callable[[], Any], synchronize: Callable[[], None]) -> float:
        for _ in range(self.warmup):
            run()
        taken = []
        for _ in range(self.repeats):
            synchronize()
            start = time.perf_counter()
            run()
            synchronize()
            taken.append(time.perf_counter() - start)
        return statistics.median(taken)


def _check_device(device: torch.device) -> None:
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA fails an assertion
        raise ConfigError(
            f"the device {str(device)!r} cannot be used here: {str(error).splitlines()[0]}",
            why="latency is measured in the process that runs the search",
            fix="run the search where that device is, or measure Latency('cpu')",
        ) from error


def _synchronizer(device: torch.device) -> Callable[[], None]:
    """What waits for a device to have finished; a CPU always has."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


def _resize(inputs: tuple[Any, ...], batch_size: int) -> tuple[Any, ...]:
    """The inputs with another number of samples, repeated or cut."""
    size = Batch(inputs).size

    def resize(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.dim() or tensor.shape[0] != size:
            return tensor
        return tensor[torch.arange(batch_size, device=tensor.device) % size]

    resized: tuple[Any, ...] = pytree.tree_map_only(torch.Tensor, resize, inputs)
    return resized

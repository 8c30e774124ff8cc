"""The data that models are shown when they are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F
from torch.utils import _pytree as pytree

from retix.errors import ProfileError
from retix.measures.generators import seeded

if TYPE_CHECKING:
    # For annotations alone.
    from retix.evaluator import Evaluator

BATCHES = 2
"""How many batches are read; ZiCo compares their gradients."""

SAMPLES = 64
"""Of a larger batch, the first so many samples are taken."""

_RANDOM_SAMPLES = 32
_RANDOM = "the data is random noise: the evaluator brings none"


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch.

    Attributes:
        inputs: What the model is called with, ``model(*inputs)``; of the first tensor, the first size is the batch's.
        target: What the outputs are compared with; None for classes drawn at random.
    """

    inputs: tuple[Any, ...]
    target: Any = None

    @property
    def size(self) -> int:
        """How many samples it has; 1 without tensors."""
        return _find_size(self.inputs) or 1


@dataclass(frozen=True, slots=True)
class Data:
    """What all models of a space are shown.

    Attributes:
        batches: At least one, if anything is known of the inputs.
        loss: The loss of outputs and target; None to choose by the target: cross entropy for classes, else the mean
            squared error.
        note: What is to be said of the data, if it is not that of the evaluator.
    """

    batches: tuple[Batch, ...]
    loss: Callable[[Any, Any], Any] | None = None
    note: str | None = None

    def find_loss(self, outputs: Any, batch: Batch) -> torch.Tensor:
        """The loss of a model's outputs.

        Raises:
            ProfileError: The outputs are no tensor, or they and the target do not go together.
        """
        if not isinstance(outputs, torch.Tensor) and (self.loss is None or batch.target is None):
            raise ProfileError(
                f"there is no loss of outputs that are a {type(outputs).__name__}",
                why="the evaluator names no loss that takes them, and cross entropy takes a tensor",
                fix="give an evaluator with data and a criterion, such as Classification(train_dataloaders=...)",
            )
        target = _draw_target(outputs) if batch.target is None else batch.target
        loss = self.loss if self.loss is not None and batch.target is not None else _choose_loss(outputs, target)
        found = loss(outputs, target)
        assert isinstance(found, torch.Tensor), "a loss is a tensor"
        return found


def read_data(evaluator: Evaluator | None, example_inputs: Any) -> Data:
    """The data that an evaluator trains on; without it, noise that is shaped like the example inputs.

    Args:
        evaluator: Its batches are ``(inputs, target)`` pairs, or inputs alone.
        example_inputs: A tensor, or a tuple or list of positional inputs; None if they are not known.
    """
    with seeded(0):  # for loaders that shuffle
        batches = [] if evaluator is None else evaluator.sample_batches(BATCHES)
    read = tuple(batch for batch in map(_read_batch, batches) if batch is not None)
    if read:
        assert evaluator is not None
        return Data(read, evaluator.loss_function)
    if example_inputs is None:
        return Data(())
    given = tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (example_inputs,)
    generator = torch.Generator().manual_seed(0)
    noise = tuple(Batch(_make_noise(given, generator)) for _ in range(BATCHES))
    return Data(noise, note=_RANDOM)


def make_data(batches: Sequence[Any], loss: Callable[[Any, Any], Any] | None = None) -> Data:
    """Data of batches that are at hand.

    Args:
        batches: ``(inputs, target)`` pairs, or inputs alone.
        loss: The loss of outputs and target.
    """
    return Data(tuple(batch for batch in map(_read_batch, batches) if batch is not None), loss)


def _read_batch(batch: Any) -> Batch | None:
    if isinstance(batch, torch.Tensor):
        return Batch((_cut(batch, batch.shape[0]),)) if batch.dim() else None
    if not isinstance(batch, (list, tuple)) or not batch:
        return None
    size = _find_size(batch[0])
    if size is None:
        return None
    inputs = _cut(batch[0], size)
    target = _cut(batch[1], size) if len(batch) > 1 else None
    return Batch((inputs,), target)


def _find_size(tree: Any) -> int | None:
    return next((leaf.shape[0] for leaf in _tensors(tree) if leaf.dim()), None)


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    return (leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor))


def _cut(tree: Any, size: int) -> Any:
    """The first samples of what begins with the batch's size."""

    def cut(tensor: torch.Tensor) -> torch.Tensor:
        return tensor[:SAMPLES].detach() if tensor.dim() and tensor.shape[0] == size else tensor.detach()

    return pytree.tree_map_only(torch.Tensor, cut, tree)


def _make_noise(given: tuple[Any, ...], generator: torch.Generator) -> tuple[Any, ...]:
    """Noise for floating-point inputs; integers, which may be indices, are drawn from those that are given."""
    size = _find_size(given)

    def draw(tensor: torch.Tensor) -> torch.Tensor:
        shape = list(tensor.shape)
        if shape and shape[0] == size:
            shape[0] = _RANDOM_SAMPLES
        if tensor.is_floating_point():
            return torch.randn(shape, generator=generator).to(tensor.dtype)
        if not tensor.numel() or tensor.is_complex():
            return torch.ones(shape, dtype=tensor.dtype)
        values = tensor.detach().cpu().flatten()
        return values[torch.randint(len(values), shape, generator=generator)]

    made: tuple[Any, ...] = pytree.tree_map_only(torch.Tensor, draw, given)
    return made


def _draw_target(outputs: torch.Tensor) -> torch.Tensor:
    """Classes at random for scores of shape (N, C, ...), numbers at random for outputs of one dimension."""
    generator = torch.Generator().manual_seed(0)
    if outputs.dim() < 2:
        return torch.randn(outputs.shape, generator=generator).to(outputs.device)
    shape = outputs.shape[:1] + outputs.shape[2:]
    return torch.randint(outputs.shape[1], shape, generator=generator).to(outputs.device)


def _choose_loss(outputs: torch.Tensor, target: Any) -> Callable[[Any, Any], Any]:
    is_class = not target.is_floating_point()
    if is_class and outputs.dim() >= 2:
        return F.cross_entropy
    return lambda y, t: F.mse_loss(y.flatten(), t.flatten().to(y.dtype))

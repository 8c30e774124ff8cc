"""A model that is measured."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.errors import ProfileError
from retix.measures.costs import count_activation_bytes, count_flops, count_parameters, count_state_bytes
from retix.measures.data import Batch, Data, make_data
from retix.measures.generators import seeded


class Subject:
    """A model, and what is at hand to look at it; everything is made when it is first asked for.

    Args:
        make: Makes the model, initialised at random.
        data: Reads the data.
        name: What errors call the model.
        example_inputs: What the costs are counted with, ``model(*inputs)``; the inputs of the first batch by default.
        seed: What weights are drawn from, and dropout.
    """

    def __init__(
        self,
        make: Callable[[], torch.nn.Module],
        data: Callable[[], Data],
        *,
        name: str = "the model",
        example_inputs: tuple[Any, ...] | None = None,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.seed = seed
        self._make = make
        self._read = data
        self._inputs = example_inputs

    @classmethod
    def of(
        cls,
        module: torch.nn.Module,
        batches: Sequence[Any] = (),
        loss: Callable[[Any, Any], Any] | None = None,
        *,
        seed: int = 0,
    ) -> Subject:
        """A module that is at hand, with its weights as they are; it is copied, and stays as it is.

        Args:
            module: The module.
            batches: ``(inputs, target)`` pairs, or inputs alone.
            loss: The loss of outputs and target; cross entropy for classes, else the mean squared error, by default.
            seed: What dropout draws from.
        """
        name = type(module).__name__
        return cls(lambda: copy.deepcopy(module), lambda: make_data(batches, loss), name=name, seed=seed)

    def build(self) -> torch.nn.Module:
        """The model, in training mode: a new one each time, always with the same weights; it may be changed.

        Raises:
            ProfileError: It cannot be built.
        """
        with seeded(self.seed):
            try:
                return self._make().train()
            except ProfileError:
                raise
            except Exception as error:
                raise explain(f"{self.name} cannot be built", error) from error

    @cached_property
    def data(self) -> Data:
        """What the model is shown."""
        return self._read()

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The batches of the data, at least one.

        Raises:
            ProfileError: Nothing is known of the inputs.
        """
        return self._check_known(self.data.batches)

    @property
    def example_inputs(self) -> tuple[Any, ...]:
        """Inputs that the model can be called with, ``model(*inputs)``.

        Raises:
            ProfileError: Nothing is known of them.
        """
        return self.batches[0].inputs if self._inputs is None else self._inputs

    @property
    def n_samples(self) -> int:
        """How many samples the example inputs are: the first size of the first tensor."""
        return Batch(self.example_inputs).size

    @cached_property
    def n_parameters(self) -> int:
        """How many numbers the parameters hold; one that is used twice counts once."""
        return count_parameters(self._blank)

    @cached_property
    def state_bytes(self) -> int:
        """What parameters and buffers take."""
        return count_state_bytes(self._blank)

    @cached_property
    def flops(self) -> int:
        """Floating-point operations of one forward of the example inputs, in eval mode.

        Raises:
            ProfileError: The model cannot be run on them.
        """
        return self._count(count_flops)

    @cached_property
    def activation_bytes(self) -> int:
        """What autograd keeps of one forward of the example inputs in training mode.

        Raises:
            ProfileError: The model cannot be run on them.
        """
        return self._count(count_activation_bytes)

    @cached_property
    def _blank(self) -> torch.nn.Module:
        """The model on the meta device, where tensors have sizes and no data; a real one if it is not made there."""
        with seeded(self.seed):
            try:
                with torch.device("meta"):
                    module = self._make()
            except Exception:
                return self.build()
        # Moving the rest there would untie weights that are tied.
        is_blank = all(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
        return module if is_blank else self.build()

    def _count(self, count: Callable[[torch.nn.Module, tuple[Any, ...]], int]) -> int:
        inputs = self.example_inputs
        with seeded(self.seed):
            try:
                return count(self._blank, pytree.tree_map_only(torch.Tensor, _make_blank, inputs))
            except Exception:  # forward looks at values, which tensors on the meta device do not have
                module = self.build()
            try:
                return count(module, copy.deepcopy(inputs))
            except Exception as error:
                raise explain(f"{self.name} cannot be run", error) from error

    def _check_known(self, batches: tuple[Batch, ...]) -> tuple[Batch, ...]:
        if not batches:
            raise ProfileError(
                f"{self.name} cannot be run: nothing is known of its inputs",
                why="there are neither example inputs nor data of the evaluator's",
                fix="give example inputs: ModelSpace(..., example_inputs=x), or an evaluator with train_dataloaders",
            )
        return batches


def explain(what: str, error: Exception) -> ProfileError:
    """What to say of a model that fails while it is measured."""
    return ProfileError(
        f"{what}: {type(error).__name__}: {error}",
        why="it does not take the example inputs, or the evaluator's data; or it is no model that can run",
        fix="try space.instantiate(sample) on that data; leave such models out by a constraint",
    )


def _make_blank(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")

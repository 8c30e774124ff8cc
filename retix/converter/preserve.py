"""Leaves the user's module and the process as conversion found them, also when it fails half-way."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import torch

from retix.errors import ConversionError

_TABLES = ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set")


class Values:
    """What the tensors of a module hold, to be put back.

    Buffers and plain tensors are copied at once: batch norm changes its statistics without counting a version.
    Parameters are most of a model, and hardly any forward writes to one: they are copied when somebody is about to,
    and that nobody did unseen is read off their versions.

    Args:
        module: Whose tensors to keep; parameters at once where a part of it has a ``train()`` of its own.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        parts = list(module.modules())
        tensors = {id(tensor): tensor for tensor in _list_tensors(module)}
        # nothing may change a tensor of inference mode, and it counts no versions
        self._tensors = [_Kept(tensor) for tensor in tensors.values() if not tensor.is_inference()]
        self._by_storage: dict[int, list[_Kept]] = {}
        self._by_identity = {id(kept.tensor): kept for kept in self._tensors}
        for kept in self._tensors:
            self._by_storage.setdefault(_read_storage(kept.tensor), []).append(kept)
        trains = any(type(part).train is not torch.nn.Module.train or "train" in vars(part) for part in parts)
        for kept in self._tensors:
            if trains or not isinstance(kept.tensor, torch.nn.Parameter):
                kept.copy()

    def keep(self, tensor: torch.Tensor) -> None:
        """Copy what shares memory with ``tensor``, which somebody may be about to write to."""
        for kept in self._by_storage.get(_read_storage(tensor), ()):
            kept.copy()

    def of(self, module: torch.nn.Module) -> list[_Kept]:
        """Those of a part of the module: its tensors, and what shares memory with them."""
        found: dict[int, _Kept] = {}
        for tensor in _list_tensors(module):
            kept = self._by_identity.get(id(tensor))
            same = self._by_storage.get(_read_storage(tensor), ()) if _read_storage(tensor) else ()
            found.update({id(each): each for each in ([kept] if kept is not None else []) + list(same)})
        return list(found.values())

    def restore(self, some: Iterable[_Kept] | None = None) -> None:
        """Put everything back, or only ``some``.

        Raises:
            ConversionError: Something that was not copied was written to.
        """
        lost = [kept for kept in (self._tensors if some is None else some) if not kept.restore()]
        if lost:
            raise ConversionError(
                f"forward changed {len(lost)} of the model's parameters behind torch's back, and they stay changed",
                why="compiled code, or an extension of torch, wrote to them; what it does cannot be seen beforehand",
                fix="put the module that calls it into a @basic_unit, whose parameters are put back",
            )


class _Kept:
    """One tensor as it was."""

    __slots__ = ("_alias", "_requires_grad", "_saved", "_version", "tensor")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self._alias = tensor.detach()  # in the same memory, whatever memory the tensor has later
        self._version = tensor._version
        self._requires_grad = tensor.requires_grad
        self._saved: torch.Tensor | None = None

    def copy(self) -> None:
        if self._saved is None:
            self._saved = self._alias.clone()

    def restore(self) -> bool:
        """Put it back; False if it was written to, and not copied before."""
        is_intact = self._saved is not None or self.tensor._version == self._version
        if self.tensor.layout is torch.strided and not self.tensor.is_set_to(self._alias):
            self.tensor.data = self._alias
        if self._saved is not None and not torch.equal(self._alias, self._saved):
            with torch.no_grad():
                self.tensor.copy_(self._saved)
        self._version = self.tensor._version
        if self.tensor.requires_grad != self._requires_grad:
            self.tensor.requires_grad_(self._requires_grad)
        return is_intact


def _list_tensors(module: torch.nn.Module) -> list[torch.Tensor]:
    """Parameters, buffers, and tensors that are plain attributes."""
    plain = [item for part in module.modules() for item in vars(part).values() if isinstance(item, torch.Tensor)]
    return [*module.parameters(), *module.buffers(), *plain]


def _read_storage(tensor: torch.Tensor) -> int:
    """A number for the memory of a tensor; 0 for one that has none of the usual kind."""
    if tensor.layout is not torch.strided:
        return 0
    return int(tensor.untyped_storage()._cdata)


@contextmanager
def preserve(module: torch.nn.Module, values: Values | None = None) -> Iterator[Values]:
    """Restore what conversion may change.

    Of every module: its attributes, the training flag and its own ``forward`` among them, and the values of its
    parameters, buffers and other tensors. Of the process: the random states of torch, numpy and Python, and the
    filters of warnings.

    Args:
        module: Whose state to restore.
        values: The values of a larger module, where an outer context puts all of them back in the end; here only
            those of ``module`` are, so that the captures of many parts do not take the square of their number.

    Yields:
        The values; whoever writes to a parameter within tells them before.
    """
    undo = [_keep_attributes(part) for part in module.modules()]
    own = None if values is None else values.of(module)
    values = Values(module) if values is None else values
    python_state, numpy_state = random.getstate(), numpy.random.get_state()
    devices = sorted(
        {t.device.index or 0 for t in (*module.parameters(), *module.buffers()) if t.device.type == "cuda"}
    )
    try:
        with torch.random.fork_rng(devices), warnings.catch_warnings():
            yield values
    finally:
        for restore in undo:
            restore()
        random.setstate(python_state)
        numpy.random.set_state(numpy_state)
        values.restore(own)


def _keep_attributes(module: torch.nn.Module) -> Callable[[], None]:
    attributes = dict(vars(module))
    tables = {name: attributes[name].copy() for name in _TABLES}

    def restore() -> None:
        vars(module).clear()
        vars(module).update(attributes)
        for name, table in tables.items():
            attributes[name].clear()
            attributes[name].update(table)

    return restore


def read_random_states() -> tuple[Any, ...]:
    """The states of Python's and numpy's global generators, comparable with ``==``."""
    state: Any = numpy.random.get_state(legacy=False)
    return random.getstate(), state["state"]["key"].tobytes(), state["state"]["pos"], state["gauss"]

"""The tensors that modules have: as parameters, buffers or plain attributes."""

from __future__ import annotations

import torch


class TensorNames:
    """Where the tensors of a module and its parts are found.

    Args:
        root: The module that is captured.
    """

    def __init__(self, root: torch.nn.Module) -> None:
        self._paths: dict[int, list[str]] = {}
        self._ranks: dict[int, int] = {}  # asked for before forward runs, when every method of a tensor is recorded
        for path, module in root.named_modules(remove_duplicate=False):
            plain = {name: item for name, item in vars(module).items() if isinstance(item, torch.Tensor)}
            for name, tensor in {**module._parameters, **module._buffers, **plain}.items():
                if tensor is not None:
                    self._paths.setdefault(id(tensor), []).append(f"{path}.{name}" if path else name)
                    self._ranks[id(tensor)] = tensor.dim()

    def find(self, tensor: torch.Tensor, scope: str) -> tuple[str | None, str | None]:
        """The tensor's name in the module at the path ``scope``, and one in any module; None where it has none."""
        paths = self._paths.get(id(tensor), [])
        inside = next((path for path in paths if not scope or path.startswith(f"{scope}.")), None)
        return inside, next(iter(paths), None)

    def rank(self, tensor: torch.Tensor) -> int | None:
        """How many dimensions the tensor has; None for one that belongs to no module."""
        return self._ranks.get(id(tensor))

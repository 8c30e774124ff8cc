"""The base class of users' models."""

from __future__ import annotations

from typing import Any

import torch

from retix.errors import SpaceError


class Module(torch.nn.Module):
    """`torch.nn.Module`, with a better answer to a forgotten ``super().__init__()``."""

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except AttributeError as error:
            if "_modules" in self.__dict__:
                raise
            cls = type(self)
            raise SpaceError(
                f"{cls.__qualname__} assigns {name!r} before it is a module",
                why=f"{cls.__qualname__}.__init__ does not begin with super().__init__()",
                fix=f"make super().__init__() the first line of {cls.__qualname__}.__init__",
            ) from error

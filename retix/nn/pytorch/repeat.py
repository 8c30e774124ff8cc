"""A block that is repeated a variable number of times."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from retix.nn.pytorch.label import IDENTITY
from retix.nn.pytorch.mutable import Mutable
from retix.nn.pytorch.select_inputs import SelectInputs
from retix.nn.pytorch.value_choice import ValueChoice
from retix.space import Chosen, Expression


class Repeat(Mutable):
    """Blocks in a chain, of which each model of the space keeps the first few.

    In the base model all blocks run, and the result behind the default depth is taken. Its blocks are its children
    ``0``, ``1``, ...; so are those of the `torch.nn.Sequential` that a chosen one becomes.

    Args:
        blocks: A module, which is deep-copied for each place; a function from the place's index to a module; or a list
            of modules or of such functions, of which the first are taken.
        depth: How many blocks there are: a number, the least and the greatest number, or a choice or an expression
            over choices. 0 is allowed, and hands the input on.
        label: The label of the choice of the depth, if ``depth`` is a pair; by default the path of this module.

    Raises:
        SpaceError: There are too few blocks, or no depth is above 0.
    """

    def __init__(
        self,
        blocks: torch.nn.Module | Callable[[int], torch.nn.Module] | Sequence[Any],
        depth: int | tuple[int, int] | Expression,
        *,
        label: str | None = None,
    ) -> None:
        super().__init__(label)
        self.depth_choice: int | Expression = self._read_depth(depth)
        depths = self._list_depths(depth)
        self.depths = tuple(depths)
        self.min_depth, self.max_depth = depths[0], depths[-1]
        for index, block in enumerate(self._make_blocks(blocks)):
            self.add_module(str(index), block)
        if len(depths) > 1:
            conditions = [self.depth_choice == each for each in depths]
            self.select = SelectInputs(conditions, "one")

    def _read_depth(self, depth: Any) -> int | Expression:
        if isinstance(depth, Expression):
            if isinstance(depth, Chosen):
                vars(self)[IDENTITY] = depth.decision.label
            return depth
        if isinstance(depth, int) and not isinstance(depth, bool):
            return depth
        if isinstance(depth, (tuple, list)) and len(depth) == 2 and all(isinstance(each, int) for each in depth):
            least, greatest = depth
            if not 0 <= least <= greatest or greatest < 1:
                raise self._refuse(
                    f"Repeat has the depth {tuple(depth)}", fix="give the least and the greatest, which is at least 1"
                )
            if least == greatest:
                return int(least)
            return ValueChoice.make_part(range(least, greatest + 1), self.identity)
        raise self._refuse(
            f"Repeat has the depth {depth!r}", fix="give a number, a pair (least, greatest), or a choice of numbers"
        )

    def _list_depths(self, depth: Any) -> list[int]:
        choice = self.depth_choice
        found = list(choice.all_options()) if isinstance(choice, Expression) else [choice]
        if not all(type(each) is int and each >= 0 for each in found) or max(found) < 1:
            raise self._refuse(
                f"Repeat has the depth {depth!r}"
                + (f", which may be {found}" if isinstance(choice, Expression) else ""),
                fix="let every depth be a whole number that is not negative, and one of them at least 1",
            )
        return sorted(set(found))

    def _make_blocks(self, blocks: Any) -> list[torch.nn.Module]:
        count = self.max_depth
        if isinstance(blocks, torch.nn.Module) and not isinstance(blocks, torch.nn.ModuleList):
            return [blocks, *(copy.deepcopy(blocks) for _ in range(count - 1))]
        is_function = callable(blocks) and not isinstance(blocks, torch.nn.ModuleList)
        listed = [blocks] * count if is_function else list(blocks)
        if len(listed) < count:
            raise self._refuse(
                f"Repeat has {len(listed)} blocks for a depth of up to {count}",
                fix=f"give {count} blocks, or one that is copied, or a function that makes them",
            )
        return [self._make_block(block, index) for index, block in enumerate(listed[:count])]

    def _make_block(self, block: Any, index: int) -> torch.nn.Module:
        made = block
        if callable(block) and not isinstance(block, torch.nn.Module):
            made = block(index) if _takes_index(block) else block()
        if not isinstance(made, torch.nn.Module):
            raise self._refuse(
                f"block {index} of Repeat is {made!r}, which is no module",
                fix="give modules, or functions from the index of a block to a module",
            )
        return made

    @property
    def blocks(self) -> list[torch.nn.Module]:
        """The blocks, in order."""
        return [self[index] for index in range(self.max_depth)]

    def live_when(self, child: str) -> Any:
        if not child.isdigit():
            return True
        return self.depth_choice > int(child)

    def __getitem__(self, index: int) -> torch.nn.Module:
        found = self._modules[str(range(self.max_depth)[index])]
        assert found is not None
        return found

    def __len__(self) -> int:
        return self.max_depth

    def forward(self, x: Any) -> Any:
        """Hand ``x`` through the chain."""
        reached = [x] if self.min_depth == 0 else []
        for index in range(self.max_depth):
            x = self[index](x)
            if index + 1 in self.depths:
                reached.append(x)
        return self.select(reached) if len(reached) > 1 else x

    def extra_repr(self) -> str:
        return f"depth={self.depth_choice!r}"


def _takes_index(function: Callable[..., Any]) -> bool:
    """Scripts of NNI 2.1 have functions without parameters."""
    try:
        return bool(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return True

"""What the tensors of a generated model are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from retix.mutation.inheritance.program import Step


class Names:
    """Finds the tensors of leaves.

    Args:
        state_names: For each tensor of the generated model, its name in the base model, as `Source.state_names` has
            them.
    """

    def __init__(self, state_names: Mapping[str, str]) -> None:
        self._known = frozenset(state_names)
        self._by_base: dict[str, list[str]] = defaultdict(list)
        for name, base in state_names.items():
            self._by_base[base].append(name)

    def find(self, step: Step, item: str) -> str | None:
        """The name of a leaf's tensor ``item``, or of the parameter that the leaf is; None if it cannot be known.

        A layer that a mutator added is not in the map: it is called after the members that lead to it.
        """
        own = ".".join([*step.key, item] if item else step.key)
        base = None if step.base is None else f"{step.base}.{item}" if item else step.base
        named = self._by_base.get(base, []) if base is not None else []
        if named:
            return own if own in named else named[0]
        return None if own in self._known else own

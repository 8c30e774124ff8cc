"""Arguments of NNI 1.x."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retix.caller import find_caller
from retix.errors import SpaceError

_FIXES = {
    "key": "write label= instead",
    "return_mask": "leave it out; after the search, the sample says what was chosen",
    "reduction": "leave it out: one candidate is chosen, and there is nothing to reduce",
    "signature": "leave it out",
}


def refuse_outdated(what: str, label: str | None, given: Mapping[str, Any]) -> str | None:
    """``label``, if no other arguments were ``given``.

    Raises:
        SpaceError: There is one that only NNI 1.x knew, or nobody.
    """
    for name, value in given.items():
        raise SpaceError(
            f"nn.{what} takes no argument {name!r} ({value!r})",
            where=find_caller(),
            why="it belongs to NNI 1.x" if name in _FIXES else None,
            fix=_FIXES.get(name, "see the signature: prior and label are the only keywords"),
        )
    return label

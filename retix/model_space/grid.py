"""Every sample of a space, one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator

from retix.space import Choice, Decision, Sample, SearchSpace


def walk_grid(space: SearchSpace) -> Iterator[Sample]:
    """Yield every sample once, the last decision changing fastest; holds one answer per decision."""
    prefix: list[Choice] = []
    following: list[Iterator[Choice]] = []

    def open_options(decision: Decision, depth: int) -> Iterator[Choice]:
        options = decision.options()
        if depth == len(prefix):
            prefix.append(next(options))
        else:
            held = json.dumps(prefix[depth])
            next(option for option in options if json.dumps(option) == held)
        return options

    while True:
        depth = 0

        def pick(decision: Decision) -> Choice:
            nonlocal depth
            if depth == len(following):
                following.append(open_options(decision, depth))
            depth += 1
            return prefix[depth - 1]

        yield space.walk(pick)
        while prefix:
            option = next(following[-1], _END)
            if option is not _END:
                prefix[-1] = option
                break
            prefix.pop()
            following.pop()
        else:
            return


_END = object()

"""Bringing a strategy back to where it was, by asking and telling it again what the journal holds."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retix.errors import ConfigError
from retix.experiment.user_strategy import UserStrategy
from retix.store import Step, Store, StoreReader
from retix.strategy import Strategy
from retix.trial import Proposal, Trial, TrialState

STRATEGY_FILE = "strategy.json"
"""The state of the strategy before its first step."""

SNAPSHOT_FILE = "strategy-snapshot.json"
"""The state of the strategy after a step that it names; what came before needs no replaying."""


@dataclass(frozen=True, slots=True)
class Past:
    """Where a search was.

    Attributes:
        untold: The trials that the strategy was not told, in the order of their ids.
        halted: Those of them that were stopped because the search ended.
        paused: Those of them that early stopping has paused.
        promotions: For each trial that was paused and went on: after how many results, each time.
        has_asked_in_vain: Whether the strategy had nothing when it was asked last, and was told nothing since.
        last_step: The number of the last step.
        snapshot: The number of the step that the state was loaded from; 0 for the first state.
    """

    untold: tuple[int, ...]
    halted: frozenset[int]
    paused: frozenset[int]
    promotions: Mapping[int, tuple[int, ...]]
    has_asked_in_vain: bool
    last_step: int
    snapshot: int


def replay(strategy: Strategy, store: Store, reader: StoreReader) -> Past:
    """Bring a strategy to the end of the journal, and return what the journal says of the search.

    Args:
        strategy: A strategy of the same settings that was started, and was neither asked nor told anything.
        store: The experiment, open again.
        reader: Reads the same.

    Raises:
        ConfigError: The strategy does not propose what is recorded, or nothing is recorded that it could begin with.
    """
    if not is_begun(store.directory) and next(reader.steps(), None) is None and not reader.trials(limit=1):
        return Past(
            (), frozenset(), frozenset(), {}, False, 0, 0
        )  # its driver ended before the strategy was asked anything
    if isinstance(strategy, UserStrategy):
        steps = list(reader.steps())
        _answer(strategy, store, steps)
        return _read_past(steps, 0)
    snapshot = load_state(strategy, store.directory)
    return _read_past(_take(strategy, store, reader.steps(), snapshot), snapshot)


def as_told(trial: Trial, data: Mapping[str, Any] | None) -> Trial:
    """The trial as the strategy is told it: with the metrics of a penalty, if there is one."""
    return trial if data is None else replace(trial, metrics={**trial.metrics, **data["metrics"]})


def as_observed(trial: Trial, data: Mapping[str, Any]) -> Trial:
    """The trial as the strategy observes it, whatever has become of it since it was paused."""
    return replace(
        trial,
        state=TrialState.WAITING,
        metrics=data["metrics"],
        steps=data["steps"],
        failure=None,
        started=None,
        ended=None,
        attempts=0,
        waits_for="",
    )


def is_begun(directory: Path) -> bool:
    """Whether it is recorded how the strategy began."""
    return (directory / STRATEGY_FILE).exists() or (directory / SNAPSHOT_FILE).exists()


def load_state(strategy: Strategy, directory: Path) -> int:
    """Give a strategy the last state that was kept of it, and return the step after which that was.

    Raises:
        ConfigError: No state was kept, it is damaged, or another kind of strategy wrote it.
    """
    snapshot = directory / SNAPSHOT_FILE
    path = snapshot if snapshot.exists() else directory / STRATEGY_FILE
    try:
        kept = json.loads(path.read_bytes())
        step, state = (kept["step"], kept["state"]) if path == snapshot else (0, kept)
        strategy.load_state(state)
    except FileNotFoundError as error:
        raise ConfigError(
            "the search cannot go on: nothing is recorded of how its strategy began",
            where=path,
            why="its file is gone, or an earlier version of retix wrote it",
            fix="begin a new experiment",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the search cannot go on: the state of its strategy cannot be read: {error!r}",
            where=path,
            why="the file is damaged, or a strategy of other settings wrote it",
            fix="resume with the strategy and the settings that it began with",
        ) from error
    return int(step)


def _take(strategy: Strategy, store: Store, steps: Iterable[Step], after: int) -> Iterable[Step]:
    """Have the strategy take each step that comes after one; hands all of them on."""
    for step in steps:
        if step.number > after and step.kind == "ask":
            recorded = None if step.trial is None else store.trial(step.trial)
            _compare(strategy, store, recorded, strategy.ask())
        elif step.number > after and step.kind == "tell":
            assert step.trial is not None
            strategy.tell(as_told(store.trial(step.trial), step.data))
        elif step.number > after and step.kind == "pause":
            assert step.trial is not None
            strategy.observe(as_observed(store.trial(step.trial), step.data))
        yield step


def _read_past(steps: Iterable[Step], snapshot: int) -> Past:
    untold: dict[int, None] = {}
    halted: set[int] = set()
    paused: set[int] = set()
    promotions: dict[int, tuple[int, ...]] = {}
    in_vain, last = False, 0
    for step in steps:
        last = step.number
        if step.kind in ("ask", "tell", "pause"):
            in_vain = step.trial is None
        if step.trial is None:
            continue
        if step.kind in ("ask", "enqueue"):
            untold[step.trial] = None
        elif step.kind == "tell":
            untold.pop(step.trial, None)
            paused.discard(step.trial)
        elif step.kind == "pause":
            paused.add(step.trial)
        elif step.kind == "promote":
            paused.discard(step.trial)
            promotions[step.trial] = (*promotions.get(step.trial, ()), step.data["steps"])
        elif step.kind == "halt":
            halted.add(step.trial)
        elif step.kind == "requeue":
            halted.discard(step.trial)
    return Past(tuple(untold), frozenset(halted), frozenset(paused), promotions, in_vain, last, snapshot)


def _answer(strategy: UserStrategy, store: Store, steps: list[Step]) -> None:
    """Let the `run` of a user's strategy begin anew, and answer what it submits from the record.

    Its thread sees results whenever it looks, not when it is asked. So each step says how many trials it had been told
    of, or had seen paused, when it submitted a model, and it is told of no more before it has submitted that again.
    """
    asked = deque(step for step in steps if step.kind in ("ask", "enqueue"))
    count = 0
    for step in steps:
        if step.kind not in ("tell", "pause", "promote"):
            continue
        while asked and (asked[0].kind == "enqueue" or asked[0].data["seen"] <= count):
            _ask_user(strategy, store, asked.popleft())
        assert step.trial is not None
        if step.kind == "promote":
            strategy.started(step.trial)
            continue
        count += 1
        if step.kind == "tell":
            strategy.tell(as_told(store.trial(step.trial), step.data))
        else:
            strategy.observe(as_observed(store.trial(step.trial), step.data))
    for step in asked:
        _ask_user(strategy, store, step)


def _ask_user(strategy: UserStrategy, store: Store, step: Step) -> None:
    assert step.trial is not None
    if step.kind == "enqueue":
        strategy.skip_number()
        return
    _compare(strategy, store, store.trial(step.trial), strategy.ask_again())


def _compare(strategy: Strategy, store: Store, recorded: Trial | None, proposal: Proposal | None) -> None:
    """Refuse a strategy that does not propose what is recorded."""
    if recorded is None or proposal is None:
        is_same = recorded is None and proposal is None
    else:
        is_same = (proposal.sample, proposal.parent) == (recorded.sample, recorded.parent)
    if is_same:
        return
    what = "nothing" if proposal is None else _describe(proposal)
    instead = "nothing" if recorded is None else f"trial {recorded.id}: {_describe(recorded)}"
    raise ConfigError(
        f"the search cannot go on: {_name(strategy)} proposes {what} where the record has {instead}",
        where=store.directory,
        why="its code, its settings or the space are not those of the recorded search, or it decides by more than its "
        "seed and the results: by the time, say, or by random numbers of its own",
        fix="resume with the same strategy, settings and space, or begin a new experiment",
    )


def _describe(proposal: Proposal | Trial) -> str:
    child = "" if proposal.parent is None else f", a child of trial {proposal.parent}"
    return f"{proposal.sample}{child}"


def _name(strategy: Strategy) -> str:
    return strategy.name if isinstance(strategy, UserStrategy) else type(strategy).__name__

"""Whether a search has come through: what its store says, beside what its trials noted by themselves."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retix.store import ExperimentState, StoreReader
from retix.store.layout import DATABASE
from retix.trial import Failure, FailureKind, Trial, TrialState
from tests.chaos.attack import Attack
from tests.chaos.deeds import KINDS, choose_deed, choose_metric, key_of
from tests.chaos.driver import LOG_LIMIT, WORKERS, Plan

# What an attack from outside may make of a trial that would have ended otherwise.
_INFLICTED = {FailureKind.KILLED, FailureKind.WORKER_LOST, FailureKind.TIMEOUT}


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        problems: Everything that must not be, in words; empty if the search has come through.
        states: How many trials ended how.
        deeds: How many trials did what.
        inflicted: The trials that failed by an attack.
        attempts: How many runs of trials there were.
        unrecorded: How many runs began just before their driver was killed, which could not record them any more.
    """

    problems: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    inflicted: list[int] = field(default_factory=list)
    attempts: int = 0
    unrecorded: int = 0


def judge(reader: StoreReader, plan: Plan, attacks: list[Attack]) -> Verdict:
    """Compare the store of a search that has ended with the records of its trials."""
    verdict = Verdict()
    _judge_database(reader, verdict)
    trials = reader.trials()
    if (state := reader.info().state) is not ExperimentState.DONE:
        verdict.problems.append(f"the experiment is {state}")
    _judge_numbers(trials, plan, verdict)
    _judge_steps(reader, trials, verdict)
    for trial in trials:
        _judge_trial(trial, reader, plan, verdict)
    allowed = sum(attack.may_fail for attack in attacks)
    if len(verdict.inflicted) > allowed:
        verdict.problems.append(f"{len(attacks)} attacks cannot have made {len(verdict.inflicted)} trials fail")
    if verdict.unrecorded > WORKERS * sum(attack.depth == 0 for attack in attacks):
        verdict.problems.append(f"{verdict.unrecorded} runs of trials are not recorded")
    _judge_slots(Path(plan.records).parent / "slots.jsonl", verdict)
    return verdict


def _judge_database(reader: StoreReader, verdict: Verdict) -> None:
    with closing(sqlite3.connect(reader.directory / DATABASE)) as connection:
        for pragma in ("integrity_check", "foreign_key_check"):
            found = [row for row in connection.execute(f"PRAGMA {pragma}").fetchall() if row != ("ok",)]
            if found:
                verdict.problems.append(f"PRAGMA {pragma} says {found[:3]}")


def _judge_numbers(trials: list[Trial], plan: Plan, verdict: Verdict) -> None:
    """Every budgeted trial is there once."""
    if [trial.id for trial in trials] != list(range(1, len(trials) + 1)):
        verdict.problems.append("the ids of the trials have gaps")
    own = [trial for trial in trials if trial.state is not TrialState.DUPLICATE]
    if len(own) != plan.trials:
        verdict.problems.append(f"{len(own)} trials were run, and the budget was {plan.trials}")
    twice = [sample for sample, count in Counter(trial.sample for trial in own).items() if count > 1]
    if twice:
        verdict.problems.append(f"{len(twice)} networks were tried more than once, such as {twice[0]}")


def _judge_steps(reader: StoreReader, trials: list[Trial], verdict: Verdict) -> None:
    """The strategy has proposed each trial once and was told of each once."""
    steps = [(str(step.kind), step.trial) for step in reader.steps() if step.trial is not None]
    for what in ("ask", "tell"):
        counts = Counter(trial for kind, trial in steps if kind == what)
        wrong = {trial.id: counts[trial.id] for trial in trials if counts[trial.id] != 1}
        if wrong:
            verdict.problems.append(f"the journal has not one '{what}' for each trial: {dict(list(wrong.items())[:5])}")


def _judge_trial(trial: Trial, reader: StoreReader, plan: Plan, verdict: Verdict) -> None:
    verdict.states[str(trial.failure.kind if trial.failure else trial.state)] += 1
    if trial.state is TrialState.DUPLICATE:
        return
    key = key_of(int(trial.sample["first"]), int(trial.sample["second"]))
    deed = choose_deed(plan.seed, key)
    verdict.deeds[deed] += 1
    lines = _read_lines(Path(plan.records), key)
    problems = _find_problems(trial, key, deed, lines, plan, verdict)
    problems += _judge_attempts(trial, reader, lines, verdict)
    logs = (reader.trial_directory(trial.id) / name for name in ("stdout.log", "stderr.log"))
    problems += [f"{log.name} has {log.stat().st_size} bytes" for log in logs if _is_too_large(log)]
    verdict.problems += [f"trial {trial.id} ({deed}): {problem}" for problem in problems]


def _is_inflicted(failure: Failure | None) -> bool:
    """Whether an attack explains a failure; one on a child of the trial's comes out as an error of the trial."""
    if failure is None:
        return False
    return failure.kind in _INFLICTED or "died with <Signals.SIGKILL" in failure.message


def _find_problems(
    trial: Trial, key: int, deed: str, lines: list[dict[str, Any]], plan: Plan, verdict: Verdict
) -> list[str]:
    """What is wrong about the end of a trial."""
    kind = trial.failure.kind if trial.failure else None
    if not trial.state.is_final or trial.ended is None:
        return [f"it is {trial.state}, and ended at {trial.ended}"]
    problems = []
    if trial.state is TrialState.SUCCEEDED and deed not in KINDS:
        if dict(trial.metrics) != {"default": choose_metric(key), "key": float(key)}:
            problems.append(f"it carries the result of another: {dict(trial.metrics)}")
        if not any(line["what"] == "end" for line in lines):
            problems.append("it succeeded, and never came to its end")
    elif trial.state is TrialState.PRUNED and plan.stops_early:
        if dict(trial.metrics) != {"default": choose_metric(key)} or trial.steps not in (1, 2):
            problems.append(f"it was pruned after {trial.steps} results with {dict(trial.metrics)}")
    elif _is_inflicted(trial.failure) and kind is not KINDS.get(deed):
        verdict.inflicted.append(trial.id)
    elif kind is None or kind is not KINDS.get(deed):
        problems.append(f"it is {trial.state}: {trial.failure.message if trial.failure else 'no failure'}")
    late = [line for line in lines if line["what"] == "begin" and line["time"] > trial.ended]
    if late:
        problems.append(f"it was run again {late[0]['time'] - trial.ended:.2f} s after it had ended")
    if any(line["what"] == "overlap" for line in lines):
        problems.append("two processes ran it at the same time")
    return problems


def _judge_attempts(trial: Trial, reader: StoreReader, lines: list[dict[str, Any]], verdict: Verdict) -> list[str]:
    """Each run of a trial is recorded with its end, and only the last one can have given a result."""
    attempts = list(reader.attempts(trial.id))
    verdict.attempts += len(attempts)
    problems = []
    if [attempt.number for attempt in attempts] != list(range(1, len(attempts) + 1)):
        problems.append(f"its attempts have the numbers {[attempt.number for attempt in attempts]}")
    if trial.attempts != len(attempts):
        problems.append(f"it counts {trial.attempts} attempts, and {len(attempts)} are recorded")
    if open_ends := [attempt.number for attempt in attempts if attempt.ended is None]:
        problems.append(f"its attempts {open_ends} never ended")
    begun = sum(line["what"] == "begin" for line in lines)
    verdict.unrecorded += max(0, begun - len(attempts))
    whole = [attempt for attempt in attempts if attempt.verdict is None and not attempt.stopped]
    good = [attempt.number for attempt in whole if attempt.failure is None]
    expected = [len(attempts)] if trial.state is TrialState.SUCCEEDED else []
    if good != expected:
        problems.append(f"it is {trial.state}, and its attempts {good} of {len(attempts)} are without failure")
    return problems


def _judge_slots(notes: Path, verdict: Verdict) -> None:
    """When a search has ended, no slot is taken any more."""
    if not notes.exists():
        return
    for line in notes.read_text().splitlines():
        note = json.loads(line)
        if note["free"] != note["capacity"] or note["capacity"] != WORKERS:
            verdict.problems.append(f"when it ended, driver {note['driver']} had {note['free']} slots free")


def _read_lines(records: Path, key: int) -> list[dict[str, Any]]:
    path = records / f"{key}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _is_too_large(log: Path) -> bool:
    # What the keeper cannot see between two looks, and the words that say what was left out, come on top.
    return log.exists() and log.stat().st_size > 2 * LOG_LIMIT

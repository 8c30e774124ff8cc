"""What users ask of a search while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from retix.errors import ConfigError, RetixError
from retix.execution import Engine
from retix.experiment.search.admission import Admission
from retix.experiment.search.budget import Budget
from retix.experiment.search.dialogue import Dialogue
from retix.experiment.search.ledger import Ledger
from retix.experiment.search.listener import Listener
from retix.experiment.search.outcomes import Outcomes
from retix.experiment.search.roster import Roster
from retix.store import Command, ExperimentState
from retix.trial import Proposal, TrialState

# Seconds between looks for commands.
_PERIOD = 0.2

_SETTINGS = ("trial_concurrency", "max_trial_number", "max_experiment_duration")


class Controls:
    """Carries out the commands that other threads and processes leave in the store.

    Args:
        engine: Has the slots.
        budget: Has the limits and the clock.
        ledger: Records.
        roster: Has the trials.
        outcomes: Ends trials.
        admission: Takes up samples.
        dialogue: Tells the strategy of them.
        listener: Hears of other limits.
    """

    def __init__(
        self,
        engine: Engine,
        budget: Budget,
        ledger: Ledger,
        roster: Roster,
        outcomes: Outcomes,
        admission: Admission,
        dialogue: Dialogue,
        listener: Listener,
    ) -> None:
        self._engine = engine
        self._budget = budget
        self._ledger = ledger
        self._store = ledger.store
        self._roster = roster
        self._outcomes = outcomes
        self._admission = admission
        self._dialogue = dialogue
        self._listener = listener
        self._next = 0.0
        self.is_stopping = False
        """Whether the search is to end."""
        self._verbs: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "pause": self._pause,
            "resume": self._unpause,
            "stop": self._stop,
            "cancel": self._cancel,
            "set": self._set,
            "enqueue": self._enqueue,
        }

    def obey(self) -> bool:
        """Carry out what has come, unless this was done a moment ago; returns whether there was something."""
        moment = time.monotonic()
        if moment < self._next:
            return False
        self._next = moment + _PERIOD
        commands = self._store.take_commands()
        for command in commands:
            self._carry_out(command)
        return bool(commands)

    def _carry_out(self, command: Command) -> None:
        verb = self._verbs.get(command.name)
        try:
            if verb is None:
                raise ConfigError(f"there is no command {command.name!r}", fix=f"there are {', '.join(self._verbs)}")
            text = verb(command.arguments)
        except RetixError as error:
            self._store.answer_command(command.id, False, str(error))
        else:
            self._store.answer_command(command.id, True, text)

    def _pause(self, arguments: Mapping[str, Any]) -> str:
        _check_names(arguments)
        if not self._budget.is_paused:
            self._store.set_state(ExperimentState.PAUSED)
            self._budget.pause()
        running = sum(self._roster.is_submitted(entry.trial.id) for entry in self._roster)
        return f"paused; {running} running trial{'' if running == 1 else 's'} will end first"

    def _unpause(self, arguments: Mapping[str, Any]) -> str:
        _check_names(arguments)
        if self._budget.is_paused:
            self._store.set_state(ExperimentState.RUNNING)
            self._budget.start()
        return "goes on"

    def _stop(self, arguments: Mapping[str, Any]) -> str:
        _check_names(arguments)
        self.is_stopping = True
        return "stops"

    def _cancel(self, arguments: Mapping[str, Any]) -> str:
        _check_names(arguments, "trial")
        number: Any = arguments.get("trial")
        if not _is_whole(number):
            raise ConfigError(f"{number!r} is no trial", fix="give the id of a trial, as `retix show` prints it")
        entry = self._roster.find(number)
        if entry is None:
            trial = self._store.trial(number)
            raise ConfigError(f"trial {number} has ended: it {_WORDS.get(trial.state, trial.state)}")
        if self._roster.is_submitted(number):
            entry.is_cancelled = True
            self._engine.cancel(number)
            return f"trial {number} is being stopped"
        with self._ledger.round():
            self._outcomes.stop(entry)
        return f"trial {number} is stopped"

    def _set(self, arguments: Mapping[str, Any]) -> str:
        _check_names(arguments, *_SETTINGS)
        if not arguments:
            raise ConfigError("nothing is set", fix=f"give one of {', '.join(_SETTINGS)}")
        limits = self._budget.limits
        if "max_trial_number" in arguments:
            limits = replace(limits, trials=_read_count(arguments, "max_trial_number"))
        if "max_experiment_duration" in arguments:
            limits = replace(limits, duration=_read_seconds(arguments, "max_experiment_duration"))
        if "trial_concurrency" in arguments:
            self._resize(_read_count(arguments, "trial_concurrency"))
        self._budget.limits = limits
        self._store.update_config(arguments)
        self._listener.limits_changed(limits, self._engine.capacity)
        return ", ".join(f"{name} is {value}" for name, value in arguments.items())

    def _resize(self, capacity: int | None) -> None:
        if capacity is None:
            raise ConfigError("trial_concurrency is None", fix="give a whole number, 1 or more")
        if self._budget.limits.deterministic and capacity != self._engine.capacity:
            raise ConfigError(
                f"trial_concurrency cannot become {capacity} in a deterministic search",
                why="which proposals come depends on it, and they are to depend on the seed alone",
                fix="begin a new experiment with it, or one that is not deterministic",
            )
        self._engine.resize(capacity)

    def _enqueue(self, arguments: Mapping[str, Any]) -> str:
        _check_names(arguments, "sample")
        answers = arguments.get("sample")
        if not isinstance(answers, Mapping):
            raise ConfigError(f"{answers!r} is no sample", fix="give a mapping of labels to answers")
        if self._budget.is_spent:
            raise ConfigError(
                f"all {self._budget.limits.trials} trials of the budget are spent", fix="raise max_trial_number first"
            )
        sample = self._admission.check(dict(answers))
        self._dialogue.enqueue(self._admission.last_id + 1)
        return str(self._admission.admit(Proposal(sample)).id)


_WORDS = {
    TrialState.STOPPED: "was stopped",
    TrialState.PRUNED: "was ended by early stopping",
    TrialState.DUPLICATE: "carries the result of another",
}


def _check_names(arguments: Mapping[str, Any], *known: str) -> None:
    for name in arguments:
        if name not in known:
            raise ConfigError(
                f"the command takes no {name!r}", fix=f"it takes {', '.join(known)}" if known else "give nothing"
            )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _read_count(arguments: Mapping[str, Any], name: str) -> int | None:
    value = arguments[name]
    if value is not None and (not _is_whole(value) or value < 1):
        raise ConfigError(f"{name} is {value!r}", fix="give a whole number, 1 or more")
    return value if value is None else int(value)


def _read_seconds(arguments: Mapping[str, Any], name: str) -> float | None:
    value = arguments[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ConfigError(f"{name} is {value!r}", fix="give seconds, more than 0")
    return float(value)

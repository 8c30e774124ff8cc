"""Text and tables for the terminal; what users named themselves is shown as it is, and never obeyed."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from retix.objective import Objectives
from retix.store import ExperimentInfo, FailureCount, StoreReader, find_best, find_front, read_objectives
from retix.trial import Trial, TrialState

Summary: TypeAlias = tuple[ExperimentInfo, Mapping[TrialState, int] | None, Trial | None]
"""An experiment, the counts of its trials by state, None where they cannot be read, and the best of them, if any."""

_STYLES = {
    "running": "cyan",
    "done": "green",
    "succeeded": "green",
    "failed": "red",
    "unreadable": "red",
    "interrupted": "yellow",
    "paused": "yellow",
    "pruned": "yellow",
    "stopped": "yellow",
}
# Control, format, surrogate, line and paragraph characters: they move the cursor, reorder the line or break it.
_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def make_visible(text: str) -> str:
    r"""``text`` in one line, with each character that a terminal might obey written as ``\x1b`` or the like."""
    return "".join(c if unicodedata.category(c) not in _UNSAFE else ascii(c)[1:-1] for c in text)


def show_state(state: str) -> Text:
    """A state in its colour."""
    return Text(state, style=_STYLES.get(state, ""))


def show_text(text: str) -> Text:
    """Text of the user's, without markup and control characters."""
    return Text(make_visible(text))


def show_metric(metric: float | None) -> str:
    """A metric in six significant digits, or a dash."""
    return "-" if metric is None else f"{metric:.6g}"


def show_time(seconds: float) -> str:
    """A time since the epoch in the local time zone."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def tabulate_experiments(summaries: Sequence[Summary]) -> Table:
    """A table of experiments."""
    table = Table("id", "name", "state", "created", "trials", "best", box=None, header_style="bold")
    for info, counts, best in summaries:
        table.add_row(
            show_text(info.id),
            show_text(info.name if info.problem is None else f"({info.problem})"),
            show_state(info.state),
            show_time(info.created),
            "-" if counts is None else str(sum(counts.values())),
            show_metric(best.metric if best else None),
        )
    return table


def tabulate_trials(trials: Sequence[Trial], others: Sequence[str] = ()) -> Table:
    """A table of trials in the order given.

    Args:
        trials: The trials.
        others: Metrics that have columns of their own beside ``default``.
    """
    table = Table("trial", "state", "metric", box=None, header_style="bold")
    for column in (*others, "parent", "sample"):
        table.add_column(show_text(column))
    for trial in trials:
        table.add_row(
            str(trial.id),
            show_state(trial.state) + _describe_state(trial),
            show_metric(trial.metric),
            *(show_metric(trial.metrics.get(name)) for name in others),
            "-" if trial.parent is None else str(trial.parent),
            show_text(show_sample(trial)),
        )
    return table


def _describe_state(trial: Trial) -> str:
    """What there is to say beside a trial's state: of whom it is a duplicate, how far it came, or why it waits."""
    if trial.duplicate_of is not None:
        return f" of {trial.duplicate_of}"
    if trial.state is TrialState.PRUNED:
        return f" after {trial.steps} {'result' if trial.steps == 1 else 'results'}"
    return f": {make_visible(trial.waits_for)}" if trial.state is TrialState.WAITING and trial.waits_for else ""


def show_sample(trial: Trial) -> str:
    """The sample of a trial as ``label=choice`` pairs."""
    return " ".join(f"{label}={choice!r}" for label, choice in trial.sample.items())


def tabulate_failures(reader: StoreReader) -> Table | None:
    """A table of an experiment's failures by kind, the most frequent first; None if there are none."""
    failures = reader.failures()
    if not failures:
        return None
    table = Table("failure", "trials", "retried", "first", "last", "message", box=None, header_style="bold")
    for count in sorted(failures, key=lambda f: -f.trials - f.retried):
        table.add_row(
            Text(count.kind, style="red"),
            str(count.trials),
            str(count.retried),
            f"trial {count.first}",
            f"trial {count.last}",
            show_text(_read_message(reader, count)),
        )
    return table


def _read_message(reader: StoreReader, count: FailureCount) -> str:
    """What the last of these failures said, with the name of its exception where that ended the trial."""
    failure = reader.trial(count.last).failure
    is_last = failure is not None and failure.kind is count.kind and failure.error is not None
    return f"{failure.error}: {count.message}" if failure is not None and is_last else count.message


def show_experiment(reader: StoreReader, last: int) -> RenderableType:
    """An experiment for the terminal: a headline, what it is after, trials by id, the front, and the failures.

    Args:
        reader: The experiment.
        last: How many trials are in the table, which are the latest; 0 shows all.
    """
    info, counts, best = reader.info(), reader.counts(), find_best(reader, 1)
    objectives = read_objectives(info)
    names = [objective.name for objective in objectives][1:]
    trials = reader.trials(0, last or None, "newest")[::-1]
    earlier = sum(counts.values()) - len(trials)
    total = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none yet"
    found = f"{show_metric(best[0].metric)}, trial {best[0].id}" if best else "-"
    parts: list[RenderableType] = [
        Text.assemble(show_text(info.id), " ", show_text(info.name), " ", show_state(info.state)),
        Text(f"created {show_time(info.created)}; trials: {total}; best ({info.optimize_mode}d): {found}"),
        *_describe_aims(info, objectives),
        "",
        tabulate_trials(trials, names),
    ]
    if earlier > 0:
        parts.append(Text(f"{earlier} earlier trials are not shown; --last 0 shows all", style="dim"))
    if names:
        front = find_front(reader, objectives)
        noun = "trial" if len(front) == 1 else "trials"
        parts += ["", Text(f"front: {len(front)} {noun} that no other is better than"), tabulate_trials(front, names)]
    failures = tabulate_failures(reader)
    return Group(*parts, "", failures) if failures else Group(*parts)


def _describe_aims(info: ExperimentInfo, objectives: Objectives) -> list[Text]:
    """Lines on what the search is after and how it stops trials early; none where that is but one metric."""
    aims = [f"{objective.mode} {objective.name}" for objective in objectives]
    rule = info.config.get("early_stopping")
    lines = [f"objectives: {', '.join(aims)}"] if len(aims) > 1 else []
    lines += [f"limits: {', '.join(map(str, objectives.limits))}"] if objectives.limits else []
    lines += [f"early stopping: {_describe_rule(rule)}"] if isinstance(rule, Mapping) else []
    return [show_text(line) for line in lines]


def _describe_rule(rule: Mapping[str, Any]) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in (rule.get("arguments") or {}).items())
    return f"{str(rule.get('rule')).rpartition('.')[-1]}({given})"


def open_console() -> Console:
    """A console that takes no text for markup."""
    return Console(markup=False, highlight=False, emoji=False)


def print_json(value: Any) -> None:
    """Print a value as strict JSON."""
    print(json.dumps(value, indent=2, allow_nan=False))

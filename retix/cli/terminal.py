"""Text and tables for the terminal; what users named themselves is shown as it is, and never obeyed."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from retix.store import ExperimentInfo, StoreReader
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


def tabulate_trials(trials: Sequence[Trial]) -> Table:
    """A table of trials in the order given."""
    table = Table("trial", "state", "metric", "parent", "sample", box=None, header_style="bold")
    for trial in trials:
        same = f" of {trial.duplicate_of}" if trial.duplicate_of is not None else ""
        table.add_row(
            str(trial.id),
            show_state(trial.state) + same,
            show_metric(trial.metric),
            "-" if trial.parent is None else str(trial.parent),
            show_text(show_sample(trial)),
        )
    return table


def show_sample(trial: Trial) -> str:
    """The sample of a trial as ``label=choice`` pairs."""
    return " ".join(f"{label}={choice!r}" for label, choice in trial.sample.items())


def tabulate_failures(trials: Sequence[Trial]) -> Table | None:
    """A table of the failures among ``trials`` by kind, with count and last message; None if there are none."""
    failures = [(trial.id, trial.failure) for trial in trials if trial.failure is not None]
    if not failures:
        return None
    counts = Counter(failure.kind for _, failure in failures)
    latest = {failure.kind: (id, failure) for id, failure in failures}
    table = Table("failure", "count", "latest", "message", box=None, header_style="bold")
    for kind, count in counts.most_common():
        id, failure = latest[kind]
        message = failure.message if failure.error is None else f"{failure.error}: {failure.message}"
        table.add_row(Text(kind, style="red"), str(count), f"trial {id}", show_text(message))
    return table


def show_experiment(reader: StoreReader, last: int) -> RenderableType:
    """An experiment for the terminal: a headline, trials in the order of their ids, and the failures.

    Args:
        reader: The experiment.
        last: How many trials are in the table, which are the latest; 0 shows all.
    """
    info, counts, best = reader.info(), reader.counts(), reader.best(1)
    trials = reader.trials(0, last or None, "newest")[::-1]
    earlier = sum(counts.values()) - len(trials)
    total = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none yet"
    found = f"{show_metric(best[0].metric)}, trial {best[0].id}" if best else "-"
    parts: list[RenderableType] = [
        Text.assemble(show_text(info.id), " ", show_text(info.name), " ", show_state(info.state)),
        Text(f"created {show_time(info.created)}; trials: {total}; best ({info.optimize_mode}d): {found}"),
        "",
        tabulate_trials(trials),
    ]
    if earlier > 0:
        parts.append(Text(f"{earlier} earlier trials are not shown; --last 0 shows all", style="dim"))
    failures = tabulate_failures(reader.trials(state=TrialState.FAILED))
    return Group(*parts, "", failures) if failures else Group(*parts)

"""The commands that look into experiments."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from retix.cli.lookup import find_experiment
from retix.cli.options import ROOT, Id, Json, Root
from retix.cli.terminal import (
    Summary,
    make_visible,
    open_console,
    print_json,
    show_experiment,
    tabulate_experiments,
    tabulate_failures,
)
from retix.errors import StoreError
from retix.store import (
    ExperimentInfo,
    describe_experiment,
    describe_trial,
    find_front,
    list_experiments,
    read_experiment,
)


def list_command(root: Root = ROOT, as_json: Json = False) -> None:
    """List the experiments, the newest first."""
    rows = [_summarise(root, info) for info in list_experiments(root)]
    if as_json:
        print_json([_describe(row) for row in rows])
    elif rows:
        open_console().print(tabulate_experiments(rows))
    else:
        open_console().print(f"There are no experiments in {make_visible(str(root))}.")


def show_command(
    id: Id,
    root: Root = ROOT,
    as_json: Json = False,
    last: Annotated[int, typer.Option(min=0, help="Show the latest N trials in the table; 0 shows all.")] = 50,
) -> None:
    """Show an experiment: its objectives and front, its trials as they were proposed, why some wait, its failures."""
    reader = find_experiment(root, id)
    if as_json:
        trials = [describe_trial(trial) for trial in reader.trials()]
        front = [trial.id for trial in find_front(reader)]
        print_json({**describe_experiment(reader.info()), "front": front, "trials": trials})
    else:
        open_console().print(show_experiment(reader, last))


def failures_command(id: Id, root: Root = ROOT, as_json: Json = False) -> None:
    """Show how trials failed, by kind: how many, which, and what the last one said."""
    reader = find_experiment(root, id)
    if as_json:
        print_json([asdict(failure) for failure in reader.failures()])
    else:
        open_console().print(tabulate_failures(reader) or "No trial has failed.")


def _summarise(root: Path, info: ExperimentInfo) -> Summary:
    if info.problem is not None:
        return info, None, None
    try:
        reader = read_experiment(root, info.id)
        return info, reader.counts(), next(iter(reader.best(1)), None)
    except StoreError:
        return info, None, None


def _describe(summary: Summary) -> dict[str, Any]:
    info, counts, best = summary
    whole = describe_experiment(info)
    return {
        **{key: whole[key] for key in ("id", "name", "state", "created")},
        "trials": counts and {str(state): count for state, count in counts.items()},
        "best": best and describe_trial(best),
        "problem": info.problem,
    }

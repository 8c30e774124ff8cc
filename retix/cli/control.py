"""The commands that tell a running search what to do."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from retix.cli import late
from retix.cli.lookup import find_experiment
from retix.cli.options import ROOT, Concurrency, Id, Json, MaxDuration, MaxTrials, Root
from retix.cli.terminal import make_visible, print_json
from retix.errors import ConfigError, StoreError
from retix.store import StoreReader, send_command, wait_for_answer

# Seconds for which the search's answer is waited for.
_PATIENCE = 30.0


def pause_command(id: Id, root: Root = ROOT, as_json: Json = False) -> None:
    """Begin no further trials until `retix resume`; what runs goes on."""
    tell(find_experiment(root, id), "pause", as_json=as_json)


def stop_command(id: Id, root: Root = ROOT, as_json: Json = False) -> None:
    """End a search; what runs is stopped, and `retix resume` may go on with it."""
    tell(find_experiment(root, id), "stop", as_json=as_json)


def cancel_command(
    id: Id,
    trial: Annotated[int, typer.Argument(metavar="TRIAL", min=1, help="The trial's id.")],
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Stop one trial; the search goes on."""
    tell(find_experiment(root, id), "cancel", {"trial": trial}, as_json=as_json)


def set_command(
    id: Id,
    max_trials: MaxTrials = None,
    concurrency: Concurrency = None,
    max_duration: MaxDuration = None,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Change the budget or the concurrency of a running search."""
    changes = read_changes(max_trials, concurrency, max_duration)
    if not changes:
        raise ConfigError("there is nothing to set", fix="use --max-trials, --concurrency or --max-duration")
    tell(find_experiment(root, id), "set", changes, as_json=as_json)


def enqueue_command(
    id: Id,
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="Choices by label, as JSON: '{\"width\": 8}'.")],
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Have a sample of your own tried next; choices that it leaves out take their first answer."""
    try:
        choices = json.loads(sample)
    except ValueError as error:
        raise ConfigError(f"the sample is no JSON: {error}", fix="write '{\"label\": choice}'") from error
    if not isinstance(choices, dict):
        raise ConfigError(f"the sample {sample} is no object", fix="write '{\"label\": choice}'")
    tell(find_experiment(root, id), "enqueue", {"sample": choices}, as_json=as_json)


def tell(reader: StoreReader, name: str, arguments: dict[str, Any] | None = None, *, as_json: bool) -> None:
    """Send a command to the search, wait for its answer, and print that.

    Raises:
        StoreError: Nobody runs the search, it does not answer, or it refuses.
    """
    answer = wait_for_answer(reader.directory, send_command(reader.directory, name, arguments), _PATIENCE)
    if not answer.ok:
        raise StoreError(f"the experiment {reader.id!r} refuses to {name}: {answer.text}")
    if as_json:
        print_json({"id": reader.id, "command": name, "answer": answer.text})
    else:
        print(make_visible(f"trial {answer.text}" if name == "enqueue" else answer.text))


def read_changes(max_trials: int | None, concurrency: int | None, max_duration: str | None) -> dict[str, Any]:
    """The settings that are to be changed, by the names that the config has for them.

    Raises:
        ConfigError: The duration is none.
    """
    changes: dict[str, Any] = {}
    if max_trials is not None:
        changes["max_trial_number"] = max_trials
    if concurrency is not None:
        changes["trial_concurrency"] = concurrency
    if max_duration is not None:
        config = late.RetiariiExeConfig(max_experiment_duration=max_duration)
        changes["max_experiment_duration"] = config.max_experiment_duration
    return changes

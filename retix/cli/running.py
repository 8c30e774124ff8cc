"""The commands that run models: going on with a search, and taking models out of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from retix.cli import late
from retix.cli.control import read_changes, tell
from retix.cli.lookup import find_experiment
from retix.cli.options import ROOT, Concurrency, Id, Json, MaxDuration, MaxTrials, Root
from retix.cli.terminal import make_visible, print_json
from retix.errors import StoreError
from retix.store import ExperimentState, StoreReader, describe_experiment, find_best, find_front


def resume_command(
    id: Id,
    max_trials: MaxTrials = None,
    concurrency: Concurrency = None,
    max_duration: MaxDuration = None,
    port: Annotated[int | None, typer.Option(help="Show a page on this port while the search runs.")] = None,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Go on with a search: one that is paused, one that was stopped or killed, or one that ended, with more trials."""
    reader = find_experiment(root, id)
    changes = read_changes(max_trials, concurrency, max_duration)
    info = reader.info()
    if info.state.is_active:
        if info.state is not ExperimentState.PAUSED and not changes:
            raise StoreError(
                f"the experiment {reader.id!r} is being run by process {info.pid} on {info.host}",
                fix=f"`retix show {reader.id}` shows how far it is",
            )
        if changes:
            tell(reader, "set", changes, as_json=as_json)
        if info.state is ExperimentState.PAUSED:
            tell(reader, "resume", as_json=as_json)
        return
    _enter_directory(reader)
    late.RetiariiExperiment.resume(reader.id, port, directory=reader.directory.parent, **changes)
    if as_json:
        counts = {str(state): count for state, count in reader.counts().items()}
        print_json({**describe_experiment(reader.info()), "trials": counts})


def _enter_directory(reader: StoreReader) -> None:
    """Stand where the script stood that began the search: paths of its data may be relative."""
    directory = late.find_earlier(reader.directory.parent, reader.id).working_directory
    if directory.is_dir() and directory != Path.cwd():
        print(f"retix: in {make_visible(str(directory))}, where the search began", file=sys.stderr)
        os.chdir(directory)


def export_command(
    id: Id,
    top: Annotated[int, typer.Option(min=1, help="How many of the best models to export.")] = 1,
    front: Annotated[bool, typer.Option("--front", help="Export all models that no other is better than.")] = False,
    trial: Annotated[int | None, typer.Option(min=1, help="Export this trial instead, whatever its rank.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to; default: ./retix-ID.")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write model.onnx too.")] = False,
    check: Annotated[bool, typer.Option(help="Load each model in a clean interpreter and compare its outputs.")] = True,
    root: Root = ROOT,
    force: Annotated[bool, typer.Option("--force", help="Replace folders that exist already.")] = False,
    as_json: Json = False,
) -> None:
    """Write the best models to folders: source, weights if they were kept, where they come from, and a check of it."""
    reader = find_experiment(root, id)
    best = [] if trial is not None else find_front(reader) if front else find_best(reader, top)
    trials = best if trial is None else [reader.trial(trial)]
    target = out or Path(f"retix-{reader.id}")
    folders = late.export_folders(reader, trials, target, onnx=onnx, check=check, force=force)
    if as_json:
        print_json([{"path": str(f.path), "trial": f.trial, "check": f.check and f.check.to_json()} for f in folders])
    for folder in folders:
        if not as_json:
            print(make_visible(str(folder.path)))
        if folder.check is not None:
            verdict = "checked" if folder.check.ok else "NOT AS IT SHOULD BE"
            print(make_visible(f"retix: {folder.path.name}: {verdict}: {folder.check.text}"), file=sys.stderr)
    if trial is None and not front and len(folders) < top:
        print(f"retix: only {len(folders)} of {top}: there are no more that count", file=sys.stderr)
    if any(folder.check is not None and not folder.check.ok for folder in folders):
        raise typer.Exit(1)

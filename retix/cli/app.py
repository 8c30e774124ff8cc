"""The commands of ``retix``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from retix.cli.export import export_best
from retix.cli.lookup import find_experiment
from retix.cli.terminal import Summary, make_visible, show_experiment, tabulate_experiments
from retix.errors import RetixError, StoreError
from retix.store import (
    ExperimentInfo,
    describe_experiment,
    describe_trial,
    list_experiments,
    read_experiment,
)

Root = Annotated[Path, typer.Option("--dir", help="The directory of experiments.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The experiment's id, or its beginning.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_ROOT = Path("~/retix-experiments")

app = typer.Typer(
    name="retix",
    help="Look into architecture searches, and take their models out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command ``retix``.

    Args:
        arguments: What stands behind ``retix`` on the command line; None takes it from there.

    Raises:
        SystemExit: Always; with 0, with 1 after an error of retix's own, or with 2 if the arguments have no meaning.
    """
    try:
        app(list(arguments) if arguments is not None else None, prog_name="retix")
    except (RetixError, OSError) as error:
        what = f"{error.what}; {error.fix}" if isinstance(error, RetixError) and error.fix else str(error)
        print(f"retix: {make_visible(what)}", file=sys.stderr)
        sys.exit(1)


@app.command("list")
def list_command(root: Root = _ROOT, as_json: Json = False) -> None:
    """List the experiments, the newest first."""
    rows = [_summarise(root, info) for info in list_experiments(root)]
    if as_json:
        _print_json([_describe(row) for row in rows])
    elif rows:
        _console().print(tabulate_experiments(rows))
    else:
        _console().print(f"There are no experiments in {make_visible(str(root))}.")


@app.command("show")
def show_command(
    id: Id,
    root: Root = _ROOT,
    as_json: Json = False,
    last: Annotated[int, typer.Option(min=0, help="Show the latest N trials in the table; 0 shows all.")] = 50,
) -> None:
    """Show an experiment: its trials in the order they were proposed, and its failures."""
    reader = find_experiment(root, id)
    if as_json:
        trials = [describe_trial(trial) for trial in reader.trials()]
        _print_json({**describe_experiment(reader.info()), "trials": trials})
    else:
        _console().print(show_experiment(reader, last))


@app.command("export")
def export_command(
    id: Id,
    top: Annotated[int, typer.Option(min=1, help="How many of the best models to export.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where to; default: ./retix-ID.")] = None,
    root: Root = _ROOT,
    force: Annotated[bool, typer.Option("--force", help="Replace folders that exist already.")] = False,
) -> None:
    """Write the best models to folders: source, weights if they were kept, and where they come from."""
    reader = find_experiment(root, id)
    folders = export_best(reader, top, out or Path(f"retix-{reader.id}"), force=force)
    for folder in folders:
        print(make_visible(str(folder)))
    if len(folders) < top:
        print(f"retix: only {len(folders)} of {top}: no more trials have succeeded", file=sys.stderr)


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


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, allow_nan=False))

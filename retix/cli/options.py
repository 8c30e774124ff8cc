"""What several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Root = Annotated[Path, typer.Option("--dir", help="The directory of experiments.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The experiment's id, or its beginning.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MaxTrials = Annotated[int | None, typer.Option("--max-trials", min=1, help="How many trials are run in all.")]
Concurrency = Annotated[int | None, typer.Option(min=1, help="How many trials run at a time.")]
MaxDuration = Annotated[str | None, typer.Option(help="How long the search may take: 90s, 30m, 1.5h, 2d.")]

ROOT = Path("~/retix-experiments")
"""The directory of experiments, if the user names none."""

"""The command that compares strategies."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from retix.benchmark import CONTESTANTS, Standing, chart_regrets, compare, draw_regrets, interval, median
from retix.cli.options import Json
from retix.cli.terminal import open_console, print_json

_DEFAULT = "random,evolution,tpe,best"


def benchmark_command(
    strategies: Annotated[
        str, typer.Option(help=f"Names with commas between them: {', '.join(CONTESTANTS)}; or 'all'.")
    ] = _DEFAULT,
    seeds: Annotated[int, typer.Option(min=1, help="How many searches of each strategy.")] = 50,
    trials: Annotated[int, typer.Option(min=1, help="The budget of a search, in whole trainings.")] = 150,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many searches run at a time; by default one per core.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Write the regret curves to this file, as SVG.")] = None,
    as_json: Json = False,
) -> None:
    """Compare strategies on 1,728 networks that were all trained before: searches take no time but to decide."""
    names = list(CONTESTANTS) if strategies == "all" else [name.strip() for name in strategies.split(",")]
    standings = list(compare(names, seeds, trials, processes or os.cpu_count() or 1))
    if plot is not None:
        plot.write_text(draw_regrets(standings), encoding="utf-8")
    if as_json:
        print_json({standing.name: standing.to_json() for standing in standings})
        return
    console = open_console()
    console.print(tabulate_standings(standings))
    console.print()
    console.print("Median regret: how far what seems best is below the table's best, in accuracy")
    console.print()
    console.print(tabulate_regrets(standings))
    console.print()
    console.print(chart_regrets(standings), markup=False, highlight=False, soft_wrap=True)


def tabulate_standings(standings: Sequence[Standing]) -> Table:
    """One row per strategy: what it takes to the top 1 % of the networks, medians with 95 % confidence intervals."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("to the top 1 %", no_wrap=True)
    for column in ("trials", "95 %", "epochs", "95 %", "found by", "s each"):
        table.add_column(column, justify="right", no_wrap=True)
    for standing in standings:
        table.add_row(
            standing.name,
            *_write(standing.trials),
            *_write(standing.epochs),
            f"{sum(map(math.isfinite, standing.trials))} of {len(standing.trials)}",
            f"{standing.seconds:.2f}",
        )
    return table


def tabulate_regrets(standings: Sequence[Standing]) -> Table:
    """One row per strategy: the median regret after every second budget, or a dash where half of them have none."""
    curves = {standing.name: dict(standing.curve) for standing in standings}
    reached = sorted({budget for curve in curves.values() for budget in curve})[::-2][::-1]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("after whole trainings", no_wrap=True)
    for budget in reached:
        table.add_column(str(budget), justify="right", no_wrap=True)
    for name, curve in curves.items():
        table.add_row(name, *(f"{curve[budget]:.3f}" if budget in curve else "-" for budget in reached))
    return table


def _write(values: Sequence[float]) -> tuple[str, str]:
    low, high = interval(values)
    return _count(median(values)), f"{_count(low)} to {_count(high)}"


def _count(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "never"

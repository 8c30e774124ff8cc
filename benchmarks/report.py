"""What a benchmark found, and how it looks in the terminal."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from benchmarks.timing import Times

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


@dataclass(frozen=True, slots=True)
class Row:
    """One side of a comparison.

    Attributes:
        name: What was measured.
        seconds: What each round took.
        ratios: What retix took in the same round, as a multiple of it; empty for retix itself.
    """

    name: str
    seconds: Times
    ratios: Times = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Sides that were measured in turn, retix first.

    Attributes:
        title: The piece of work.
        rows: The sides.
    """

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the time of a piece of work goes.

    Attributes:
        title: The piece of work.
        seconds: The seconds of each part by name.
    """

    title: str
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Growth:
    """How pieces of work grow with the size of what they work on.

    Attributes:
        title: What they work on.
        sizes: Its sizes, growing.
        seconds: What each piece of work took at each size.
        asides: Other pieces of work likewise, for the table alone.
    """

    title: str
    sizes: tuple[int, ...]
    seconds: Mapping[str, Times]
    asides: Mapping[str, Times] = field(default_factory=dict)

    def ratios(self, name: str) -> Times:
        """The time per item at each size, as a multiple of that at the first."""
        times = {**self.seconds, **self.asides}[name]
        return tuple(time / size * self.sizes[0] / times[0] for time, size in zip(times, self.sizes, strict=True))

    def exponent(self, name: str) -> float:
        """The exponent of the size to which the time is proportional, by least squares of the logarithms."""
        times = {**self.seconds, **self.asides}[name]
        return statistics.linear_regression([*map(math.log, self.sizes)], [*map(math.log, times)]).slope


@dataclass(frozen=True, slots=True)
class Figures:
    """Single findings that are no times beside others' times.

    Attributes:
        title: What they are about.
        values: What was found, in words and with its unit, by name.
    """

    title: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark found.

    Attributes:
        aim: What should come out.
        tables: The findings.
    """

    aim: str
    tables: tuple[Comparison | Parts | Growth | Figures, ...]

    def __rich__(self) -> Group:
        tables: list[RenderableType] = [_draw(table) for table in self.tables]
        return Group(*tables, Text(f"aim: {self.aim}"))


def compare(title: str, times: Mapping[str, Times]) -> Comparison:
    """The first side of ``times`` beside each of the others, round by round."""
    (own_name, own), *others = times.items()
    rows = [Row(own_name, own)]
    for name, seconds in others:
        rows.append(Row(name, seconds, tuple(mine / theirs for mine, theirs in zip(own, seconds, strict=True))))
    return Comparison(title, tuple(rows))


def format_seconds(*seconds: float) -> str:
    """Each to three digits, and the unit that suits the first, such as ``12.3 ms``."""
    scale, unit = next((item for item in _UNITS if seconds[0] >= item[0]), _UNITS[-1])
    return f"{' to '.join(f'{value / scale:.3g}' for value in seconds)} {unit}"


def _draw(table: Comparison | Parts | Growth | Figures) -> Table:
    match table:
        case Comparison():
            return _draw_comparison(table)
        case Growth():
            return _draw_growth(table)
        case Parts():
            return _draw_parts(table)
        case Figures():
            return _draw_figures(table)


def _draw_comparison(comparison: Comparison) -> Table:
    table = Table(comparison.title)
    has_ratios = any(row.ratios for row in comparison.rows)
    for heading in ("median", "min to max", *(("retix / this", "min to max") if has_ratios else ())):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in comparison.rows:
        cells = [row.name, format_seconds(statistics.median(row.seconds)), format_seconds(*_span(row.seconds))]
        if row.ratios:
            cells += [f"{statistics.median(row.ratios):.3g}", " to ".join(f"{end:.3g}" for end in _span(row.ratios))]
        table.add_row(*cells)
    return table


def _span(values: Times) -> tuple[float, float]:
    return min(values), max(values)


def _draw_parts(parts: Parts) -> Table:
    table = Table(parts.title)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    whole = sum(parts.seconds.values())
    for name, seconds in parts.seconds.items():
        table.add_row(name, format_seconds(seconds), f"{seconds / whole:.0%}")
    table.add_row("together", format_seconds(whole), "", style="bold")
    return table


def _draw_growth(growth: Growth) -> Table:
    first, *others = growth.sizes
    table = Table(Column(growth.title, no_wrap=True), caption=f"time per item, relative to {first:,}")
    for heading in (f"at {first:,}", *(f"{size:,}" for size in others), "exponent"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, times in {**growth.seconds, **growth.asides}.items():
        ratios = [f"{ratio:.2f}" for ratio in growth.ratios(name)[1:]]
        table.add_row(name, format_seconds(times[0] / first), *ratios, f"{growth.exponent(name):.2f}")
    return table


def _draw_figures(figures: Figures) -> Table:
    table = Table(figures.title, Column("found", justify="right"))
    for name, value in figures.values.items():
        table.add_row(name, value)
    return table

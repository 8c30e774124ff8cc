"""Regret curves as pictures: plain SVG, and characters for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from retix.benchmark.standing import Standing

_WIDTH, _HEIGHT = 560, 300
_LEFT, _TOP, _RIGHT, _FOOT = 64, 44, 170, 52
_COLOURS = (
    *("#3b82f6", "#f59e0b", "#10b981", "#ec4899", "#8b5cf6", "#ef4444"),
    *("#14b8a6", "#a3a3a3", "#84cc16", "#6366f1", "#f97316"),
)
_FLOOR = 1e-3
"""Regrets below this are drawn at it: the axis is logarithmic."""

_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #768390; }
  .title { font-size: 14px; font-weight: 600; }
  .grid { stroke: #8b949e; stroke-opacity: 0.25; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  @media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } }
"""

_MARKS = "ox+*#@%&$=~"


class _Axes:
    """Where a budget and a regret lie, between 0 and 1; both logarithmic."""

    def __init__(self, standings: Sequence[Standing]) -> None:
        points = [point for standing in standings for point in standing.curve]
        self.budgets = sorted({budget for budget, _ in points}) or [1]
        top = max((regret for _, regret in points), default=1.0)
        self.top = 10 ** math.ceil(math.log10(max(top, 2 * _FLOOR)))

    def x(self, budget: float) -> float:
        """From left to right."""
        first, last = self.budgets[0], self.budgets[-1]
        return 0.0 if first == last else math.log(budget / first) / math.log(last / first)

    def y(self, regret: float) -> float:
        """From the bottom to the top."""
        return math.log(max(regret, _FLOOR) / _FLOOR) / math.log(self.top / _FLOOR)

    @property
    def decades(self) -> list[float]:
        """The regrets that have a line."""
        return [_FLOOR * 10**step for step in range(round(math.log10(self.top / _FLOOR)) + 1)]


def draw_regrets(standings: Sequence[Standing]) -> str:
    """The median regret of each strategy over its budget, as SVG that can be read on light and on dark pages."""
    axes = _Axes(standings)
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _FOOT
    title = "Median regret: accuracy below the best network of the table"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="{_LEFT}" y="24">{title}</text>',
        f'<g transform="translate({_LEFT} {_TOP})">',
        *_draw_axes(axes),
    ]
    for index, standing in enumerate(standings):
        lines += _draw_line(axes, standing, _COLOURS[index % len(_COLOURS)], 8 + 20 * index)
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _draw_axes(axes: _Axes) -> Iterator[str]:
    for regret in axes.decades:
        y = _HEIGHT * (1 - axes.y(regret))
        yield f'<line class="grid" x1="0" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}"/>'
        yield f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{regret:g}</text>'
    for budget in axes.budgets:
        x = _WIDTH * axes.x(budget)
        yield f'<line class="grid" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{_HEIGHT}"/>'
        yield f'<text x="{x:.1f}" y="{_HEIGHT + 18}" text-anchor="middle">{budget}</text>'
    yield f'<text x="{_WIDTH / 2}" y="{_HEIGHT + 40}" text-anchor="middle">training spent, in whole trainings</text>'


def _draw_line(axes: _Axes, standing: Standing, colour: str, y: int) -> Iterator[str]:
    points = [(_WIDTH * axes.x(budget), _HEIGHT * (1 - axes.y(regret))) for budget, regret in standing.curve]
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline class="line" stroke="{colour}" points="{text}"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
    yield f'<rect x="{_WIDTH + 24}" y="{y - 4}" width="14" height="4" rx="2" fill="{colour}"/>'
    yield f'<text x="{_WIDTH + 44}" y="{y + 2}">{standing.name}</text>'


def chart_regrets(standings: Sequence[Standing], width: int = 60, height: int = 16) -> str:
    """The same in characters: one mark per strategy, budgets to the right and regret upwards, both logarithmic."""
    axes = _Axes(standings)
    canvas = [[" "] * width for _ in range(height)]
    for index, standing in enumerate(standings):
        for budget, regret in standing.curve:
            row = height - 1 - round(axes.y(regret) * (height - 1))
            canvas[row][round(axes.x(budget) * (width - 1))] = _MARKS[index % len(_MARKS)]
    labels = {height - 1 - round(axes.y(regret) * (height - 1)): f"{regret:g}" for regret in axes.decades}
    lines = [f"{labels.get(row, ''):>7} |{''.join(cells)}" for row, cells in enumerate(canvas)]
    scale = [" "] * (width + 6)
    for budget in axes.budgets:
        place, text = round(axes.x(budget) * (width - 1)), str(budget)
        if all(cell == " " for cell in scale[max(0, place - 1) : place + len(text) + 1]):
            scale[place : place + len(text)] = text
    legend = "   ".join(f"{_MARKS[index % len(_MARKS)]} {standing.name}" for index, standing in enumerate(standings))
    axis = f"{'':>7} +{'-' * width}"
    return "\n".join([*lines, axis, f"{'':>9}{''.join(scale).rstrip()}  whole trainings", "", f"{'':>9}{legend}"])

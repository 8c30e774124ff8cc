"""A growth as a picture: plain SVG, readable on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks.report import Growth

_WIDTH, _HEIGHT = 420, 230
_LEFT, _TOP, _GAP, _FOOT = 44, 64, 40, 52
_TOP_RATIO, _STEP = 2.0, 0.5
_COLOURS = ("#3b82f6", "#f59e0b", "#10b981", "#ec4899", "#8b5cf6")  # on white and on black alike

_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #768390; }
  .title { font-size: 14px; font-weight: 600; }
  .axis { stroke: #8b949e; stroke-width: 1; }
  .grid { stroke: #8b949e; stroke-opacity: 0.25; }
  .ideal { stroke: #8b949e; stroke-dasharray: 4 4; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  @media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } }
"""


def draw_growths(title: str, growths: Sequence[Growth]) -> str:
    """Side by side, for each growth a panel: nodes from left to right, the ratio of the times per node upwards.

    Args:
        title: Stands above.
        growths: Of the same pieces of work, at most five.

    Returns:
        The SVG. Work that grows in proportion stays on the dashed line at 1; ratios above 2 are cut off.
    """
    width = _LEFT + len(growths) * (_WIDTH + _GAP)
    height = _TOP + _HEIGHT + _FOOT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="{_LEFT}" y="20">{title}</text>',
        *_draw_legend(tuple(growths[0].seconds)),
    ]
    for index, growth in enumerate(growths):
        lines += [f'<g transform="translate({_LEFT + index * (_WIDTH + _GAP)} {_TOP})">', *_draw_panel(growth), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def _draw_legend(names: Sequence[str]) -> Iterator[str]:
    x = _LEFT
    for name, colour in zip(names, _COLOURS, strict=False):
        yield f'<rect x="{x}" y="34" width="14" height="4" rx="2" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="40">{name}</text>'
        x += 44 + 7 * len(name)


def _draw_panel(growth: Growth) -> Iterator[str]:
    for step in range(round(_TOP_RATIO / _STEP) + 1):
        ratio = step * _STEP
        y = _place_ratio(ratio)
        yield f'<line class="{"ideal" if ratio == 1 else "grid"}" x1="0" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}"/>'
        yield f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{ratio:g}</text>'
    yield f'<line class="axis" x1="0" y1="{_HEIGHT}" x2="{_WIDTH}" y2="{_HEIGHT}"/>'
    for size in growth.sizes:
        x = _place_size(size, growth)
        yield f'<line class="axis" x1="{x:.1f}" y1="{_HEIGHT}" x2="{x:.1f}" y2="{_HEIGHT + 5}"/>'
        yield f'<text x="{x:.1f}" y="{_HEIGHT + 20}" text-anchor="middle">{size // 1000}k</text>'
    yield f'<text x="{_WIDTH / 2}" y="{_HEIGHT + 42}" text-anchor="middle">nodes, {growth.title}</text>'
    for name, colour in zip(growth.seconds, _COLOURS, strict=False):
        ratios = zip(growth.sizes, growth.ratios(name), strict=True)
        places = [(_place_size(size, growth), _place_ratio(ratio)) for size, ratio in ratios]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline class="line" stroke="{colour}" points="{points}"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)


def _place_size(size: int, growth: Growth) -> float:
    first, last = growth.sizes[0], growth.sizes[-1]
    return _WIDTH * math.log(size / first) / math.log(last / first)


def _place_ratio(ratio: float) -> float:
    return _HEIGHT * (1 - min(ratio, _TOP_RATIO) / _TOP_RATIO)

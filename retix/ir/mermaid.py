"""A drawing in the language of Mermaid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from retix.ir.drawing import Arrow, Box, Drawing, Frame

_SHAPES = {
    "input": ("([", "])"),
    "output": ("([", "])"),
    "node": ("[", "]"),
    "choice": ("{{", "}}"),
    "control": ("{", "}"),
}

# What means something in Mermaid's labels, or in the HTML that they become.
_ESCAPES = {ord(c): f"#{ord(c)};" for c in '"#&<>`\\'} | {ord("\n"): " "}


def write_mermaid(drawing: Drawing) -> str:
    """The drawing as a flowchart; cells and branches are subgraphs, open choices are dashed."""
    names = {path: f"n{number}" for number, path in enumerate(_box_paths(drawing.frame))}
    frames = {path: f"c{number}" for number, path in enumerate(_frame_paths(drawing.frame))}
    lines = [
        "flowchart TB",
        *_write_parts(drawing.frame, "  ", names, frames),
        *(f"  {_write_arrow(arrow, names)}" for arrow in drawing.arrows),
        "  classDef choice stroke:#b35900,stroke-width:2px,stroke-dasharray:5 3",
    ]
    return "\n".join(lines) + "\n"


def _box_paths(frame: Frame) -> Iterator[str]:
    for part in frame.parts:
        if isinstance(part, Box):
            yield part.path
        else:
            yield from _box_paths(part)


def _frame_paths(frame: Frame) -> Iterator[str]:
    for part in frame.parts:
        if isinstance(part, Frame):
            yield part.path
            yield from _frame_paths(part)


def _write_parts(frame: Frame, indent: str, names: Mapping[str, str], frames: Mapping[str, str]) -> Iterator[str]:
    for part in frame.parts:
        if isinstance(part, Box):
            before, behind = _SHAPES[part.kind]
            mark = ":::choice" if part.kind == "choice" else ""
            yield f"{indent}{names[part.path]}{before}{_quote(*part.lines)}{behind}{mark}"
        else:
            yield f"{indent}subgraph {frames[part.path]}[{_quote(part.title)}]"
            yield from _write_parts(part, f"{indent}  ", names, frames)
            yield f"{indent}end"


def _write_arrow(arrow: Arrow, names: Mapping[str, str]) -> str:
    label = f"|{_quote(arrow.label)}|" if arrow.label else ""
    return f"{names[arrow.source]} {'-.->' if arrow.back else '-->'}{label} {names[arrow.target]}"


def _quote(*lines: str) -> str:
    return '"' + "<br/>".join(line.translate(_ESCAPES) for line in lines) + '"'

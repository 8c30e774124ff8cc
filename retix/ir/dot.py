"""A drawing in the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from retix.ir.drawing import Arrow, Box, Drawing, Frame

_STYLES = {
    "input": 'shape=ellipse, style=""',
    "output": 'shape=ellipse, style=""',
    "node": "",
    "choice": 'style="rounded,dashed,bold", color="#b35900"',
    "control": 'shape=diamond, style=""',
}


def write_dot(drawing: Drawing) -> str:
    """The drawing as text for ``dot``; cells and branches are clusters, open choices are dashed."""
    lines = [
        f"digraph {_quote(drawing.frame.title)} {{",
        '  node [shape=box, style=rounded, fontname="Helvetica", fontsize=10];',
        '  edge [fontname="Helvetica", fontsize=8];',
        *_write_parts(drawing.frame, "  "),
        *(f"  {_write_arrow(arrow)}" for arrow in drawing.arrows),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _write_parts(frame: Frame, indent: str) -> Iterator[str]:
    for part in frame.parts:
        if isinstance(part, Box):
            yield f"{indent}{_write_box(part)}"
        else:
            yield f"{indent}subgraph {_quote(f'cluster{part.path}')} {{"
            yield f"{indent}  label={_quote(part.title)};"
            yield from _write_parts(part, f"{indent}  ")
            yield f"{indent}}}"


def _write_box(box: Box) -> str:
    style = f", {_STYLES[box.kind]}" if _STYLES[box.kind] else ""
    return f"{_quote(box.path)} [label={_quote(*box.lines)}{style}];"


def _write_arrow(arrow: Arrow) -> str:
    options = [f"label={_quote(arrow.label)}"] if arrow.label else []
    options += ["style=dashed, constraint=false"] if arrow.back else []
    written = f" [{', '.join(options)}]" if options else ""
    return f"{_quote(arrow.source)} -> {_quote(arrow.target)}{written};"


def _quote(*lines: str) -> str:
    escaped = [" ".join(line.split("\n")).replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'

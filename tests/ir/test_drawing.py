"""What drawings show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

from retix.errors import GraphError
from retix.ir import Call, Cell, Constant, Function, Graph, Loop, Model
from retix.ir.drawing import Box, Drawing, Frame, draw
from tests.ir.models import make_chain, make_if_model, make_model, make_rich_model
from tests.ir.random_models import models, unhurried


def make_cells() -> Model:
    """A root that calls the same cell twice; the cell calls another."""
    root, middle = make_chain("Linear"), make_chain("ReLU", name="middle")
    for graph, target, count in ((root, "middle", 2), (middle, "inner", 1)):
        graph.add_member(target, Cell(target))
        value = graph.result.args[0]
        for _ in range(count):
            value = graph.add(Call(target), [value], name=target).output
        graph.set_result(value)
    root.inputs[0].shape = (2, 3)
    return make_model(root, middle, make_chain("Conv2d", name="inner"))


def boxes_of(frame: Frame) -> Iterator[Box]:
    """All boxes, also in inner frames."""
    for part in frame.parts:
        yield from [part] if isinstance(part, Box) else boxes_of(part)


def frames_of(frame: Frame) -> Iterator[Frame]:
    """The frame and those inside of it."""
    yield frame
    for part in frame.parts:
        if isinstance(part, Frame):
            yield from frames_of(part)


def arrows_of(drawing: Drawing) -> list[tuple[str, str]]:
    """Where arrows start and end."""
    return [(arrow.source, arrow.target) for arrow in drawing.arrows]


def test_cells_are_unfolded() -> None:
    """Each call of a cell is a frame of its own, and arrows go through to the nodes inside."""
    drawing = draw(make_cells())
    assert [frame.title for frame in frames_of(drawing.frame)] == [
        *("Net", "middle: Net", "inner: Net", "middle: Net", "inner: Net")
    ]
    assert arrows_of(drawing) == [
        *[("x", "/linear"), ("/linear", "/middle/relu"), ("/middle/relu", "/middle/inner/conv2d")],
        *[("/middle/inner/conv2d", "/middle_1/relu"), ("/middle_1/relu", "/middle_1/inner/conv2d")],
        ("/middle_1/inner/conv2d", "return"),
    ]
    assert [arrow.label for arrow in drawing.arrows] == ["2x3", "", "", "", "", ""]


@pytest.mark.parametrize(("depth", "n_frames"), [(0, 1), (1, 3), (2, 5), (None, 5)])
def test_depth(depth: int | None, n_frames: int) -> None:
    """Below the depth, a cell is a box."""
    drawing = draw(make_cells(), depth=depth)
    assert len(list(frames_of(drawing.frame))) == n_frames
    folded = [box for box in boxes_of(drawing.frame) if box.lines[-1].startswith("cell ")]
    assert bool(folded) == (depth in (0, 1))


def test_one_graph() -> None:
    """Another graph than the root can be drawn; one that does not exist is an error."""
    assert [box.path for box in boxes_of(draw(make_cells(), graph="inner").frame)] == ["x", "/conv2d", "return"]
    with pytest.raises(GraphError, match="no graph 'nope'"):
        draw(make_cells(), graph="nope")


def test_branches() -> None:
    """The condition goes to the `If`, values to the branches, and both results on to where they are taken."""
    drawing = draw(make_if_model())
    assert [frame.title for frame in frames_of(drawing.frame)] == ["Net", "then", "else"]
    assert arrows_of(drawing) == [
        *[("x", "/conv"), ("/training", "/chosen"), ("/conv", "/chosen:then/conv")],
        *[("/chosen", "/chosen:then/conv"), ("/conv", "/chosen:else/fc"), ("/chosen", "/chosen:else/fc")],
        *[("/chosen:then/conv", "return"), ("/chosen:else/fc", "return")],
    ]


def test_loops() -> None:
    """What a loop takes goes to its head, which its body takes from and hands results back to."""
    graph = make_chain()
    body = Graph("net:body", "Net", region_of="net")
    _, x = body.add_input("i"), body.add_input("x")
    body.set_result((True, body.add(Function("aten::relu"), [x], name="relu").output))
    graph.set_result(graph.add(Loop("net:body", 1), [3, True, graph.inputs[0]], name="loop").output)
    drawing = draw(make_model(graph, body))
    head = next(box for box in boxes_of(drawing.frame) if box.path == "/loop")
    assert (head.lines, head.kind) == (("repeat 3",), "control")
    assert [(a.source, a.target, a.back) for a in drawing.arrows] == [
        *[("x", "/loop", False), ("/loop", "/loop:body/relu", False)],
        *[("/loop:body/relu", "/loop", True), ("/loop", "return", False)],
    ]


def test_open_choices_are_marked() -> None:
    """A layer, an input or an argument that is open is marked, with its label and what there is to choose from."""
    boxes = {box.path: box for box in boxes_of(draw(make_rich_model()).frame) if box.kind == "choice"}
    assert {path: box.lines for path, box in boxes.items()} == {
        "/choice": ("choice", "0: cell cell", "skip: Identity()", "choice op: 0 | skip"),
        "/picked": ("any of 2 inputs, mean", "choice inputs: 0 | 1"),
        "/selected": ("inputs where {first}, True, sum", "choice first: True | False"),
        "/x": ("drop", "Dropout({rate})", "choice rate: 0.1 | 0.5"),
    }


def test_long_text_is_cut() -> None:
    """A box stays readable whatever its arguments are."""
    graph = make_chain()
    graph.add(Constant(), [list(range(100))], name="many")
    box = next(box for box in boxes_of(draw(make_model(graph)).frame) if box.path == "/many")
    assert len(box.lines[0]) == 60
    assert box.lines[0].endswith("…")


@unhurried
@given(models())
def test_arrows_join_boxes(model: Model) -> None:
    """In any model paths are unique, and every arrow goes from one box to another."""
    drawing = draw(model)
    paths = [box.path for box in boxes_of(drawing.frame)]
    assert len(set(paths)) == len(paths)
    assert {path for arrow in arrows_of(drawing) for path in arrow} <= set(paths)
    assert draw(model) == drawing

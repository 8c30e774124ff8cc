"""How wide the vertices of a NAS-Bench-101 cell are; pure arithmetic that expressions call."""

from __future__ import annotations

from collections.abc import Sequence


def prune(num_nodes: int, inputs: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """The edges that lie on a way from the first vertex to the last, as each vertex's sources.

    Args:
        num_nodes: How many vertices there are, the first (the input) and the last (the output) included.
        inputs: The sources of the vertices 1, 2, ...; more than there are vertices do no harm.
    """
    from_input, to_output = {0}, {num_nodes - 1}
    for vertex in range(1, num_nodes):
        if from_input.intersection(inputs[vertex - 1]):
            from_input.add(vertex)
    for vertex in range(num_nodes - 1, 0, -1):
        if vertex in to_output:
            to_output.update(inputs[vertex - 1])
    live = from_input & to_output
    return {vertex: [s for s in inputs[vertex - 1] if s in live] for vertex in range(1, num_nodes) if vertex in live}


def takes_part(vertex: int, num_nodes: int, *inputs: Sequence[int]) -> bool:
    """Whether a vertex lies on a way from the first vertex to the last; see `prune`."""
    return vertex in prune(num_nodes, inputs)


def vertex_width(vertex: int, in_features: int, out_features: int, num_nodes: int, *inputs: Sequence[int]) -> int:
    """The features of a vertex: those of the output are shared out among the vertices that feed it.

    A vertex that feeds only others is as wide as the widest of them. Vertices that do not take part get
    ``out_features``. Source: Ying et al., https://arxiv.org/abs/1902.09635, and its published code.

    Args:
        vertex: The vertex, which is neither the first nor the last.
        in_features: Features of the cell's input.
        out_features: Features of the cell's output.
        num_nodes: See `prune`.
        inputs: See `prune`.
    """
    sources = prune(num_nodes, inputs)
    last = [source for source in sources.get(num_nodes - 1, []) if source != 0]
    if vertex not in sources or vertex == num_nodes - 1 or not last:
        return out_features
    share, rest = divmod(out_features, len(last))
    widths = {each: share + (rank < rest) for rank, each in enumerate(sorted(last))}
    for each in range(num_nodes - 2, 0, -1):
        if each in sources and each not in widths:
            widths[each] = max(widths[taker] for taker in widths if each in sources[taker])
    return widths[vertex]

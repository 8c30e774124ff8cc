"""Arguments of layers that choices computed, checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retix.codegen.outline import Outline
from retix.errors import GenerationError
from retix.ir import Call, Cell, Graph, Model, Module

_CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride")
_RECURRENT = ("input_size", "hidden_size", "num_layers")
_POSITIONS: Mapping[str, tuple[str, ...]] = {
    **{f"Conv{n}d": _CONVOLUTION for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _CONVOLUTION for n in (1, 2, 3)},
    **{f"{kind}Pool{n}d": ("kernel_size",) for kind in ("Max", "Avg") for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": ("num_features",) for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": ("num_features",) for n in (1, 2, 3)},
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _RECURRENT),
    **dict.fromkeys(("LSTMCell", "GRUCell", "RNNCell"), _RECURRENT[:2]),
    "Linear": ("in_features", "out_features"),
    "Bilinear": ("in1_features", "in2_features", "out_features"),
    "GroupNorm": ("num_groups", "num_channels"),
    "LayerNorm": ("normalized_shape",),
    "RMSNorm": ("normalized_shape",),
    "Embedding": ("num_embeddings", "embedding_dim"),
    "EmbeddingBag": ("num_embeddings", "embedding_dim"),
    "MultiheadAttention": ("embed_dim", "num_heads"),
    "TransformerEncoderLayer": ("d_model", "nhead", "dim_feedforward"),
    "TransformerDecoderLayer": ("d_model", "nhead", "dim_feedforward"),
}
"""The arguments of torch's layers that count something, in the order in which they are given."""

_COUNTS = {name for names in _POSITIONS.values() for name in names} | {"groups", "dilation"}


def check_settings(model: Model) -> None:
    """Refuse layers that are made with a count that is no positive integer, as arithmetic on choices may give.

    torch makes a layer of 0 channels without a word, and one of 8.0 channels fails in the middle of a trial.

    Raises:
        GenerationError: There is one; the message names the layer, the line that calls it and the sample.
    """
    if not model.history:
        return  # what the user wrote has run already
    for graph in model.graphs.values():
        known = graph.outline
        if isinstance(known, Outline) and known.is_sound:
            continue
        for name, member in graph.members.items():
            if isinstance(member.op, Module) and member.op.type.startswith("torch.nn."):
                for argument, value in _counts(member.op):
                    if not _is_count(value):
                        raise _refuse(model, graph, name, argument, value)
        if isinstance(known, Outline):
            known.is_sound = True


def _counts(module: Module) -> Iterator[tuple[str, Any]]:
    names = _POSITIONS.get(module.type.rpartition(".")[2])
    if names is None:
        return
    yield from zip(names, module.args, strict=False)
    for name, value in module.kwargs.items():
        if name in _COUNTS:
            yield name, value


def _is_count(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_count, value))
    # what is neither a number nor a list of numbers is not for this check
    return type(value) not in (int, float) or (type(value) is int and value > 0)


def _refuse(model: Model, graph: Graph, name: str, argument: str, value: Any) -> GenerationError:
    owner = model.graphs[graph.region_of or graph.name]
    layer = owner.members[name].op
    path = _path_of(model, owner.name, name)
    calls = (
        node.location
        for part in model.graphs.values()
        if part is owner or part.region_of == owner.name
        for node in part.nodes
        if isinstance(node.op, Call) and node.op.target == name
    )
    sample = {label: answer for mutation in model.history for label, answer in mutation.choices}
    kind = layer.type if isinstance(layer, Module) else "layer"
    return GenerationError(
        f"{path} would be a {kind} with {argument}={value!r}, which is no positive integer",
        where=next((place for place in calls if place is not None), None),
        why=f"that is what its choices come to in the sample {sample}",
        fix="round up, as in nn.ValueChoice.max(1, nn.ValueChoice.to_int(x * 0.5)), leave the candidate out, or "
        "declare a retix.constraint that excludes it",
    )


def _path_of(model: Model, graph: str, name: str) -> str:
    """The dotted path of a member in the whole model."""
    pending = [(model.root_name, "")]
    seen: set[str] = set()
    while pending:
        current, prefix = pending.pop()
        if current == graph:
            return f"{prefix}{name}"
        if current not in seen:
            seen.add(current)
            members = model.graphs[current].members.items()
            pending += [(m.op.graph, f"{prefix}{key}.") for key, m in members if isinstance(m.op, Cell)]
    return name

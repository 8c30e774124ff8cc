"""Merging of steps that compute the same from the same."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from retix.ir.effect import Effects
from retix.ir.graph import Graph
from retix.ir.literal import format_literal
from retix.ir.node import Node, Value, map_values
from retix.ir.op import Attribute, Call, Cell, Function, If, Loop, MemberOp, Module, Symbol
from retix.ir.passes.number import OPERATORS

if TYPE_CHECKING:
    from retix.ir.model import Model

_PYTHON = {
    *OPERATORS,
    "pow",
    "and",
    "or",
    "is",
    "isnot",
    "contains",
    "len",
    "getitem",
    "getattr",
    "unpack",
    "device",
    "dtype",
}

IMPURE_OPERATORS = frozenset(
    {
        # random
        *("alpha_dropout", "bernoulli", "binomial", "cauchy", "dropout", "exponential", "feature_alpha_dropout"),
        *("feature_dropout", "geometric", "gru", "log_normal", "lstm", "miopen_rnn", "multinomial", "native_dropout"),
        *("normal", "normal_functional", "poisson", "rand", "rand_like", "randint", "randint_like", "randn"),
        *("randn_like", "random", "randperm", "rnn_relu", "rnn_tanh", "rrelu", "rrelu_with_noise"),
        *("rrelu_with_noise_functional", "scaled_dot_product_attention", "uniform"),
        # what is in the memory
        *("empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"),
        # statistics are updated by every call
        *("batch_norm", "cudnn_batch_norm", "instance_norm", "miopen_batch_norm", "native_batch_norm"),
    }
)
"""Operators of torch two calls of which are not one, beside those whose names begin or end with an underscore."""

_PURE_LAYERS = frozenset(
    {
        *("Identity", "Flatten", "Unflatten", "Linear", "Bilinear", "Conv1d", "Conv2d", "Conv3d"),
        *("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "LayerNorm", "GroupNorm", "RMSNorm"),
        *("LocalResponseNorm", "ReLU", "ReLU6", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "LeakyReLU", "PReLU"),
        *("Hardtanh", "Hardswish", "Hardsigmoid", "Hardshrink", "Softshrink", "Tanhshrink", "Softplus", "Softsign"),
        *("Sigmoid", "LogSigmoid", "Tanh", "Threshold", "Softmax", "Softmin", "Softmax2d", "LogSoftmax", "GLU"),
        *("MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d"),
        *("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d"),
        *("AdaptiveMaxPool3d", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle", "Upsample", "ZeroPad2d"),
        *("ReflectionPad2d", "ReplicationPad2d", "ConstantPad2d", "CosineSimilarity"),
    }
)
"""Layers of ``torch.nn`` that draw nothing, keep nothing, and do the same in every mode."""


_NUMBERS = {"size", "dim", "numel"}


def merge_equal(model: Model) -> bool:
    """Let steps that compute the same from the same inputs be one step.

    Only where outputs stay exactly equal: operators and layers that draw no random numbers and keep nothing (so no
    dropout, no batch norm), calls of one and the same layer, and no graph in which anything is changed in place. What
    is returned, or shares memory with it, is left alone: the caller may change it. Gradients are equal up to rounding,
    since one step is differentiated where two were.

    Returns:
        Whether anything changed.
    """
    effects, purity = Effects(model), _Purity(model)
    # found first: the graphs must not change while effects are looked up
    found = {
        name: pairs
        for name, graph in model.graphs.items()
        if not effects.has_effects(graph) and (pairs := _find_pairs(graph, purity, _find_returned(graph, effects)))
    }
    for name, pairs in found.items():
        nodes = {node.name: node for node in model.graph(name).nodes}
        for kept, dropped in pairs:
            for value, other in zip(nodes[dropped].outputs, nodes[kept].outputs, strict=True):
                value.replace_by(other)
            nodes[dropped].remove()
    return bool(found)


def _find_pairs(graph: Graph, purity: _Purity, returned: set[Node]) -> list[tuple[str, str]]:
    """Names of nodes that compute the same, in order: the one that stays, and the one that goes."""
    first: dict[Hashable, Node] = {}
    same: dict[Value, Value] = {}
    pairs = []
    for node in graph.nodes:
        if node in returned or not purity.of(node):
            continue
        known = first.setdefault(_find_key(node, same), node)
        if known is not node:
            same.update(zip(node.outputs, known.outputs, strict=True))
            pairs.append((known.name, node.name))
    return pairs


def _find_key(node: Node, same: dict[Value, Value]) -> Hashable:
    """What is equal for nodes that compute the same; literals by their text, which tells 1, 1.0 and True apart."""
    named = sorted(node.kwargs.items())
    given = map_values((node.args, named), lambda value: Symbol(f"%{same.get(value, value).name}"))
    return node.op, format_literal(given), len(node.outputs)


def _find_returned(graph: Graph, effects: Effects) -> set[Node]:
    """The nodes whose values may share memory with what the graph returns; numbers share none."""
    found: set[Node] = set()
    frontier = list(graph.result.inputs)
    while frontier:
        node = frontier.pop().producer
        if node is None or node in found or _is_number(node):
            continue
        found.add(node)
        source = effects.memory_of(node)
        frontier += node.inputs if source is None else source
    return {node for node in found if not isinstance(node.op, Attribute)}  # read twice, a tensor is the same tensor


def _is_number(node: Node) -> bool:
    return isinstance(node.op, Function) and node.op.name.removeprefix("aten::") in _NUMBERS


class _Purity:
    """Which nodes of a model give the same whenever they are given the same, and do nothing else."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._of_graph: dict[str, bool] = {}

    def of(self, node: Node) -> bool:
        match node.op:
            case Function(name):
                return _is_pure_operator(name)
            case Call(target):
                owner = self._model.graphs.get(node.graph.region_of or "", node.graph)
                return self._of_member(owner.members[target].op)
            case If(then, otherwise):
                return self._of(then) and self._of(otherwise)
            case Loop(body):
                return self._of(body)
        return isinstance(node.op, Attribute)

    def _of(self, name: str) -> bool:
        if name not in self._of_graph:
            self._of_graph[name] = all(map(self.of, self._model.graphs[name].nodes))
        return self._of_graph[name]

    def _of_member(self, op: MemberOp) -> bool:
        if isinstance(op, Cell):
            return self._of(op.graph)
        return isinstance(op, Module) and op.type.removeprefix("torch.nn.") in _PURE_LAYERS


def _is_pure_operator(operator: str) -> bool:
    kind, _, name = operator.partition("::")
    if kind == "python":
        return name in _PYTHON
    return kind == "aten" and not name.startswith("_") and not name.endswith("_") and name not in IMPURE_OPERATORS

"""A model as one straight list of steps, cells unfolded, as it runs in eval mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from retix.ir import (
    Attribute,
    Call,
    Cell,
    Constant,
    Function,
    Graph,
    If,
    Loop,
    Member,
    Model,
    Module,
    Node,
    Tensor,
    Value,
    map_values,
)

Key: TypeAlias = tuple[str, ...]
"""Where a step stands: the members that lead to it, then its own member, or ``%`` and the name of its node."""

_TRANSPARENT_LAYERS = {"Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"}
_TRANSPARENT_LAYERS |= {"FeatureAlphaDropout"}
_TRANSPARENT_FUNCTIONS = {"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "contiguous"}
_TRANSPARENT_FUNCTIONS |= {"clone", "detach", "alias"}


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of a program.

    Attributes:
        id: Its number.
        rank: How many axes it has, where that is known.
        shape: Its sizes as captured; true for inputs, and perhaps not for what comes after an edit.
    """

    id: int
    rank: int | None = field(default=None, compare=False)
    shape: tuple[int, ...] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a leaf or an operator.

    Attributes:
        key: Where it stands.
        turn: Counts the calls of one member.
        type: The class of a leaf, the name of an operator, ``attribute``, or ``branches`` for control flow.
        op: The leaf or parameter; None for what has no state.
        base: The path of its state in the base model; None if it has none there.
        args: Positional arguments, with `Ref` for values.
        kwargs: Keyword arguments.
        outputs: What it computes.
        text: For control flow: what the branches do.
        inner: For control flow: the leaves and parameters that are used inside.
    """

    key: Key
    turn: int
    type: str
    op: Module | Tensor | None
    base: str | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[Ref, ...]
    text: str = ""
    inner: tuple[Step, ...] = ()

    @property
    def inputs(self) -> list[Ref]:
        """The values among its arguments, in order, each as often as it is taken."""
        return list(find_refs((self.args, self.kwargs)))

    @property
    def place(self) -> tuple[Key, int]:
        """What tells it from other steps of its program."""
        return self.key, self.turn


@dataclass(slots=True)
class Program:
    """A model's steps.

    Attributes:
        inputs: What the model takes.
        steps: In the order in which they run.
        result: What it returns, with `Ref` for values.
        leaves: The keys of the steps that have a member of their own.
    """

    inputs: tuple[Ref, ...] = ()
    steps: list[Step] = field(default_factory=list)
    result: Any = None
    leaves: set[Key] = field(default_factory=set)

    @property
    def overwrites(self) -> bool:
        """Whether a step changes in place what other steps take too, so that the order of steps matters."""
        uses: dict[int, int] = {ref.id: 1 for ref in find_refs(self.result)}
        for step in self.steps:
            for ref in {ref.id for ref in step.inputs}:
                uses[ref] = uses.get(ref, 0) + 1
        return any(step.inputs and uses[step.inputs[0].id] > 1 for step in self.steps if _is_inplace(step))


def unfold(model: Model) -> Program:
    """The steps of a model, all of whose choices are made."""
    return _Unfolder(model).unfold()


def find_refs(argument: Any) -> Iterator[Ref]:
    """Yield the values in an argument, also inside lists, tuples, dicts and slices."""
    if isinstance(argument, Ref):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from find_refs(item)
    elif isinstance(argument, Mapping):
        for item in argument.values():
            yield from find_refs(item)
    elif isinstance(argument, slice):
        yield from find_refs((argument.start, argument.stop, argument.step))


def freeze(argument: Any, name: Callable[[Ref], Any]) -> Any:
    """An argument as something that can be compared and hashed, each value replaced by what ``name`` gives."""
    if isinstance(argument, Ref):
        return ("value", name(argument))
    if isinstance(argument, (list, tuple)):
        return tuple(freeze(item, name) for item in argument)
    if isinstance(argument, Mapping):
        return tuple((key, freeze(item, name)) for key, item in argument.items())
    if isinstance(argument, slice):
        return ("slice", *(freeze(item, name) for item in (argument.start, argument.stop, argument.step)))
    return (type(argument).__name__, repr(argument))


def short_name(type_name: str) -> str:
    """The name of a layer of torch, or of an operator, without its package; others as they are."""
    for package in ("torch.nn.", "aten::"):
        if type_name.startswith(package):
            return type_name.removeprefix(package)
    return type_name


class _Unfolder:
    """Walks graphs and notes the steps."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._program = Program()
        self._count = 0
        self._turns: dict[Key, int] = {}

    def unfold(self) -> Program:
        root = self._model.graphs[self._model.root_name]
        self._program.inputs = tuple(self._make_ref(value) for value in root.inputs)
        self._program.result = self._run(root, list(self._program.inputs), (), "")
        return self._program

    def _make_ref(self, value: Value) -> Ref:
        self._count += 1
        return Ref(self._count, None if value.shape is None else len(value.shape), value.shape)

    def _run(self, graph: Graph, given: list[Any], path: Key, base: str | None) -> Any:
        """Note the steps of a graph whose inputs are ``given``, and give its result."""
        known: dict[Value, Any] = dict(zip(graph.inputs, given, strict=False))
        for node in graph.nodes:
            self._note(node, known, path, base)
        return map_values(graph.result.args[0], known.__getitem__) if graph.result.args else None

    def _note(self, node: Node, known: dict[Value, Any], path: Key, base: str | None) -> None:
        args = map_values(node.args, lambda value: known.get(value))
        kwargs = map_values(dict(node.kwargs), lambda value: known.get(value))
        match node.op:
            case Constant():
                results: Any = args[0] if args else None
            case Attribute(target="training"):
                results = False
            case Attribute(target=target):
                results = self._take(node, target, node.graph.scope.members.get(target), args, kwargs, path, base)
            case Call(target=target):
                results = self._take(node, target, node.member, args, kwargs, path, base)
            case Function(name=name) if short_name(name).removesuffix("_") in _TRANSPARENT_FUNCTIONS:
                results = args[0]
            case If(then=then, otherwise=otherwise) if isinstance(args[0], bool):
                branch = self._model.graphs[then if args[0] else otherwise]
                results = self._run(branch, list(args[1:]), path, base)
            case If() | Loop():
                results = self._take_branches(node, args, kwargs, path, base)
            case _:
                results = self._add(node, (*path, f"%{node.name}"), node.type, None, None, args, kwargs)
        if len(node.outputs) == 1:
            known[node.outputs[0]] = results
        else:
            known.update(zip(node.outputs, results if isinstance(results, (list, tuple)) else (), strict=False))

    def _take(
        self, node: Node, target: str, member: Member | None, args: Any, kwargs: Any, path: Key, base: str | None
    ) -> Any:
        """Call a member, or read a parameter."""
        parts = self._find_parts(node.graph.scope, target, member)
        for name, part in parts[:-1]:
            path, base = (*path, name), _join(base, part)
        last, found = parts[-1]
        key, own = (*path, last), _join(base, found)
        op = found.op if found is not None else None
        if isinstance(op, Cell):
            return self._run(self._model.graphs[op.graph], list(args), key, own)
        if isinstance(op, Module) and op.type.removeprefix("torch.nn.") in _TRANSPARENT_LAYERS:
            return args[0]
        kind = op.type if isinstance(op, Module) else "attribute"
        self._program.leaves.add(key)
        return self._add(node, key, kind, op if isinstance(op, (Module, Tensor)) else None, own, args, kwargs)

    def _find_parts(self, scope: Graph, target: str, member: Member | None) -> list[tuple[str, Member | None]]:
        """The members that lead from a graph to ``target``, which may be a part of a cell."""
        member = member or scope.members.get(target)
        inner = None if member is not None else scope.find_cell(target)
        if inner is None:
            return [(target, member)]
        cell = scope.members[inner[0]]
        assert isinstance(cell.op, Cell), "it was found as a cell"
        return [(inner[0], cell), *self._find_parts(self._model.graphs[cell.op.graph], inner[1], None)]

    def _take_branches(self, node: Node, args: Any, kwargs: Any, path: Key, base: str | None) -> Any:
        """Control flow that depends on data: one step, of which only is known whether it is the same elsewhere."""
        op = node.op
        branches = [op.then, op.otherwise] if isinstance(op, If) else [op.body] if isinstance(op, Loop) else []
        texts: list[Any] = [type(op).__name__]
        inner: list[Step] = []
        for name in branches:
            other = _Unfolder(self._model)
            graph = self._model.graphs[name]
            given = [other._make_ref(value) for value in graph.inputs]
            result = other._run(graph, given, path, base)
            steps = other._program.steps
            self._program.leaves |= other._program.leaves
            texts.append([_describe(step) for step in steps] + [freeze(result, lambda ref: ref.id)])
            inner += [leaf for step in steps for leaf in (step, *step.inner) if leaf.op is not None]
        key = (*path, f"%{node.name}")
        return self._add(node, key, "branches", None, None, args, kwargs, repr(texts), tuple(inner))

    def _add(
        self,
        node: Node,
        key: Key,
        kind: str,
        op: Module | Tensor | None,
        base: str | None,
        args: Any,
        kwargs: Any,
        text: str = "",
        inner: tuple[Step, ...] = (),
    ) -> Any:
        turn = self._turns[key] = self._turns.get(key, -1) + 1
        outputs = tuple(self._make_ref(value) for value in node.outputs)
        self._program.steps.append(Step(key, turn, kind, op, base, args, kwargs, outputs, text, inner))
        return outputs[0] if len(outputs) == 1 else outputs


def _describe(step: Step) -> Any:
    return step.key, step.type, repr(step.op), freeze((step.args, step.kwargs), lambda ref: ref.id), step.text


def _join(base: str | None, member: Member | None) -> str | None:
    """The path in the base model of a member of what lies at ``base`` there."""
    if base is None or member is None or member.origin is None:
        return None
    return f"{base}.{member.origin}" if base and member.origin else base or member.origin


def _is_inplace(step: Step) -> bool:
    if step.type.startswith("aten::"):
        return step.type.endswith("_")
    if not isinstance(step.op, Module):
        return step.type == "python::setitem"
    return step.op.kwargs.get("inplace") is True or (True in step.op.args and "ReLU" in step.op.type)

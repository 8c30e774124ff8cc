"""Symbolic runs of modules, one for each call of a module that is no leaf."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch

from retix.converter.asked import Asked, refuse_uncalled, settle_asked
from retix.converter.baked import read_modes
from retix.converter.boundary import is_plain, refuse_plain_result, refuse_result
from retix.converter.candidate import order_arguments
from retix.converter.construction import map_parts, take_apart
from retix.converter.detach import is_in_function
from retix.converter.fx.answers import Answers
from retix.converter.fx.estimate import SOURCE, UNKNOWN, Estimator
from retix.converter.fx.kind import KIND, READ, find_kind, kind_of
from retix.converter.fx.rank import follow_rank, rank_of_layer, returns_tensor
from retix.converter.fx.scope import DETACHED, LOCATION, OPEN, RANK, SCOPE, TENSOR, Node, Scope, map_tree, pick
from retix.converter.fx.symbol import SymbolicValue
from retix.converter.fx.tensors import TensorNames
from retix.converter.fx.torch_calls import TorchCalls
from retix.converter.leaf import is_leaf
from retix.converter.place import find_user_frame
from retix.converter.signature import positional_names
from retix.errors import ConversionError
from retix.ir import Location
from retix.space import Expression


class ScopeTracer(torch.fx.Tracer):
    """Follows forward with symbols, and opens a `Scope` for every module that is no leaf.

    Args:
        root: The module that is captured.

    Attributes:
        mode_was_read: Whether something else than a leaf asked for ``training``.
        estimator: What is known of nodes.
        answers: What Python is told that asks a symbol.
        calls: What calls of torch's functions come to.
    """

    def __init__(self, root: torch.nn.Module) -> None:
        super().__init__()
        self.root = root
        self.mode_was_read = False
        self.estimator = Estimator(root.get_submodule)
        self.answers = Answers(self)
        self.calls = TorchCalls(self)
        self._paths = {module: path for path, module in root.named_modules()}
        self._names = TensorNames(root)
        self._scope = Scope("", torch.fx.Graph())
        self._reads: dict[int, SymbolicValue] = {}
        self._parameters: dict[Callable[..., Any], list[str]] = {}
        self._modes = read_modes()

    @property
    def is_estimating(self) -> bool:
        """Whether what runs now is computed for an estimate, and not recorded."""
        return self.estimator.is_running

    # -- scopes -------------------------------------------------------------------------------------------------

    def run(self, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Follow the outermost forward, called with ``args`` and ``kwargs``, all of which become inputs."""
        scope = self._scope
        kwargs = dict(sorted(kwargs.items(), key=lambda pair: is_plain(pair[1])))  # those with a default come last
        with self.calls:
            entered, named = self._enter_all(forward, args, kwargs, self._enter_outermost)
            result = take_apart(forward(*entered, **named))
            scope.result = map_parts(self._argument, result)
        self._check_result(result)
        return scope

    def _enter_outermost(self, name: str, item: Any) -> Any:
        """An example input, or one that is not known, as a symbol; plain values are what they are."""
        if is_plain(item):
            place = len(self._scope.names) + len(self._scope.constants)
            self._scope.constants.append((place, name, item))
            return item
        return self._add_input(name, item)

    def _check_result(self, result: Any) -> None:
        found: list[Any] = []
        map_parts(found.append, result)
        for item in found:
            if not isinstance(item, (SymbolicValue, torch.Tensor)) and not is_plain(item):
                raise refuse_result(item, self.root)
        if all(map(is_plain, found)):
            raise refuse_plain_result(result, self.root)

    def call_module(
        self, m: torch.nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record the call of a module; see `torch.fx.Tracer`."""
        path = self._paths[m]
        if is_leaf(m):
            given, named = map_tree(_ask_uncalled, order_arguments(m, args, kwargs))
            called = self.record("call_module", path, given, named)
            rank = rank_of_layer(m, called.node)
            if rank is not None:
                called.node.meta[RANK] = rank
            called.node.meta[OPEN] = not returns_tensor(m)
            return called
        location = find_user_frame(sys._getframe(1))
        scope = self._open(path, forward, args, kwargs)
        given = [node.meta[SOURCE] for node in scope.graph.nodes if node.op == "placeholder"]
        call = self.add("call_module", path, tuple(given), {}, location)
        call.meta[SCOPE] = scope
        return map_tree(lambda item: self._hand_on(item, call, scope), scope.result)

    def _open(self, path: str, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        outer, reads = self._scope, self._reads
        scope = self._scope = Scope(path, torch.fx.Graph())
        self._reads = {}
        try:
            entered, named = self._enter_all(forward, args, kwargs, self._enter)
            scope.result = self.argument(forward(*entered, **named))
        finally:
            self._scope, self._reads = outer, reads
        return scope

    def _enter_all(
        self,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        enter: Callable[[str, Any], Any],
    ) -> tuple[list[Any], dict[str, Any]]:
        names = self._find_names(forward)
        entered = [enter(names[i] if i < len(names) else "x", item) for i, item in enumerate(args)]
        return entered, {name: enter(name, item) for name, item in kwargs.items()}

    def _find_names(self, forward: Callable[..., Any]) -> list[str]:
        """The parameters of a forward; most models call many modules of few classes."""
        function = getattr(forward, "__func__", forward)
        if function not in self._parameters:
            names = positional_names(function)
            self._parameters[function] = names if function is forward else names[1:]
        return self._parameters[function]

    def _enter(self, name: str, given: Any) -> Any:
        """``given`` with an input of the scope in the place of each symbol and tensor."""

        def enter(item: Any) -> Any:
            return self._add_input(name, item.node) if isinstance(item, SymbolicValue) else item

        return map_tree(enter, given)

    def _add_input(self, name: str, source: Any) -> SymbolicValue:
        """An input that stands for a node of the caller, an example, or what is not known."""
        node = self._scope.graph.placeholder(name)
        self._scope.names.append(name)
        if isinstance(source, Node):
            _copy_facts(source, node)
        elif source is UNKNOWN or not isinstance(source, torch.Tensor):
            node.meta[OPEN] = True
            if source is not UNKNOWN:
                node.meta[KIND] = type(source)
        if source is not UNKNOWN:
            node.meta[SOURCE] = source
        return SymbolicValue(node, self)

    def _hand_on(self, item: Any, call: Node, scope: Scope) -> Any:
        """What the caller gets for a part of the result."""
        if not isinstance(item, Node):
            return item
        if item.op == "placeholder":
            return SymbolicValue(item.meta[SOURCE], self)
        if item not in scope.returned:
            scope.returned.append(item)
        picked = self.add("call_function", pick, (call, scope.returned.index(item)), {}, call.meta[LOCATION])
        _copy_facts(item, picked)
        return SymbolicValue(picked, self)

    # -- nodes --------------------------------------------------------------------------------------------------

    def create_proxy(
        self, kind: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *_: Any, **__: Any
    ) -> Any:
        """Record what torch.fx noticed; see `torch.fx.Tracer`."""
        return self.record(kind, target, args, kwargs)

    def record(self, op: str, target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> SymbolicValue:
        """Add a node for the line that the user's code is at."""
        location = find_user_frame(sys._getframe(1))
        self._check_modes()
        given, named = self.argument(args), self.argument(dict(kwargs))
        if torch.is_grad_enabled() or find_kind(op, target, given, named) in READ:
            return SymbolicValue(self.add(op, target, given, named, location), self)
        if is_in_function(sys._getframe(1)):
            raise self.refuse(
                "the model calls an autograd function where torch.fx does not see it",
                "its forward was followed, and its backward would be lost",
                "import the function's class into the file that calls it, or give example inputs",
            )
        given, named = map_tree(self._detach, (given, named))
        node = self.add(op, target, given, named, location)
        node.meta[DETACHED] = node
        return SymbolicValue(node, self)

    def _check_modes(self) -> None:
        if read_modes() != self._modes:
            raise self.refuse(
                "the model switches autocast in forward, which a graph does not hold",
                "the generated model would run these lines in the mode of its caller",
                "let the caller of the model switch it, or put what needs the switch into a @basic_unit",
            )

    def _detach(self, item: Any) -> Any:
        """What stands for a node where gradients are switched off: a graph has no such mode."""
        if not isinstance(item, Node) or kind_of(item) is not torch.Tensor:
            return item
        if TENSOR in item.meta and not isinstance(item.meta[TENSOR], torch.nn.Parameter):
            return item
        if DETACHED not in item.meta:
            item.meta[DETACHED] = detached = self.add("call_method", "detach", (item,), {}, item.meta.get(LOCATION))
            detached.meta[DETACHED] = detached
        return item.meta[DETACHED]

    def add(self, op: str, target: Any, args: Any, kwargs: Any, location: Location | None) -> Node:
        """Add a node to the graph of the scope, with what is known of it."""
        node = self._scope.graph.create_node(op, target, args, kwargs)
        node.meta[LOCATION] = location
        if target is operator.getitem and isinstance(args[0], Node) and isinstance(args[1], (int, str)):
            node.meta[OPEN] = args[0].meta.get(OPEN, False)
        kind = find_kind(op, target, args, kwargs)
        if kind is not None:
            node.meta[KIND] = kind
        else:
            follow_rank(node)
        return node

    def argument(self, item: Any) -> Any:
        """``item`` with nodes in the place of symbols and tensors."""
        return map_tree(self._argument, item)

    def _argument(self, item: Any) -> Any:
        if isinstance(item, SymbolicValue):
            if item.node.graph is not self._scope.graph:
                raise self.refuse(
                    "forward uses a value that was computed in another forward, and was not passed to it",
                    "a graph of a module knows its inputs only",
                    "pass the value as an argument",
                )
            return item.node
        if isinstance(item, torch.Tensor):
            return self.read_tensor(item).node
        if isinstance(item, Expression):
            raise refuse_uncalled(item)
        return settle_asked(item)

    def read_tensor(self, tensor: torch.Tensor) -> SymbolicValue:
        """A tensor of the module, or a constant, as a symbol; each is read once in a scope."""
        known = self._reads.get(id(tensor))
        if known is None:
            node = self._scope.graph.create_node("get_attr", self._find_path(tensor) or "")
            node.meta.update({TENSOR: tensor, LOCATION: find_user_frame(sys._getframe(1))})
            rank = self._names.rank(tensor)
            if rank is not None:
                node.meta[RANK] = rank
            known = self._reads[id(tensor)] = SymbolicValue(node, self)
        return known

    def _find_path(self, tensor: torch.Tensor) -> str | None:
        """The tensor's name in the module of the scope; None for a constant."""
        inside, elsewhere = self._names.find(tensor, self._scope.path)
        if inside is None and (elsewhere or isinstance(tensor, torch.nn.Parameter)):
            raise self.refuse(
                f"forward uses {elsewhere}, which belongs to another module"
                if elsewhere
                else "forward uses a parameter that belongs to no registered module, such as one in a plain list",
                "a graph of a module knows its own parts only",
                "pass it as an argument" if elsewhere else "keep layers in a ModuleList, parameters in a ParameterList",
            )
        return inside

    def refuse(self, what: str, why: str, fix: str) -> ConversionError:
        """An error at the line that the user's code is at."""
        module = self.root.get_submodule(self._scope.path)
        cls = type(module).__name__
        name = f"{self._scope.path} ({cls})" if self._scope.path else cls
        return ConversionError(f"{name}: {what}", where=find_user_frame(sys._getframe(1)), why=why, fix=fix)


def _ask_uncalled(item: Any) -> Any:
    """A leaf is captured with its arguments as they are; choices that nobody calls are among them."""
    return Asked(item) if isinstance(item, Expression) else item


def _copy_facts(source: Node, node: Node) -> None:
    node.meta.update({key: source.meta[key] for key in (KIND, RANK, OPEN) if key in source.meta})

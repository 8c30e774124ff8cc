"""Symbolic runs of modules, one for each call of a module that is no leaf."""

from __future__ import annotations

import operator
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from retix.converter.baked import read_modes
from retix.converter.boundary import is_plain, refuse_result
from retix.converter.construction import map_parts, take_apart
from retix.converter.detach import is_in_function
from retix.converter.fx.estimate import SOURCE, UNKNOWN, Estimator, is_shape
from retix.converter.fx.kind import KIND, READ, find_kind, kind_of
from retix.converter.fx.rank import expect_rank, follow_rank, rank_of_layer, returns_tensor
from retix.converter.fx.scope import DETACHED, LOCATION, OPEN, RANK, SCOPE, TENSOR, Node, Scope, map_tree, pick, unpack
from retix.converter.fx.symbol import SymbolicValue, is_instance
from retix.converter.fx.unfold import Unfolder
from retix.converter.leaf import is_leaf
from retix.converter.place import find_user_frame
from retix.converter.signature import positional_names
from retix.errors import ConversionError
from retix.ir import Location

OPERATORS = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift", "rshift"),
    *("eq", "ne", "lt", "le", "gt", "ge", "neg", "invert", "abs", "getitem", "setitem"),
    *("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor"),
)
"""Python's operators, as `operator` names them."""

KEPT: set[Any] = {
    *(torch.nn.functional.interpolate, torch.nn.functional.upsample, torch.functional.norm, torch.Tensor.norm),
    *(torch.nn.functional.multi_head_attention_forward, torch.Tensor.unflatten),
}
"""Functions of torch that ask for more than is known here; they have lowerings of their own."""

_CHECKS: set[Any] = {torch._assert, torch.Tensor.register_hook}
"""Functions that compute nothing."""

_FIX = (
    "give example inputs, so that the model is traced; or convert with frontend='script', which keeps `if` and loops; "
    "or put the module into a @basic_unit"
)


class ScopeTracer(torch.fx.Tracer):
    """Follows forward with symbols, and opens a `Scope` for every module that is no leaf.

    Args:
        root: The module that is captured.

    Attributes:
        mode_was_read: Whether something else than a leaf asked for ``training``.
        sizes: The user's lines where a size that only holds for the example inputs decided something.
        estimator: What is known of nodes.
    """

    def __init__(self, root: torch.nn.Module) -> None:
        super().__init__()
        self.root = root
        self.mode_was_read = False
        self.sizes: list[tuple[Any, Location | None]] = []
        self.estimator = Estimator(root.get_submodule)
        self._unfolder = Unfolder({"isinstance": is_instance})
        self._recorder = _Recorder(self)
        self._paths = {module: path for path, module in root.named_modules()}
        self._tensor_paths, self._ranks = _find_tensors(root)
        self._scope = Scope("", torch.fx.Graph())
        self._reads: dict[int, SymbolicValue] = {}
        self._names: dict[Callable[..., Any], list[str]] = {}
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
        with self._recorder:
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
        owner = type(self.root).__name__
        found: list[Any] = []
        map_parts(found.append, result)
        for item in found:
            if not isinstance(item, (SymbolicValue, torch.Tensor)) and not is_plain(item):
                raise refuse_result(item, owner)
        if all(map(is_plain, found)):
            raise ConversionError(
                f"{owner} returns {result!r}, in which there is no tensor", fix="let forward return what it computes"
            )

    def call_module(
        self, m: torch.nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record the call of a module; see `torch.fx.Tracer`."""
        path = self._paths[m]
        if is_leaf(m):
            called = self.record("call_module", path, args, kwargs)
            rank = rank_of_layer(m, called.node)
            if rank is not None:
                called.node.meta[RANK] = rank
            called.node.meta[OPEN] = not returns_tensor(m)
            return called
        location = find_user_frame(sys._getframe(1))
        scope = self._open(path, forward, args, kwargs)
        given = [node.meta[SOURCE] for node in scope.graph.nodes if node.op == "placeholder"]
        call = self._add("call_module", path, tuple(given), {}, location)
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
        if function not in self._names:
            names = positional_names(function)
            self._names[function] = names if function is forward else names[1:]
        return self._names[function]

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
        picked = self._add("call_function", pick, (call, scope.returned.index(item)), {}, call.meta[LOCATION])
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
            return SymbolicValue(self._add(op, target, given, named, location), self)
        if is_in_function(sys._getframe(1)):
            raise self.refuse(
                "the model calls an autograd function where torch.fx does not see it",
                "its forward was followed, and its backward would be lost",
                "import the function's class into the file that calls it, or give example inputs",
            )
        given, named = map_tree(self._detach, (given, named))
        node = self._add(op, target, given, named, location)
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
            item.meta[DETACHED] = detached = self._add("call_method", "detach", (item,), {}, item.meta.get(LOCATION))
            detached.meta[DETACHED] = detached
        return item.meta[DETACHED]

    def _add(self, op: str, target: Any, args: Any, kwargs: Any, location: Location | None) -> Node:
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
        return item

    def read_tensor(self, tensor: torch.Tensor) -> SymbolicValue:
        """A tensor of the module, or a constant, as a symbol; each is read once in a scope."""
        known = self._reads.get(id(tensor))
        if known is None:
            node = self._scope.graph.create_node("get_attr", self._find_path(tensor) or "")
            node.meta.update({TENSOR: tensor, LOCATION: find_user_frame(sys._getframe(1))})
            if id(tensor) in self._ranks:
                node.meta[RANK] = self._ranks[id(tensor)]
            known = self._reads[id(tensor)] = SymbolicValue(node, self)
        return known

    def _find_path(self, tensor: torch.Tensor) -> str | None:
        """The tensor's name in the module of the scope; None for a constant."""
        paths = self._tensor_paths.get(id(tensor), [])
        inside = [path for path in paths if not self._scope.path or path.startswith(f"{self._scope.path}.")]
        if not inside and (paths or isinstance(tensor, torch.nn.Parameter)):
            raise self.refuse(
                f"forward uses {paths[0]}, which belongs to another module"
                if paths
                else "forward uses a parameter that belongs to no registered module, such as one in a plain list",
                "a graph of a module knows its own parts only",
                "pass it as an argument" if paths else "keep layers in a ModuleList, parameters in a ParameterList",
            )
        return inside[0] if inside else None

    # -- what symbols and torch's functions come to ---------------------------------------------------------------

    def call_method(self, symbol: SymbolicValue, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of what a symbol stands for."""
        if kind_of(symbol.node) is torch.Tensor:
            return self.apply(getattr(torch.Tensor, name), (symbol, *args), kwargs)
        return self.record("call_method", name, (symbol, *args), kwargs)

    def read_attribute(self, symbol: SymbolicValue, name: str) -> Any:
        """Read an attribute of what a symbol stands for."""
        tensor = symbol.node.meta.get(TENSOR)
        if tensor is not None and name in ("dtype", "ndim", "requires_grad", "layout", "is_sparse"):
            return getattr(tensor, name)
        if name == "layout":
            return torch.strided
        return self.record("call_function", getattr, (symbol, name), {})

    def apply(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Call a function of torch: one that is written in Python is followed, an operator is recorded."""
        if function in _CHECKS:
            return None
        name = function.__name__ if hasattr(function, "__name__") else str(function)
        if "grad_enabled" in name:
            return function(*args, **kwargs)
        if isinstance(function, types.FunctionType) and function not in KEPT:
            self._expect_rank(function, args)
            twin = self._unfolder.unfold(function) if function.__module__.startswith("torch") else function
            with self._recorder:
                return twin(*args, **kwargs)
        if name == "__get__":
            return self._read_real(function, args)
        if name in _DUNDERS and is_method(function):
            target, is_reversed = _DUNDERS[name]
            return self.record("call_function", target, args[::-1] if is_reversed else args, kwargs)
        if is_method(function):
            return self.record("call_method", name, args, kwargs)
        return self.record("call_function", function, args, kwargs)

    def _expect_rank(self, function: types.FunctionType, args: tuple[Any, ...]) -> None:
        first = args[0] if args else None
        if isinstance(first, SymbolicValue) and RANK not in first.node.meta:
            expected = expect_rank(function)
            if expected is not None and self.estimator.rank(first.node) is None:
                first.node.meta[RANK] = expected

    def _read_real(self, getter: Any, args: tuple[Any, ...]) -> Any:
        """A property of a tensor of the module: one that is no tensor itself holds for all inputs."""
        value = getter(*args)
        return (
            self.record("call_function", getattr, (args[0], getter.__self__.__name__), {})
            if isinstance(value, torch.Tensor)
            else value
        )

    # -- where Python wants to know -------------------------------------------------------------------------------

    def decide(self, symbol: SymbolicValue, what: str, convert: Callable[[Any], Any]) -> Any:
        """What a symbol is as a plain Python value.

        Raises:
            ConversionError: That depends on data, or on inputs that are not known.
        """
        known = self.estimator.find(symbol.node)
        if known is UNKNOWN or isinstance(known, torch.Tensor):
            made_of = "data" if kind_of(symbol.node) is torch.Tensor else "a size"
            raise self.refuse(
                f"the model turns {made_of} into {what}, which a graph cannot follow",
                "forward is followed once, for all inputs, so that no answer is known",
                _FIX,
            )
        value = convert(known)
        if self.estimator.is_varying(symbol.node):
            self.sizes.append((value, find_user_frame(sys._getframe(1))))
        return value

    def count(self, symbol: SymbolicValue) -> int:
        """``len(x)`` as a number."""
        length = self.measure(symbol)
        return length if isinstance(length, int) else int(self.decide(length, "a Python int", int))

    def measure(self, symbol: SymbolicValue) -> Any:
        """``len(x)``, as a symbol where it is no constant."""
        kind = kind_of(symbol.node)
        known = self._find_length(symbol.node, kind)
        if known is not None:
            return known
        if kind is torch.Tensor:
            return self.record("call_method", "size", (symbol, 0), {})
        if kind is torch.Size and is_shape(symbol.node):
            source: Any = symbol.node.args[0]
            return self.record("call_method", "dim", (SymbolicValue(source, self),), {})
        return self.record("call_function", len, (symbol,), {})

    def _find_length(self, node: Node, kind: type) -> int | None:
        """How many items there are, if that is the same for all inputs."""
        known = self.estimator.find(node)
        if isinstance(known, (tuple, list, dict)):
            return len(known)
        return self.estimator.count_sizes(node) if kind is torch.Size else None

    def unpack(self, symbol: SymbolicValue, count: int | None) -> list[Any]:
        """The items of what a symbol stands for, of which there are ``count`` if that is known."""
        kind = kind_of(symbol.node)
        if count is None:
            count = self._count_items(symbol, kind)
        if kind is torch.Size and is_shape(symbol.node):
            source: Any = symbol.node.args[0]
            source.meta.setdefault(RANK, count)
        if kind is torch.Size or not issubclass(kind, (tuple, list)):
            items: Any = symbol
            return [items[i] for i in range(count)]
        whole = self.record("call_function", unpack, (symbol, count), {})
        location = whole.node.meta[LOCATION]
        picked = [self._add("call_function", pick, (whole.node, i), {}, location) for i in range(count)]
        return [SymbolicValue(node, self) for node in picked]

    def _count_items(self, symbol: SymbolicValue, kind: type) -> int:
        known = self._find_length(symbol.node, kind)
        if known is not None:
            return known
        if isinstance(self.estimator.find(symbol.node), torch.Tensor):
            return int(self.decide(self.measure(symbol), "a number of steps", int))
        raise self.refuse(
            "the model loops over something of which the length is not known",
            "forward is followed once, for all inputs",
            _FIX,
        )

    def refuse(self, what: str, why: str, fix: str) -> ConversionError:
        """An error at the line that the user's code is at."""
        module = self.root.get_submodule(self._scope.path)
        cls = type(module).__name__
        name = f"{self._scope.path} ({cls})" if self._scope.path else cls
        return ConversionError(f"{name}: {what}", where=find_user_frame(sys._getframe(1)), why=why, fix=fix)


_DUNDERS: dict[str, tuple[Callable[..., Any], bool]] = {
    **{f"__{name.strip('_')}__": (getattr(operator, name), False) for name in OPERATORS},
    **{f"__r{name.strip('_')}__": (getattr(operator, name), True) for name in OPERATORS},
}
"""Methods behind Python's operators, and whether their operands are swapped."""


class _Recorder(TorchFunctionMode):
    """Has every function of torch recorded, also one that takes no symbols, such as ``torch.zeros(3)``."""

    def __init__(self, tracer: ScopeTracer) -> None:
        super().__init__()
        self._tracer = tracer

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if self._tracer.is_estimating:
            return func(*args, **(kwargs or {}))
        return self._tracer.apply(func, args, kwargs or {})


def _copy_facts(source: Node, node: Node) -> None:
    node.meta.update({key: source.meta[key] for key in (KIND, RANK, OPEN) if key in source.meta})


def is_method(function: Any) -> bool:
    """Whether a built-in function of torch is a method of tensors."""
    name = getattr(function, "__name__", "")
    return getattr(torch.Tensor, name, None) is function


def _find_tensors(root: torch.nn.Module) -> tuple[dict[int, list[str]], dict[int, int]]:
    """All names of the tensors that modules have, as parameters, buffers or plain attributes, and their ranks."""
    paths: dict[int, list[str]] = {}
    ranks: dict[int, int] = {}
    for path, module in root.named_modules(remove_duplicate=False):
        plain = {name: item for name, item in vars(module).items() if isinstance(item, torch.Tensor)}
        for name, tensor in {**module._parameters, **module._buffers, **plain}.items():
            if tensor is not None:
                paths.setdefault(id(tensor), []).append(f"{path}.{name}" if path else name)
                ranks[id(tensor)] = tensor.dim()
    return paths, ranks

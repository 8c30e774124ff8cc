"""The members of a class: how they are named, made, and reached from ``forward``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from retix.codegen.expression import quote
from retix.codegen.imports import Imports
from retix.codegen.literal import write_module
from retix.errors import GenerationError
from retix.ir import Cell, Graph, LayerChoice, Member, Module, Tensor

CellWriter = Callable[[str], str]
"""Writes the expression that makes an instance of a graph's class."""


@dataclass(slots=True)
class _Part:
    """A node of the tree of dotted names: a member, a container of parts, or both."""

    member: Member | None = None
    parts: dict[str, _Part] = field(default_factory=dict)

    def is_list(self) -> bool:
        return all(name.isdigit() for name in self.parts)


class MemberNames:
    """Python names of the members of one graph.

    Dotted names become containers: ``blocks.0`` is the first item of ``self.blocks``, a ``ModuleList``.

    Args:
        graph: The graph, none of whose members is an open choice.
    """

    def __init__(self, graph: Graph) -> None:
        self._root = _Part()
        self._flat: dict[str, str] = {}
        self._inside: set[str] = set()
        for name in graph.members:
            self._place(name, graph)

    def _place(self, name: str, graph: Graph) -> None:
        member = graph.members[name]
        parts = name.split(".")
        for cut in range(1, len(parts)):
            owner = graph.members.get(".".join(parts[:cut]))
            if owner is not None and not isinstance(owner.op, Tensor):
                self._inside.add(name)  # part of a member that makes it itself
                return
        if isinstance(member.op, Tensor) and len(parts) > 1:
            self._flat[name] = "_".join(parts)
            parts = [self._flat[name]]
        part = self._root
        for key in parts:
            part = part.parts.setdefault(key, _Part())
        part.member = member

    def access(self, name: str) -> str:
        """How ``forward`` reaches the member."""
        if name in self._flat:
            return f"self.{self._flat[name]}"
        text, part = "self", self._root
        for depth, key in enumerate(name.split(".")):
            known = part.parts.get(key) if part is not None else None
            if depth == 0 or name in self._inside:
                text += f"[{key}]" if key.isdigit() else f".{key}"
            elif part.is_list():
                text += f"[{list(part.parts).index(key)}]"
            else:
                text += f"[{quote(key)}]"
            part = known or _Part()
        return text

    def state_prefix(self, name: str) -> str | None:
        """The member's path in the generated module's state, or None if another member makes it."""
        if name in self._inside:
            return None
        if name in self._flat:
            return self._flat[name]
        keys, part = [], self._root
        for depth, key in enumerate(name.split(".")):
            keys.append(str(list(part.parts).index(key)) if depth and part.is_list() else key)
            part = part.parts[key]
        return ".".join(keys)

    def definitions(self, imports: Imports, cell: CellWriter) -> Iterator[str]:
        """Yield the statements of ``__init__`` that make the members."""
        for name, part in self._root.parts.items():
            if part.member is not None and isinstance(part.member.op, Tensor):
                yield _define_tensor(name, part.member.op, imports)
            else:
                yield f"self.{name} = {_make(part, imports, cell)}"


def _make(part: _Part, imports: Imports, cell: CellWriter) -> str:
    if part.member is not None:
        return make_member(part.member, imports, cell)
    made = {name: _make(child, imports, cell) for name, child in part.parts.items()}
    if part.is_list():
        return f"{imports.name('torch.nn.ModuleList')}([{', '.join(made.values())}])"
    items = ", ".join(f"{quote(name)}: {text}" for name, text in made.items())
    return f"{imports.name('torch.nn.ModuleDict')}({{{items}}})"


def make_member(member: Member, imports: Imports, cell: CellWriter) -> str:
    """The expression that makes a member.

    Raises:
        GenerationError: It is a choice that is still open.
    """
    match member.op:
        case Module():
            return write_module(member.op, imports).text
        case Cell(graph):
            return cell(graph)
        case LayerChoice(label):
            raise GenerationError(f"the choice {label!r} is still open", fix="make it first")
    raise GenerationError(f"{member.op!r} is no module")


def _define_tensor(name: str, tensor: Tensor, imports: Imports) -> str:
    made = write_module(tensor.init, imports).text
    if tensor.kind == "parameter":
        frozen = "" if tensor.requires_grad else ", requires_grad=False"
        return f"self.{name} = {imports.name('torch.nn.Parameter')}({made}{frozen})"
    persistent = tensor.kind == "buffer" and tensor.persistent
    return f"self.register_buffer({quote(name)}, {made}{'' if persistent else ', persistent=False'})"

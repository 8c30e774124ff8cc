"""The members of a class: how they are named, made, and reached from ``forward``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from keyword import iskeyword

from retix.codegen.expression import quote
from retix.codegen.template import HoleWriter, write_list
from retix.errors import GenerationError
from retix.ir import Cell, LayerChoice, Member, Module, Tensor


@dataclass(slots=True)
class _Part:
    """A node of the tree of dotted names: a member, a container of parts, or both.

    Attributes:
        member: The member's name in the graph, or None.
        parts: What is below it.
    """

    member: str | None = None
    parts: dict[str, _Part] = field(default_factory=dict)

    def is_list(self) -> bool:
        return all(name.isdigit() for name in self.parts)


class MemberNames:
    """Python names of the members of graphs that have members of the same names and kinds.

    Dotted names become containers: ``blocks.0`` is the first item of ``self.blocks``, a ``ModuleList``.

    Args:
        members: The members of such a graph, none of which is an open choice.
    """

    def __init__(self, members: Mapping[str, Member]) -> None:
        self._root = _Part()
        self._flat: dict[str, str] = {}
        self._inside: set[str] = set()
        self._attributes = _name_attributes(list(dict.fromkeys(name.split(".")[0] for name in members)))
        for name in members:
            self._place(name, members)

    def _place(self, name: str, members: Mapping[str, Member]) -> None:
        parts = self._split(name)
        for cut in range(1, len(parts)):
            owner = members.get(".".join(name.split(".")[:cut]))
            if owner is not None and not isinstance(owner.op, Tensor):
                self._inside.add(name)  # part of a member that makes it itself
                return
        if len(parts) > 1 and isinstance(members[name].op, Tensor):
            self._flat[name] = "_".join(parts)
            parts = [self._flat[name]]
        part = self._root
        for key in parts:
            part = part.parts.setdefault(key, _Part())
        part.member = name

    def _split(self, name: str) -> list[str]:
        """The parts of a member's name."""
        first, *rest = name.split(".")
        return [self._attributes[first], *rest]

    def access(self, name: str) -> str:
        """How ``forward`` reaches the member."""
        if name in self._flat:
            return f"self.{self._flat[name]}"
        text, part = "self", self._root
        for depth, key in enumerate(self._split(name)):
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
        for depth, key in enumerate(self._split(name)):
            keys.append(str(list(part.parts).index(key)) if depth and part.is_list() else key)
            part = part.parts[key]
        return ".".join(keys)

    def definitions(self, members: Mapping[str, Member], writer: HoleWriter) -> Iterator[tuple[str, str]]:
        """Yield the attributes of a graph with these members, and the statements of ``__init__`` that make them."""
        for name, part in self._root.parts.items():
            op = members[part.member].op if part.member is not None else None
            if isinstance(op, Tensor):
                yield name, _define_tensor(name, op, writer)
            else:
                yield name, f"self.{name} = {_make(part, members, writer)}"


def _name_attributes(names: list[str]) -> dict[str, str]:
    """An attribute for each name; of an item of a container that became a class of its own, or such as ``block1-0``."""
    named = {name: name for name in names if name.isidentifier() and not iskeyword(name)}
    for name in names:
        if name not in named:
            attribute = f"layer{name}" if name.isdigit() else re.sub(r"\W", "_", name)
            while not attribute.isidentifier() or iskeyword(attribute) or attribute in named.values():
                attribute = f"layer_{attribute}" if attribute[:1].isdigit() else f"{attribute}_"
            named[name] = attribute
    return named


def _make(part: _Part, members: Mapping[str, Member], writer: HoleWriter) -> str:
    if part.member is not None:
        return make_member(members[part.member], writer)
    made = {name: _make(child, members, writer) for name, child in part.parts.items()}
    if part.is_list():
        return f"{writer.imports.name('torch.nn.ModuleList')}({write_list(made.values(), spread=False)})"
    items = ", ".join(f"{quote(name)}: {item}" for name, item in made.items())
    return f"{writer.imports.name('torch.nn.ModuleDict')}({{{items}}})"


def make_member(member: Member, writer: HoleWriter) -> str:
    """The expression that makes a member.

    Raises:
        GenerationError: It is a choice that is still open.
    """
    match member.op:
        case Module(type="retix.nn.pytorch.Placeholder"):
            raise _refuse_placeholder(member.op)
        case Module():
            return writer.module(member.op).text + (".requires_grad_(False)" if member.op.frozen else "")
        case Cell(graph):
            return writer.cell(graph, writer)
        case LayerChoice(label):
            raise GenerationError(f"the choice {label!r} is still open", fix="make it first")
    raise GenerationError(f"{member.op!r} is no module")


def _refuse_placeholder(placeholder: Module) -> GenerationError:
    label = placeholder.args[0] if placeholder.args else placeholder.kwargs.get("label")
    return GenerationError(
        f"the placeholder {label!r} is still there",
        why="no mutator has put anything in its place",
        fix=f"apply a mutator that replaces the nodes of model.get_nodes_by_label({label!r})",
    )


def _define_tensor(name: str, tensor: Tensor, writer: HoleWriter) -> str:
    made = writer.module(tensor.init).text
    if tensor.kind == "parameter":
        frozen = "" if tensor.requires_grad else ", requires_grad=False"
        return f"self.{name} = {writer.imports.name('torch.nn.Parameter')}({made}{frozen})"
    persistent = tensor.kind == "buffer" and tensor.persistent
    return f"self.register_buffer({quote(name)}, {made}{'' if persistent else ', persistent=False'})"

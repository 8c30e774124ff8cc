"""The classes of a generated module: one for all graphs that differ only in numbers that make their members."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from retix.codegen.body import Body
from retix.codegen.forward import write_forward
from retix.codegen.imports import Imports
from retix.codegen.library import USUAL, Library, OutdatedError, Text, Written
from retix.codegen.literal import write_literal
from retix.codegen.member import MemberNames, make_member
from retix.codegen.outline import Definitions, Outline, read_chain
from retix.codegen.parameter import MISSING, Hole, Parameter, find_parameters
from retix.codegen.template import HoleWriter, fill, write_list
from retix.ir import Cell, Graph, Member, Model

_CLASS = re.compile("\2(\\d+)\2")


@dataclass(slots=True)
class Draft:
    """A graph as a class with holes.

    Attributes:
        graph: The graph.
        definitions: The statements of ``__init__``, with holes.
        holes: What fills the holes.
        owners: For each hole, the member that it is part of.
        body: Its ``forward``.
    """

    graph: Graph
    definitions: list[str]
    holes: list[Hole]
    owners: list[str]
    body: Body

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for graphs that may share a class."""
        return (self.graph.class_name, *self.definitions, *self.body.lines)


@dataclass(slots=True)
class Class:
    """A class of the generated module.

    Attributes:
        draft: The first graph that it stands for.
        parameters: Its constructor parameters.
        values: For each graph that it stands for, the numbers that its instance is made with.
        name: Its name, once that is known.
    """

    draft: Draft
    parameters: list[Parameter]
    values: dict[str, list[object]] = field(default_factory=dict)
    name: str = ""


class ClassBook:
    """Finds the classes of a model, and writes them.

    Args:
        model: The model.
        twins: For each of its graphs, the one that is written for it.
        imports: Collects what they need.
        library: Has what was written before.
        known: Those of the twins that were written before, and are not rewritten in the model.

    Attributes:
        written: How the twins are written.
        names: How the members of each graph are reached.

    Raises:
        OutdatedError: What is known does not fit.
    """

    def __init__(
        self,
        model: Model,
        twins: Mapping[str, str],
        imports: Imports,
        library: Library | None = None,
        known: Mapping[str, Written] | None = None,
    ) -> None:
        self._model = model
        self._twins = twins
        self._bodies: dict[str, Body] = {}
        self._library = library if library is not None else Library()
        self._known: Mapping[str, Written] = known if known is not None else {}
        self._imports = imports
        self._classes: list[Class] = []
        self._by_graph: dict[str, int] = {}
        self.written: dict[str, Written] = dict(self._known)
        for twin in twins.values():
            if twin not in self.written:
                graph = model.graphs[twin]
                self.written[twin] = Written(MemberNames(graph.members), None, read_chain(graph))
        self.names = {name: self.written[twin].names for name, twin in twins.items() if name in model.graphs}
        for level in _levels(model):
            self._settle([self._draft(model.graphs[name]) for name in level if self._needs_class(name)])

    @property
    def root_name(self) -> str:
        """The outermost graph."""
        return self._model.root_name

    def outline(self, name: str) -> Outline | None:
        """What is kept on a graph that is written as it is; None if it was rewritten or has branches."""
        found = self._model.graphs[name].outline
        if not isinstance(found, Outline):
            return None
        return found if self.written[self._twins[name]].kept is None else None

    def members(self, name: str) -> Mapping[str, Member]:
        """The members of a graph that are made."""
        return self.written[self._twins[name]].members(self._model.graphs[name].members)

    def chain(self, name: str) -> list[str] | None:
        """The members of a graph that is written as a ``Sequential`` where it is a part, in order; else None."""
        if name == self._model.root_name:
            return None
        if self._twins[name] == name:
            return self.written[name].chain
        graph = self._model.graphs[name]
        found = graph.outline
        return found.chain if isinstance(found, Outline) else read_chain(graph)

    def _needs_class(self, name: str) -> bool:
        return self.chain(name) is None

    def _draft(self, graph: Graph) -> Draft:
        found = self._define(graph)
        return Draft(graph, found.texts, found.holes, found.owners, self._write_forward(self._twins[graph.name]))

    def _define(self, graph: Graph) -> Definitions:
        """The statements that make the members; those that were written before where nothing can have changed."""
        names, kept = self.names[graph.name], self.outline(graph.name)
        known = kept.definitions if kept is not None else None
        if known is not None and known.names is names and self._imports.repeat(known.asked):
            return known
        writer = HoleWriter(self._imports, self._write_cell, self._library)
        texts: list[str] = []
        owners: list[str] = []
        begin = len(self._imports.asked)
        for name, definition in names.definitions(self.members(graph.name), writer):
            texts.append(definition)
            owners += [name] * (len(writer.holes) - len(owners))
        asked = tuple(dict.fromkeys(self._imports.asked[begin:]))
        made = Definitions(names, texts, writer.holes, owners, asked)
        if kept is not None and not kept.cells:
            kept.definitions = made
        return made

    def _write_forward(self, name: str) -> Body:
        if name not in self._bodies:
            written, imports = self.written[name], self._imports
            taken = frozenset(imports.names - USUAL)
            text = written.texts.get(taken)
            if text is not None:
                self._bodies[name] = text.take(imports)
            elif name in self._known:
                raise OutdatedError
            else:
                begin = len(imports.asked)
                self._bodies[name] = write_forward(self._model.graphs[name], self._model, written.names, imports)
                written.texts[taken] = Text.of(self._bodies[name], imports.asked[begin:])
        return self._bodies[name]

    def _write_cell(self, name: str, writer: HoleWriter) -> str:
        chain = self.chain(name)
        if chain is not None:
            members = self._model.graphs[name].members
            items = [make_member(members[key], writer) for key in chain]
            return f"{self._imports.name('torch.nn.Sequential')}({write_list(items, spread=True)})"
        number = self._by_graph[name]
        return writer.call_class(number, self._classes[number].parameters, self._classes[number].values[name])

    def _settle(self, drafts: list[Draft]) -> None:
        """Give each graph of one level its class."""
        groups: dict[tuple[str, ...], list[Draft]] = {}
        for draft in drafts:
            groups.setdefault(draft.key, []).append(draft)
        for group in groups.values():
            parameters = find_parameters([draft.holes for draft in group], group[0].owners)
            if parameters is not None:
                self._add(group, parameters)
                continue
            exact: dict[tuple[tuple[str, str], ...], list[Draft]] = {}
            for draft in group:
                exact.setdefault(tuple(hole.key for hole in draft.holes), []).append(draft)
            for same in exact.values():
                self._add(same, [])

    def _add(self, drafts: list[Draft], parameters: list[Parameter]) -> None:
        made = Class(drafts[0], parameters)
        for draft in drafts:
            self._by_graph[draft.graph.name] = len(self._classes)
            made.values[draft.graph.name] = [draft.holes[p.holes[0]].value for p in parameters]
        self._classes.append(made)

    # -- writing ------------------------------------------------------------------------------------------------

    def write(self, ending: list[str]) -> Iterator[tuple[str, Body]]:
        """Yield name and text of every class, those that another one uses before it.

        Args:
            ending: Statements that the outermost class's ``__init__`` ends with.
        """
        root = self._by_graph[self._model.root_name]
        for number in self._order(root):
            made = self._classes[number]
            made.name = self._free_name(made.draft.graph.class_name)
            yield made.name, self._write_class(made, ending if number == root else [])

    def _order(self, root: int) -> list[int]:
        order: list[int] = []

        def visit(number: int) -> None:
            for definition in self._classes[number].draft.definitions:
                for match in _CLASS.finditer(definition):
                    if int(match[1]) not in order:
                        visit(int(match[1]))
            order.append(number)

        visit(root)
        return list(dict.fromkeys(order))

    def _free_name(self, wanted: str) -> str:
        taken = {made.name for made in self._classes} | self._imports.names
        name, count = wanted, 1
        while name in taken:
            count += 1
            name = f"{wanted}{count}"
        return name

    def _write_class(self, made: Class, ending: list[str]) -> Body:
        body = Body()
        body.add(f"class {made.name}({self._imports.name('torch.nn.Module')}):", 0)
        if made.draft.definitions:
            body.add(f"def __init__({', '.join(['self', *map(self._write_parameter, made.parameters)])}):", 1)
            body.add("super().__init__()", 2)
            for parameter in made.parameters:
                for statement in parameter.statements:
                    body.add(statement, 2)
            text = fill("\n".join(made.draft.definitions), made.draft.holes, made.parameters, self._imports)
            for definition in _CLASS.sub(lambda match: self._classes[int(match[1])].name, text).split("\n"):
                body.add(definition, 2)
            for statement in ending:
                body.add(statement, 2)
            body.add("", 0)
        body.extend(made.draft.body)
        return body

    def _write_parameter(self, parameter: Parameter) -> str:
        if parameter.default is MISSING:
            return parameter.name
        return f"{parameter.name}={write_literal(parameter.default, self._imports)}"


def _levels(model: Model) -> list[list[str]]:
    """The graphs of classes, each level after those that its graphs contain; the outermost alone at the end."""
    depths: dict[str, int] = {}

    def measure(name: str) -> int:
        if name not in depths:
            depths[name] = 1 + max(map(measure, _cells_of(model.graphs[name])), default=0)
        return depths[name]

    measure(model.root_name)
    levels: dict[int, list[str]] = {}
    for name, depth in depths.items():
        levels.setdefault(depth, []).append(name)
    return [levels[depth] for depth in sorted(levels)]


def _cells_of(graph: Graph) -> Iterable[str]:
    known = graph.outline
    if isinstance(known, Outline):
        return known.cells
    return [m.op.graph for m in graph.members.values() if isinstance(m.op, Cell)]

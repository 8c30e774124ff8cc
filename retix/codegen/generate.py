"""From the IR to a Python module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retix.codegen.forward import Body, write_forward
from retix.codegen.imports import Imports
from retix.codegen.layout import break_statement
from retix.codegen.member import MemberNames, make_member
from retix.codegen.source import Source
from retix.ir import Call, Cell, Graph, Model, Module, Tensor, remove_dead


def generate(model: Model) -> Source:
    """Write a model, all of whose choices are made, as a standalone Python module.

    Names are the user's own; structurally equal sub-graphs share a class; nothing dead is written. The same model
    gives the same text.

    Raises:
        GenerationError: A choice is still open, or something has no Python form.
    """
    live = model.fork()
    remove_dead(live)
    return _Generator(live).run()


@dataclass(slots=True)
class _Class:
    name: str
    lines: list[str]
    places: list[str | None]


class _Generator:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.imports = Imports(model.sources)
        self.members: dict[str, MemberNames] = {}
        self.classes: dict[str, _Class] = {}  # text without the name, to class
        self.by_graph: dict[str, _Class] = {}

    def run(self) -> Source:
        root = self.model.graphs[self.model.root_name]
        self._register_sources()
        entry = self._class_of(root)
        names = dict(self._state_names(self.model.root_name, "", ""))
        ties = list(self._ties(names))
        if ties:
            entry.lines[self._end_of_init(entry) : self._end_of_init(entry)] = ties
        return self._assemble(entry, names)

    # -- classes ------------------------------------------------------------------------------------------------

    def _register_sources(self) -> None:
        """Classes that are written out keep their names, so those have to be known before any class gets one."""
        for graph in self.model.graphs.values():
            for member in graph.members.values():
                if isinstance(member.op, Module):
                    self.imports.name(member.op.type)

    def _class_of(self, graph: Graph) -> _Class:
        if graph.name in self.by_graph:
            return self.by_graph[graph.name]
        names = self.members[graph.name] = MemberNames(graph)
        definitions = list(names.definitions(self.imports, self._make_cell))
        body = write_forward(graph, self.model, names, self.imports)
        made = self._write_class(definitions, body)
        key = "\n".join([graph.class_name, *made.lines])
        known = self.classes.get(key)
        if known is None:
            made.name = self._free_name(graph.class_name)
            made.lines[0] = f"class {made.name}({self.imports.name('torch.nn.Module')}):"
            known = self.classes[key] = made
        self.by_graph[graph.name] = known
        return known

    def _write_class(self, definitions: list[str], body: Body) -> _Class:
        lines = ["class:"]
        if definitions:
            lines += ["    def __init__(self):", "        super().__init__()"]
            for definition in definitions:
                lines += break_statement(definition, 2)
            lines.append("")
        places: list[str | None] = [None] * len(lines)
        return _Class("", lines + body.lines, places + body.places)

    def _free_name(self, wanted: str) -> str:
        taken = {made.name for made in self.classes.values()} | self.imports.names
        name, count = wanted, 1
        while name in taken:
            count += 1
            name = f"{wanted}{count}"
        return name

    def _make_cell(self, name: str) -> str:
        graph = self.model.graphs[name]
        chain = _read_chain(graph)
        if chain is not None:
            items = [make_member(graph.members[key], self.imports, self._make_cell) for key in chain]
            return f"{self.imports.name('torch.nn.Sequential')}({', '.join(items)})"
        return f"{self._class_of(graph).name}()"

    # -- names of the state -------------------------------------------------------------------------------------

    def _state_names(self, graph_name: str, prefix: str, origin: str) -> Iterator[tuple[str, str]]:
        """Yield, for each leaf and tensor, its path here and in the base model."""
        graph = self.model.graphs[graph_name]
        chain = _read_chain(graph) if graph_name != self.model.root_name else None
        for name, member in graph.members.items():
            here = str(chain.index(name)) if chain is not None else self._names_of(graph).state_prefix(name)
            if here is None or member.origin is None:
                continue
            path, base = _join(prefix, here), _join(origin, member.origin)
            match member.op:
                case Cell(child):
                    yield from self._state_names(child, path, base)
                case Module():
                    yield from ((f"{path}.{key}", f"{base}.{key}") for key in _state_of(member.op))
                case Tensor(kind=kind, persistent=persistent):
                    if kind == "parameter" or (kind == "buffer" and persistent):
                        yield path, base

    def _names_of(self, graph: Graph) -> MemberNames:
        return self.members[graph.name]

    def _ties(self, names: dict[str, str]) -> Iterator[str]:
        """Yield statements that let names of one tensor stand for one tensor again."""
        for group in self.model.ties:
            here = [path for path, base in names.items() if base in group]
            for other in here[1:]:
                yield f"        self.{_attribute(other)} = self.{_attribute(here[0])}"

    @staticmethod
    def _end_of_init(entry: _Class) -> int:
        return entry.lines.index("")

    # -- the module ---------------------------------------------------------------------------------------------

    def _assemble(self, entry: _Class, names: dict[str, str]) -> Source:
        lines = self.imports.write().splitlines()
        places: dict[int, str] = {}
        for source in self.imports.used_sources.values():
            lines += ["", "", *source.code.strip("\n").splitlines()]
        for made in self.classes.values():
            lines += ["", ""]
            for line, place in zip(made.lines, made.places, strict=False):
                lines.append(line)
                if place is not None:
                    places[len(lines)] = place
        return Source("\n".join(lines) + "\n", entry.name, names, places)


def _read_chain(graph: Graph) -> list[str] | None:
    """The members of a graph that is a plain ``Sequential``, in order, or None if it is not."""
    if graph.type != "torch.nn.Sequential" or len(graph.inputs) != 1:
        return None
    current, chain = graph.inputs[0], []
    for node in graph.nodes:
        if not isinstance(node.op, Call) or node.args != (current,) or node.kwargs or len(node.outputs) != 1:
            return None
        if len(current.uses) != 1 or node.op.target in chain:
            return None
        chain.append(node.op.target)
        current = node.output
    whole = graph.result.args[0] is current and set(chain) == set(graph.members)
    return chain if whole and chain and not any(isinstance(graph.members[k].op, Tensor) for k in chain) else None


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


# A choice may have switched off what the base model has: argument, and the names that go with it when it is False.
_SWITCHES = {
    "bias": ("bias", "in_proj_bias", "out_proj.bias"),
    "affine": ("weight", "bias"),
    "elementwise_affine": ("weight", "bias"),
    "track_running_stats": ("running_mean", "running_var", "num_batches_tracked"),
}


def _state_of(module: Module) -> Iterator[str]:
    off = {name for switch, names in _SWITCHES.items() if module.kwargs.get(switch) is False for name in names}
    return (name for name in module.state if name not in off)


def _attribute(path: str) -> str:
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".")).lstrip(".")

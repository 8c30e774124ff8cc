"""From the IR to a Python module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from retix.codegen.body import Body
from retix.codegen.classes import ClassBook, read_chain
from retix.codegen.idiom import restore_idioms
from retix.codegen.imports import Imports
from retix.codegen.repetition import restore_loops
from retix.codegen.source import Source
from retix.codegen.twin import find_twins
from retix.ir import Cell, Model, Module, Tensor, remove_dead


def generate(model: Model) -> Source:
    """Write a model, all of whose choices are made, as a standalone Python module.

    Names are the user's own; structurally equal sub-graphs share a class; nothing dead is written. The same model
    gives the same text.

    Raises:
        GenerationError: A choice is still open, or something has no Python form.
    """
    live = model.fork()
    remove_dead(live)
    twins = find_twins(live)
    restore_idioms(live, set(twins.values()))
    remove_dead(live)
    _drop_members(live, twins)
    for name in dict.fromkeys(twins.values()):
        restore_loops(live, live.graphs[name])
    imports = Imports(live.sources)
    _register_sources(live, imports)
    book = ClassBook(live, twins, imports)
    names: dict[str, str] = {}
    _note_state(live, book, live.root_name, "", "", names)
    classes = list(book.write(list(_ties(live, names))))
    return _assemble(classes, imports, names)


def _drop_members(model: Model, twins: Mapping[str, str]) -> None:
    """Take from each graph the members that its twin does without since it was rewritten."""
    for name, twin in twins.items():
        kept = model.graphs[twin].members
        if len(model.graphs[name].members) > len(kept):
            graph = model.graph(name)
            graph.members = {key: member for key, member in graph.members.items() if key in kept}


def _register_sources(model: Model, imports: Imports) -> None:
    """Classes that are written out keep their names, so those have to be known before any class gets one."""
    for graph in model.graphs.values():
        for member in graph.members.values():
            if isinstance(member.op, Module):
                imports.name(member.op.type)


def _assemble(classes: list[tuple[str, Body]], imports: Imports, names: dict[str, str]) -> Source:
    lines = imports.write().splitlines()
    places: dict[int, str] = {}
    for source in imports.used_sources.values():
        lines += ["", "", *source.code.strip("\n").splitlines()]
    for _, body in classes:
        lines += ["", ""]
        for line, place in zip(body.lines, body.places, strict=True):
            lines.append(line)
            if place is not None:
                places[len(lines)] = place
    return Source("\n".join(lines) + "\n", classes[-1][0], names, places)


# -- names of the state -----------------------------------------------------------------------------------------


def _note_state(
    model: Model, book: ClassBook, graph_name: str, prefix: str, origin: str, found: dict[str, str]
) -> None:
    """Note, for each parameter and buffer of a graph, its path here and in the base model.

    Args:
        model: The model.
        book: Knows the names of members.
        graph_name: The graph.
        prefix: What paths of the generated model begin with: empty, or ending in a dot.
        origin: What paths of the base model begin with.
        found: Receives them.
    """
    graph = model.graphs[graph_name]
    chain = read_chain(graph) if graph_name != model.root_name else None
    for name, member in graph.members.items():
        here = str(chain.index(name)) if chain is not None else book.members[graph_name].state_prefix(name)
        if here is None or member.origin is None:
            continue
        path, base = prefix + here, origin + member.origin
        match member.op:
            case Cell(child):
                _note_state(model, book, child, f"{path}.", f"{base}.", found)
            case Module():
                found.update((f"{path}.{key}", f"{base}.{key}") for key in _state_of(member.op))
            case Tensor(kind=kind, persistent=persistent):
                if kind == "parameter" or (kind == "buffer" and persistent):
                    found[path] = base


def _ties(model: Model, names: dict[str, str]) -> Iterator[str]:
    """Yield statements that let names of one tensor stand for one tensor again."""
    for group in model.ties:
        here = [path for path, base in names.items() if base in group]
        for other in here[1:]:
            yield f"self.{_attribute(other)} = self.{_attribute(here[0])}"


# A choice may have switched off what the base model has: argument, and the names that go with it when it is False.
_SWITCHES = {
    "bias": ("bias", "in_proj_bias", "out_proj.bias"),
    "affine": ("weight", "bias"),
    "elementwise_affine": ("weight", "bias"),
    "track_running_stats": ("running_mean", "running_var", "num_batches_tracked"),
}


def _state_of(module: Module) -> Iterable[str]:
    if False not in module.kwargs.values():
        return module.state
    off = {name for switch, names in _SWITCHES.items() if module.kwargs.get(switch) is False for name in names}
    return (name for name in module.state if name not in off)


def _attribute(path: str) -> str:
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".")).lstrip(".")

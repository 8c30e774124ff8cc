"""From the IR to a Python module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from retix.codegen.body import Body
from retix.codegen.classes import ClassBook
from retix.codegen.idiom import restore_idioms
from retix.codegen.imports import Imports
from retix.codegen.library import Library, OutdatedError, Written
from retix.codegen.outline import Outline, State, outline
from retix.codegen.repetition import restore_loops
from retix.codegen.setting import check_settings
from retix.codegen.source import Source
from retix.codegen.twin import find_twins
from retix.ir import Cell, Effects, Model, Module, Tensor, remove_dead


class Generator:
    """Writes models, those of one space faster and faster.

    It keeps how graphs were written. Models of one space share most of their graphs; and graphs whose choices were made
    in other ways often differ in nothing but numbers. What it writes never depends on what it wrote before.
    """

    def __init__(self) -> None:
        self._library = Library()

    def __reduce__(self) -> tuple[type[Generator], tuple[()]]:
        """Copies begin anew."""
        return Generator, ()

    def generate(self, model: Model) -> Source:
        """Write a model; see `retix.codegen.generate`."""
        live = _prepare(model)
        twins = find_twins(live)
        check_settings(live)
        known = self._find_known(live, twins)
        try:
            return self._write(live, twins, known)
        except OutdatedError:
            return self._write(_prepare(model), twins, {})

    def _find_known(self, live: Model, twins: Mapping[str, str]) -> dict[str, Written]:
        """The twins that were written before."""
        known: dict[str, Written] = {}
        for name in dict.fromkeys(twins.values()):
            form = outline(live.graphs[name])
            written = self._library.find(form.likeness, form.source) if form is not None else None
            if written is not None:
                known[name] = written
        return known

    def _write(self, live: Model, twins: Mapping[str, str], known: Mapping[str, Written]) -> Source:
        """Write a model in which nothing is dead.

        Raises:
            OutdatedError: What is known does not fit.
        """
        rewrite = _Rewrite(live, {name: twin for name, twin in twins.items() if twin not in known})
        if rewrite.reaches_out and known:
            raise OutdatedError
        imports = Imports(live.sources)
        _register_sources(live, twins, known, imports)
        book = ClassBook(live, twins, imports, self._library, known)
        names: dict[str, str] = {}
        _note_state(book, live.root_name, "", "", names)
        source = _assemble(list(book.write(list(_ties(live, names)))), imports, names)
        if not rewrite.reaches_out:
            for name, form in rewrite.forms.items():
                written = book.written[name]
                written.kept = rewrite.kept(name)
                self._library.keep(form.likeness, form.source, written)
        return source


def generate(model: Model) -> Source:
    """Write a model, all of whose choices are made, as a standalone Python module.

    Names are the user's own; structurally equal sub-graphs share a class; nothing dead is written. The same model
    gives the same text. For many models of one space, a `Generator` is faster.

    Raises:
        GenerationError: A choice is still open, a choice came to a layer that cannot be, or something has no Python
            form.
    """
    return Generator().generate(model)


def _prepare(model: Model) -> Model:
    live = model.fork()
    remove_dead(live)
    return live


class _Rewrite:
    """Rewrites graphs of a model into what a person writes.

    Args:
        live: The model.
        twins: For each graph concerned, the one that is written for it.

    Attributes:
        forms: What those that are written were before.
        reaches_out: Whether anything changed for the graphs around them.
    """

    def __init__(self, live: Model, twins: Mapping[str, str]) -> None:
        self.live = live
        firsts = dict.fromkeys(twins.values())
        described = ((name, outline(live.graphs[name])) for name in firsts)
        self.forms: dict[str, Outline] = {name: form for name, form in described if form is not None}
        self.reaches_out = False
        if not firsts:
            return
        self._members = {name: len(live.graphs[name].members) for name in firsts}
        before = self._look(firsts)
        restore_idioms(live, set(firsts))
        remove_dead(live)
        self.reaches_out = before != self._look(firsts)
        _drop_members(live, twins)
        for name in firsts:
            restore_loops(live, live.graphs[name])

    def _look(self, names: Iterable[str]) -> list[object]:
        """What other graphs can see of these, and which other graphs there are."""
        effects = Effects(self.live)
        looks: list[object] = [tuple(self.live.graphs)]
        for name in names:
            graph = self.live.graphs[name]
            effect = effects.summary(graph)
            looks.append((effect.acts, effect.own, effect.calls, [value.is_used for value in graph.inputs]))
        return looks

    def kept(self, name: str) -> frozenset[str] | None:
        """The members that a graph was left with; None for all."""
        members = self.live.graphs[name].members
        return None if len(members) == self._members[name] else frozenset(members)


def _drop_members(model: Model, twins: Mapping[str, str]) -> None:
    """Take from each graph the members that its twin does without since it was rewritten."""
    for name, twin in twins.items():
        kept = model.graphs[twin].members
        if len(model.graphs[name].members) > len(kept):
            graph = model.graph(name)
            graph.members = {key: member for key, member in graph.members.items() if key in kept}


def _register_sources(model: Model, twins: Mapping[str, str], known: Mapping[str, Written], imports: Imports) -> None:
    """Classes that are written out keep their names, so those have to be known before any class gets one."""
    for name, graph in model.graphs.items():
        written = known.get(twins.get(name, name))
        form = graph.outline
        if isinstance(form, Outline) and (written is None or written.kept is None):
            for kind in form.types:
                imports.name(kind)
            continue
        for member in (written.members(graph.members) if written is not None else graph.members).values():
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


def _note_state(book: ClassBook, name: str, prefix: str, origin: str, found: dict[str, str]) -> None:
    """Note, for each parameter and buffer of a graph, its path here and in the base model.

    Args:
        book: Knows the graphs and the names of their members.
        name: The graph.
        prefix: What paths of the generated model begin with: empty, or ending in a dot.
        origin: What paths of the base model begin with.
        found: Receives them.
    """
    for here, base, child in _list_state(book, name):
        if child is not None:
            _note_state(book, child, f"{prefix}{here}.", f"{origin}{base}." if base else origin, found)
        else:
            found[prefix + here] = origin + base


def _list_state(book: ClassBook, name: str) -> list[tuple[str, str, str | None]]:
    """The parameters, buffers and cells of a graph: path here, path in the base model, and the graph of a cell."""
    names, kept, is_root = book.names[name], book.outline(name), name == book.root_name
    if kept is not None and kept.state is not None and kept.state.names is names and kept.state.is_root == is_root:
        return kept.state.entries
    chain = book.chain(name)
    entries: list[tuple[str, str, str | None]] = []
    for key, member in book.members(name).items():
        here = str(chain.index(key)) if chain is not None else names.state_prefix(key)
        if here is None or member.origin is None:
            continue
        base = member.origin
        match member.op:
            case Cell(child):
                entries.append((here, base, child))
            case Module():
                entries += [(f"{here}.{item}", f"{base}.{item}", None) for item in _state_of(member.op)]
            case Tensor(kind=kind, persistent=persistent):
                if kind == "parameter" or (kind == "buffer" and persistent):
                    entries.append((here, base, None))
    if kept is not None:
        kept.state = State(names, is_root, entries)
    return entries


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

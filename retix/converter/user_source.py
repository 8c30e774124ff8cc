"""Users' classes and functions: imported by name where that works, written out in full where it does not."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

from retix.errors import ConversionError, RecipeError
from retix.ir import ClassSource
from retix.recipe import importable_name

_DECORATORS = {"basic_unit", "model_wrapper", "trace", "serialize_cls"}
_TORCH_NAMES = {"retix.nn.pytorch": "torch.nn"}


class SourceBook:
    """Names classes and functions, and keeps the texts of those that no import reaches."""

    def __init__(self) -> None:
        self.sources: dict[str, ClassSource] = {}

    def name(self, thing: Callable[..., Any], path: str) -> str:
        """An importable name, or a key of `sources`.

        Raises:
            ConversionError: It cannot be imported, and its source is not to be had or depends on live objects.
        """
        try:
            return importable_name(thing)
        except RecipeError:
            pass
        key = f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', repr(thing))}"
        if key not in self.sources:
            self.sources[key] = ClassSource(
                thing.__name__, "", (), ()
            )  # ends recursion of classes that name themselves
            self.sources[key] = self._write(thing, path)
        return key

    def _write(self, thing: Callable[..., Any], path: str) -> ClassSource:
        tree = _parse(thing, path)
        name = thing.__name__
        imports: list[str] = []
        needs: list[str] = []
        assignments: list[str] = []
        for used in _free_names(tree, name):
            found = _lookup(thing, used)
            if found is _MISSING:
                if not hasattr(builtins, used):
                    raise ConversionError(
                        f"{name} uses {used!r}, which cannot be found",
                        where=path,
                        why="it is a variable of the function that defines the class, or was deleted",
                        fix=f"move {name} to a module of its own, or pass {used!r} as an argument",
                    )
                continue
            if isinstance(found, types.ModuleType):
                imports.append(_import_statement(found, used))
            elif inspect.isclass(found) or inspect.isroutine(found):
                self._use(found, used, path, imports, needs)
            else:
                assignments.append(_assignment(found, used, name, path))
        code = ast.unparse(tree)
        text = "\n".join([*assignments, *([""] * 2 if assignments else []), code])
        return ClassSource(name, text, tuple(sorted({*imports} - {""})), tuple(dict.fromkeys(needs)))

    def _use(self, found: Any, used: str, path: str, imports: list[str], needs: list[str]) -> None:
        home = getattr(found, "__module__", None) or ""
        if home in _TORCH_NAMES:
            imports.append(_from(_TORCH_NAMES[home], found.__name__, used))
            return
        if home.split(".")[0] == "retix":
            raise ConversionError(
                f"a @basic_unit uses {used!r} of retix, which generated code cannot import",
                where=path,
                fix="leave choices out of basic units; pass them as arguments instead",
            )
        try:
            module, _, name = importable_name(found).rpartition(".")
        except RecipeError:
            needs.append(self.name(found, path))
        else:
            imports.append(_from(module, name, used))


_MISSING = object()


def _parse(thing: Callable[..., Any], path: str) -> ast.ClassDef | ast.FunctionDef:
    try:
        text = textwrap.dedent("".join(_source_lines(thing)))
        tree = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError, IndexError) as error:
        raise ConversionError(
            f"the source of {thing!r} is not to be had: {error}",
            where=path,
            why="it cannot be imported, so it has to be written into the generated module",
            fix="move it to a module of its own",
        ) from error
    if not isinstance(tree, (ast.ClassDef, ast.FunctionDef)):
        raise ConversionError(
            f"{thing!r} has no importable name and is no class or function definition",
            where=path,
            fix="define it with def or class in a module of its own",
        )
    tree.decorator_list = [d for d in tree.decorator_list if _decorator_name(d) not in _DECORATORS]
    return tree


def _source_lines(thing: Callable[..., Any]) -> list[str]:
    """The lines of a definition; for classes by way of a method, whose code knows its file also in notebooks."""
    try:
        return inspect.getsourcelines(thing)[0]
    except (OSError, TypeError):
        for member in vars(thing).values():
            code = getattr(inspect.unwrap(member) if callable(member) else None, "__code__", None)
            if code is not None:
                lines = inspect.findsource(code)[0]
                tree = ast.parse("".join(lines))
                for node in ast.walk(tree):
                    if isinstance(node, ast.ClassDef) and node.name == thing.__name__:
                        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                        return lines[first - 1 : node.end_lineno]
        raise


def _decorator_name(node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def _free_names(tree: ast.AST, own: str) -> Iterator[str]:
    """The names that a definition reads and does not define itself, in order of appearance."""
    bound = {own}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            bound.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    read.sort(key=lambda node: (node.lineno, node.col_offset))
    yield from dict.fromkeys(node.id for node in read if node.id not in bound and node.id != "__class__")


def _lookup(thing: Any, name: str) -> Any:
    """What ``name`` means where ``thing`` was defined: in an enclosing function, or in its module."""
    functions = [thing] if inspect.isfunction(thing) else [f for f in vars(thing).values() if callable(f)]
    for function in functions:
        original = inspect.unwrap(function)
        code = getattr(original, "__code__", None)
        if code is not None and name in code.co_freevars:
            cell = original.__closure__[code.co_freevars.index(name)]
            try:
                return cell.cell_contents
            except ValueError:
                return _MISSING
        if name in getattr(original, "__globals__", {}):
            return original.__globals__[name]
    module = sys.modules.get(getattr(thing, "__module__", ""))
    return vars(module).get(name, _MISSING) if module is not None else _MISSING


def _import_statement(module: types.ModuleType, alias: str) -> str:
    name = _TORCH_NAMES.get(module.__name__, module.__name__)
    if name.split(".")[0] == "retix":
        raise ConversionError(
            f"a @basic_unit uses the module {name} as {alias!r}, which generated code cannot import",
            fix="use torch inside basic units",
        )
    return f"import {name}" if name == alias else f"import {name} as {alias}"


def _from(module: str, name: str, alias: str) -> str:
    if not module or module == "builtins":
        return ""
    return f"from {module} import {name}" + (f" as {alias}" if alias != name else "")


def _assignment(value: Any, name: str, owner: str, path: str) -> str:
    try:
        if ast.literal_eval(repr(value)) == value:
            return f"{name} = {value!r}"
    except (ValueError, SyntaxError):
        pass
    raise ConversionError(
        f"{owner} uses the global {name!r}, which is {type(value).__name__} and cannot be written as source",
        where=path,
        fix=f"move {owner} to a module of its own, or pass {name!r} as an argument",
    )

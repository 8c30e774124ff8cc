"""Whether the model that is written out computes what the user's module computes."""

from __future__ import annotations

import linecache
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils import _pytree as pytree

from retix.codegen import Source, generate
from retix.converter import convert
from retix.errors import ConversionError
from retix.mutation import MutationSpace
from retix.space import Choice, Decision


def take_first(decision: Decision) -> Choice:
    """The answer that an open choice behaves like: the first candidates."""
    if decision.n_chosen is None:
        return decision.candidates[0]
    return tuple(range(max(decision.n_chosen, 1)))


def capture(module: torch.nn.Module, *args: Any, frontend: str | None = None, **kwargs: Any) -> Source:
    """The source of the module with first choices made; scripted if there are no example inputs."""
    model = convert(module, args or None, example_kwargs=kwargs, frontend=frontend)
    space = MutationSpace(model)
    return generate(space.build(space.walk(take_first)))


def load(source: Source) -> torch.nn.Module:
    """The model of a source."""
    file = f"<generated {source.entry}>"
    linecache.cache[file] = (len(source.text), None, source.text.splitlines(keepends=True), file)
    module = types.ModuleType("generated")
    sys.modules["generated"] = module  # dataclasses look their module up
    try:
        exec(compile(source.text, file, "exec"), vars(module))
    finally:
        del sys.modules["generated"]
    made: torch.nn.Module = getattr(module, source.entry)()
    return made


def assert_same(
    module: torch.nn.Module, *batches: tuple[Any, ...], traced: bool = True, frontend: str | None = None, **kwargs: Any
) -> str:
    """Capture ``module`` on the first batch, and compare what it and its copy do on all of them.

    Compared are, in eval and in training mode, the results bit by bit, the gradients and the state afterwards.

    Returns:
        The text of the copy.
    """
    source = capture(module, *(batches[0] if traced else ()), frontend=frontend, **kwargs)
    twin = load(source)
    state = module.state_dict()
    assert set(source.state_names) == set(twin.state_dict()), source.text
    twin.load_state_dict({here: state[base] for here, base in source.state_names.items()})
    for batch in batches:
        for training in (False, True):
            mine, theirs = (_run(part, training, batch, kwargs) for part in (module, twin))
            _assert_equal(mine, theirs, source.text)
            for here, value in twin.state_dict().items():
                assert torch.equal(value, module.state_dict()[source.state_names[here]]), here
            _assert_equal_gradients(module, twin, source)
    return source.text


def _run(module: torch.nn.Module, training: bool, batch: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    module.train(training)
    module.zero_grad()
    args, named = pytree.tree_map_only(torch.Tensor, torch.clone, (batch, kwargs))
    torch.manual_seed(3)
    results = module(*args, **named)
    total = sum(item.sum() for item in pytree.tree_leaves(results) if isinstance(item, torch.Tensor))
    if isinstance(total, torch.Tensor) and total.requires_grad:
        total.backward()
    return results


def _assert_equal(mine: Any, theirs: Any, text: str) -> None:
    left, left_spec = pytree.tree_flatten(mine)
    right, right_spec = pytree.tree_flatten(theirs)
    assert left_spec == right_spec, text
    for one, other in zip(left, right, strict=True):
        equal = torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
        assert equal, text


def _assert_equal_gradients(module: torch.nn.Module, twin: torch.nn.Module, source: Source) -> None:
    gradients = {name: parameter.grad for name, parameter in module.named_parameters(remove_duplicate=False)}
    for here, parameter in twin.named_parameters(remove_duplicate=False):
        wanted = gradients[source.state_names[here]]
        assert (wanted is None) == (parameter.grad is None), here
        assert wanted is None or torch.equal(wanted, parameter.grad), here


@contextmanager
def refused(what: str, *, file: str | None = None, line: str | None = None) -> Iterator[None]:
    """Expect a conversion error that says ``what``, at the line of ``file`` that holds ``line``."""
    with pytest.raises(ConversionError, match=what) as caught:
        yield
    assert caught.value.fix
    if line is not None:
        assert caught.value.where is not None, caught.value
        where, _, number = caught.value.where.rpartition(":")
        assert where == file
        assert line in linecache.getline(where, int(number)), caught.value

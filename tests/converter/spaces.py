"""Whether both ways to build a model of a space agree: through the graph and its code, and in Python."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.codegen import Source, generate
from retix.converter import convert
from retix.mutation import MutationSpace, find_decisions
from retix.nn.pytorch import LayerChoice, fix
from tests.converter.equality import load


def assert_builds_agree(
    net: torch.nn.Module, inputs: Any, n: int, *, frontend: str | None = None, seed: int = 0
) -> list[Source]:
    """Build ``n`` random models of a space through the graph and by `fix`, and compare what they compute.

    The code that is generated takes its weights by `Source.state_names`; where a choice changed a shape, which gives
    new weights, those of the Python build. Both are run in eval and in training mode.

    Args:
        net: The base model.
        inputs: One tensor, or a tuple of positional inputs.
        n: How many samples are drawn.
        frontend: Which one captures; `script` is given no inputs.
        seed: What the samples are drawn with.

    Returns:
        The sources, in the order of the samples.
    """
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    model = convert(net, None if frontend == "script" else args, frontend=frontend)
    space = MutationSpace(model)
    # a sample has no answers to what makes no difference; the Python build asks for them
    dead = {decision.label: decision.first() for decision in find_decisions(model)}
    draw = random.Random(seed)
    sources = []
    for _ in range(n):
        sample = space.walk(lambda decision: decision.draw(draw))
        source = generate(space.build(sample))
        fixed = fix(net, {**dead, **sample})
        twin = load(source)
        _load_weights(twin, source, net, fixed)
        for training in (False, True):
            wanted, found = (_run(module, training, args) for module in (fixed, twin))
            assert _is_equal(wanted, found), f"{sample}\n{source.text}"
        sources.append(source)
    return sources


def _load_weights(twin: torch.nn.Module, source: Source, net: torch.nn.Module, fixed: torch.nn.Module) -> None:
    base, built = net.state_dict(), fixed.state_dict()
    assert set(source.state_names) == set(twin.state_dict()), source.text
    state = {}
    for here, origin in source.state_names.items():
        value = built[name_in_build(net, origin)]
        if base[origin].shape == value.shape:
            assert torch.equal(base[origin], value), f"the Python build lost the weights of {origin}"
            value = base[origin]
        state[here] = value
    twin.load_state_dict(state)


def name_in_build(net: torch.nn.Module, name: str) -> str:
    """The name of a parameter of the base model in a build, where a chosen candidate has its choice's name."""
    kept: list[str] = []
    part: Any = net
    for step in name.split("."):
        if not isinstance(part, LayerChoice):
            kept.append(step)
        part = part._modules.get(step) if isinstance(part, torch.nn.Module) else None
    return ".".join(kept)


def _run(module: torch.nn.Module, training: bool, args: tuple[Any, ...]) -> Any:
    module.train(training)
    torch.manual_seed(7)
    return module(*pytree.tree_map_only(torch.Tensor, torch.clone, args))


def _is_equal(left: Any, right: Any) -> bool:
    mine, theirs = pytree.tree_leaves(left), pytree.tree_leaves(right)
    return len(mine) == len(theirs) and all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in zip(mine, theirs, strict=True)
    )

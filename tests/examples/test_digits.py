"""The space of the digits example: what is generated computes what the user's module does under the same choices."""

from __future__ import annotations

import copy
import importlib.util
import itertools
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.codegen import Source, generate
from retix.converter import convert
from retix.mutation import MutationSpace
from retix.nn.pytorch.input_choice import reduce
from retix.recipe import recipe_of
from retix.space import Sample, evaluate

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "digits.py"


class SmallNet(nn.Module):
    """The example's kinds of choices, few of each: 2 * 2 * 2 * 3 * 2 = 48 answers, 40 of them different samples."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([2, 4], label="width")
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.block = nn.LayerChoice(
            {
                "conv": nn.Conv2d(width, width, 3, padding=1),
                "bottleneck": nn.Sequential(nn.Conv2d(width, width // 2, 1), nn.Conv2d(width // 2, width, 1)),
            },
            label="block",
        )
        self.act = nn.LayerChoice([nn.ReLU(), nn.GELU()], label="act")
        self.skip = nn.InputChoice(n_candidates=2, n_chosen=None, label="skip")
        self.dropout = nn.Dropout(nn.ValueChoice([0.0, 0.5], label="dropout"))
        self.head = nn.Linear(width * 64, 10)

    def forward(self, x: torch.Tensor) -> Any:
        x = F.relu(self.norm(self.stem(x)))
        x = self.act(self.skip([x, self.block(x)]))
        return self.head(F.dropout(self.dropout(x.flatten(1)), 0.1, self.training))


def choose(module: torch.nn.Module, sample: Mapping[str, Any]) -> torch.nn.Module:
    """The user's own module with the choices made in Python: no graph, no generated code.

    Of a choice that the sample leaves out, as nothing depends on it, the module keeps the first candidate.
    """
    chosen = copy.deepcopy(module)
    for owner in list(chosen.modules()):
        for name, part in list(owner.named_children()):
            recipe = recipe_of(part)
            if isinstance(part, nn.LayerChoice):
                answer = sample.get(part.label or "", part.names[0])
                # looked up when called: by then the candidate itself has been made anew
                part.forward = lambda *args, part=part, answer=answer: part[answer](*args)  # type: ignore[method-assign]
            elif isinstance(part, nn.InputChoice):
                indices, reduction = sample[part.label or ""], part.reduction
                part.forward = (  # type: ignore[method-assign]
                    lambda inputs, indices=indices, reduction=reduction: reduce([inputs[i] for i in indices], reduction)
                )
            elif recipe is not None:
                args, kwargs = evaluate(recipe.args, sample), evaluate(dict(recipe.kwargs), sample)
                setattr(owner, name, recipe.target(*args, **kwargs))
    return chosen


def build(source: Source) -> torch.nn.Module:
    """The generated model."""
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source.text, "generated.py", "exec"), namespace)
    model: torch.nn.Module = namespace[source.entry]()
    return model


def check_equal(base: torch.nn.Module, space: MutationSpace, sample: Sample) -> None:
    """Both give bit for bit the same outputs with the same weights, in eval and, with the same seed, in train mode."""
    source = generate(space.build(sample))
    generated, direct = build(source), choose(base, sample)
    state = generated.state_dict()
    assert set(source.state_names) == set(state)
    missing, unexpected = direct.load_state_dict({b: state[g] for g, b in source.state_names.items()}, strict=False)
    assert not unexpected, "every generated parameter has its place in the user's module"
    used = {name for name, _ in direct.named_parameters()} - set(missing)
    assert used, "the user's module got the generated weights"
    x = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    for training in (False, True):
        outputs = []
        for model in (generated, direct):
            model.train(training)
            torch.manual_seed(2)
            outputs.append(model(x))
        assert torch.equal(*outputs), (sample, training)
    generated_state = generated.state_dict()
    for ours, theirs in source.state_names.items():  # training has moved the same statistics
        assert torch.equal(generated_state[ours], direct.state_dict()[theirs])


def load_example() -> torch.nn.Module:
    """The example's base model."""
    spec = importlib.util.spec_from_file_location("digits_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net: torch.nn.Module = module.Net()
    return net


def test_every_sample_of_a_small_variant() -> None:
    """All combinations of a small variant compute what the user's module computes."""
    base = SmallNet()
    space = MutationSpace(convert(base, torch.randn(2, 1, 8, 8)))
    samples = set()
    for width, block, act, skip, dropout in itertools.product(
        (2, 4), ("conv", "bottleneck"), ("0", "1"), ((0,), (1,), (0, 1)), (0.0, 0.5)
    ):
        answers = {"width": width, "block": block, "act": act, "skip": skip, "dropout": dropout}
        samples.add(space.complete(answers))
    assert len(samples) == space.size == 40
    for sample in samples:
        check_equal(base, space, sample)


@pytest.mark.parametrize("seed", range(4))
def test_random_samples_of_the_example(seed: int) -> None:
    """Random samples of the example's 9,288 compute what the user's module computes."""
    base = load_example()
    space = MutationSpace(convert(base, torch.randn(2, 1, 8, 8)))
    rng = random.Random(seed)
    for _ in range(15):
        check_equal(base, space, space.walk(lambda decision: decision.draw(rng)))

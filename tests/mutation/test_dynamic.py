"""Mutators that users write and that decide as they go, with every strategy there is."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from retix.errors import InvalidMutation
from retix.ir import Model
from retix.mutation import MutationSpace, Mutator
from retix.space import Sample
from retix.strategy import GP, Strategy
from retix.testing import search
from tests.mutation.spaces import make_conditional_model
from tests.strategy.test_strategy import OBLIVIOUS, ORDERED, SLOW, STRATEGIES, WRAPPED, MeasuredSpace

ALL: dict[str, Callable[[int | None], Strategy]] = {**OBLIVIOUS, **ORDERED, **STRATEGIES, **WRAPPED, **SLOW}
ALL["gp"] = lambda seed: GP(n_startup=8, seed=seed)


class Tower(Mutator):
    """Puts layers before the model: how many is chosen first, then the width of each, which never shrinks.

    So both the number of choices and their candidates depend on earlier ones. After a wide layer it asks whether to
    norm, and of two norms in a row it says that there is no such model.
    """

    def mutate(self, model: Model) -> None:
        least, normed = 4, False
        for _ in range(self.choice([1, 2, 3])):
            graph = model.root
            least = self.choice([width for width in (4, 8, 16) if width >= least])
            graph.insert_on(graph.inputs[0], "fc", "torch.nn.Linear", {"out_features": least})
            if least == 16:
                again = self.choice([False, True])
                if again and normed:
                    raise InvalidMutation("two norms in a row")
                normed = again


def make_space() -> MeasuredSpace:
    """Inline choices, some of them conditional, and a mutator that decides as it goes."""
    return MeasuredSpace(lambda: MutationSpace(make_conditional_model(), [Tower("tower")]))


def rate(sample: Sample) -> float:
    """Towers that are high and wide are good."""
    return float(sum(answer for label, answer in sample.items() if label.startswith("tower/")))


def depth_of(sample: Sample) -> int:
    """How many choices the mutator made."""
    return sum(label.startswith("tower/") for label in sample)


@pytest.mark.parametrize("name", ALL)
def test_every_strategy_takes_them(name: str) -> None:
    """Proposals of different length come, each of which makes a model, and a state goes on as the strategy would."""
    space, make = make_space(), ALL[name]
    strategy = make(1)
    strategy.start(space)
    proposals = search(strategy, rate, 12, workers=2)
    assert len(proposals) == 12
    assert len({depth_of(proposal.sample) for proposal in proposals}) > 1
    for proposal in proposals:
        assert space.complete(proposal.sample) == proposal.sample
    again = make(2)
    again.load_state(json.loads(json.dumps(strategy.state())))
    again.start(space)
    assert search(again, rate, 3, first=13) == search(strategy, rate, 3, first=13)


def test_the_models_are_whole() -> None:
    """What such samples make is a model with as many layers as were chosen."""
    space = MutationSpace(make_conditional_model(), [Tower("tower")])
    strategy = ALL["evolution"](1)
    strategy.start(space)
    built = 0
    for proposal in search(strategy, rate, 20):
        sample = proposal.sample
        layers = [answer for label, answer in sample.items() if label.startswith("tower/") and type(answer) is int][1:]
        try:
            model = space.build(sample)
        except InvalidMutation:
            assert layers[-2:] == [16, 16]  # the norms that were refused
            continue
        model.verify()
        built += 1
        assert len([name for name in model.root.members if name.startswith("fc")]) == len(layers) == sample["tower/0"]
    assert built > 10

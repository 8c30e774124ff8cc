"""Strategies written for NNI, driven as a search drives them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import ConfigError, ExecutionError, MutationError
from retix.experiment.user_strategy import (
    UserStrategy,
    budget_exhausted,
    is_stopped_exec,
    list_models,
    query_available_resources,
    submit_models,
    wait_models,
)
from retix.ir import Model, ModelStatus
from retix.model_space import ModelSpace
from retix.mutation import Mutator
from retix.space import DecisionSpace
from retix.strategy import BaseStrategy
from retix.trial import Failure, FailureKind, Proposal, Trial, TrialState

WIDTHS = (2, 3, 4)


class Net(nn.Module):
    """One width in two places, and one of two activations."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice(WIDTHS, label="width")
        self.first = nn.Linear(2, width)
        self.activation = nn.LayerChoice([nn.ReLU(), nn.Tanh()], label="activation")
        self.last = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply all three."""
        return self.last(self.activation(self.first(x)))


class Function(BaseStrategy):
    """Runs a function."""

    def __init__(self, function: Callable[[Model, Sequence[Mutator]], None]) -> None:
        self.function = function

    def run(self, base_model: Model, applied_mutators: Sequence[Mutator]) -> None:
        self.function(base_model, applied_mutators)


def make(base_model: Model, mutators: Sequence[Mutator], **answers: Any) -> Model:
    """A model: the given answers, and the first of all others."""
    for mutator in mutators:
        base_model = mutator.apply(base_model, lambda d: answers.get(d.label, d.first()))
    return base_model


@pytest.fixture(scope="module")
def space() -> ModelSpace:
    """The space of `Net`."""
    return ModelSpace(Net())


def start(space: ModelSpace, function: Callable[[Model, Sequence[Mutator]], None], **settings: Any) -> UserStrategy:
    """A strategy that runs ``function``."""
    strategy = UserStrategy(Function(function), **settings)
    strategy.start(space)
    return strategy


def ask(strategy: UserStrategy) -> Proposal | None:
    """Ask until there is a proposal, or will be none."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        proposal = strategy.ask()
        if proposal is not None or strategy.exhausted:
            return proposal
    raise AssertionError("the strategy proposes nothing and does not end")


def ended(number: int, proposal: Proposal, metric: float = 1.0) -> Trial:
    """A trial that went well."""
    return Trial(number, proposal.sample, TrialState.SUCCEEDED, {"default": metric})


def drive(strategy: UserStrategy, score: Callable[[Any], float] = lambda sample: 1.0) -> list[Proposal]:
    """Run each proposal at once, to the end."""
    proposals = []
    while (proposal := ask(strategy)) is not None:
        proposals.append(proposal)
        strategy.tell(ended(len(proposals), proposal, score(proposal.sample)))
    return proposals


def test_one_round_after_the_other(space: ModelSpace) -> None:
    """Each model that is submitted is proposed, and its result is seen on the model."""
    seen: list[list[float]] = []

    def run(base_model: Model, mutators: Sequence[Mutator]) -> None:
        for width in WIDTHS:
            models = [make(base_model, mutators, width=width, activation=name) for name in ("0", "1")]
            submit_models(*models)
            wait_models(*models)
            seen.append([model.metric for model in models])

    proposals = drive(start(space, run, slots=2), lambda sample: sample["width"] + int(sample["activation"]) / 10)
    assert [dict(proposal.sample) for proposal in proposals] == [
        {"width": width, "activation": name} for width in WIDTHS for name in ("0", "1")
    ]
    assert seen == [[2.0, 2.1], [3.0, 3.1], [4.0, 4.1]]


def test_the_loop_of_nni(space: ModelSpace) -> None:
    """It looks for free slots, sleeps, and ends when the budget is spent."""

    def run(base_model: Model, mutators: Sequence[Mutator]) -> None:
        rng = random.Random(1)
        while True:
            while query_available_resources() <= 0:
                if budget_exhausted():
                    return
                time.sleep(0.002)
            submit_models(make(base_model, mutators, width=rng.choice(WIDTHS)))

    assert len(drive(start(space, run, slots=2, max_trials=5))) == 5


def test_slots_and_budget(space: ModelSpace) -> None:
    """What is queued takes a slot; a duplicate gives its part of the budget back."""
    counts: list[tuple[int, bool]] = []

    def run(base_model: Model, mutators: Sequence[Mutator]) -> None:
        models = [make(base_model, mutators) for _ in range(2)]
        for model in models:
            counts.append((query_available_resources(), budget_exhausted()))
            submit_models(model)
        counts.append((query_available_resources(), budget_exhausted()))
        wait_models(*models)
        counts.append((query_available_resources(), budget_exhausted()))

    strategy = start(space, run, slots=3, max_trials=2)
    first, second = ask(strategy), ask(strategy)
    assert first is not None
    assert second is not None
    strategy.tell(ended(1, first))
    strategy.tell(replace(ended(2, second), state=TrialState.DUPLICATE))
    assert ask(strategy) is None
    assert counts == [(3, False), (2, False), (0, True), (3, False)]


def test_the_life_of_a_model(space: ModelSpace) -> None:
    """Its status and its intermediate results change while the strategy waits; a failed model has no metric."""
    model: list[Model] = []

    def run(base_model: Model, mutators: Sequence[Mutator]) -> None:
        model.append(make(base_model, mutators))
        submit_models(*model)
        wait_models(*model)
        assert list_models() == model

    strategy = start(space, run)
    proposal = ask(strategy)
    assert proposal is not None
    assert model[0].status is ModelStatus.Frozen
    strategy.started(1)
    assert model[0].status is ModelStatus.Training
    assert not is_stopped_exec(model[0])
    strategy.report(1, {"default": 0.5, "loss": 1.0})
    assert model[0].intermediate_metrics == [0.5]
    failure = Failure(FailureKind.RAISED, "no")
    strategy.tell(Trial(1, proposal.sample, TrialState.FAILED, failure=failure))
    assert (model[0].status, model[0].metric) == (ModelStatus.Failed, None)
    assert is_stopped_exec(model[0])
    assert ask(strategy) is None


def test_an_error_in_run(space: ModelSpace) -> None:
    """It comes through to the search."""

    def run(base_model: Model, mutators: Sequence[Mutator]) -> None:
        raise ValueError("a slip")

    with pytest.raises(ValueError, match="a slip"):
        ask(start(space, run))


def test_a_model_that_is_not_what_was_chosen(space: ModelSpace) -> None:
    """Workers would train another one: the line that submits it is named."""

    def run(base_model: Model, mutators: Sequence[Mutator]) -> None:
        submit_models(make(base_model, mutators[:1]))

    with pytest.raises(MutationError, match="not what its mutators made") as caught:
        ask(start(space, run))
    assert caught.value.where is not None
    assert "test_user_strategy.py" in caught.value.where


@pytest.mark.parametrize("way", ["wait", "submit", "look"])
def test_the_end_of_a_search_ends_the_thread(space: ModelSpace, way: str) -> None:
    """Whatever the strategy does next: it waits, submits, or looks for free slots for ever."""
    over = threading.Event()

    def run(base_model: Model, mutators: Sequence[Mutator]) -> None:
        try:
            model = make(base_model, mutators)
            submit_models(model)
            while True:
                if way == "wait":
                    wait_models(model)
                elif way == "submit":
                    time.sleep(0.005)
                    submit_models(model)
                else:
                    query_available_resources()
                    time.sleep(0.005)
        finally:
            over.set()

    strategy = start(space, run)
    assert ask(strategy) is not None
    strategy.close()
    strategy.close()
    assert over.wait(10)


def test_outside_of_a_search() -> None:
    """The functions say where they belong."""
    for function in (submit_models, wait_models, list_models, query_available_resources, budget_exhausted):
        with pytest.raises(ExecutionError, match=f"{function.__name__} is called outside of a search"):
            function()


def test_two_searches_at_once(space: ModelSpace) -> None:
    """Each strategy sees its own models alone."""
    counts: list[int] = []

    def run(base_model: Model, mutators: Sequence[Mutator]) -> None:
        model = make(base_model, mutators)
        submit_models(model)
        wait_models(model)
        counts.append(len(list_models()))

    strategies = [start(space, run), start(space, run)]
    proposals = [ask(strategy) for strategy in strategies]
    for strategy, proposal in zip(strategies, proposals, strict=True):
        assert proposal is not None
        strategy.tell(ended(1, proposal))
    assert [ask(strategy) for strategy in strategies] == [None, None]
    assert counts == [1, 1]


def test_the_python_engine() -> None:
    """There the model holds no graph, and each mutator asks one decision."""

    def run(base_model: Model, mutators: Sequence[Mutator]) -> None:
        assert sorted(mutator.label for mutator in mutators) == ["activation", "width"]
        submit_models(make(base_model, mutators, width=4))

    (proposal,) = drive(start(ModelSpace(Net(), engine="py"), run))
    assert dict(proposal.sample) == {"width": 4, "activation": "0"}


def test_what_it_refuses(space: ModelSpace) -> None:
    """A space of plain decisions has no models; and what runs in one go cannot go on in the middle."""
    strategy = UserStrategy(Function(lambda base_model, mutators: None))
    with pytest.raises(ConfigError, match="searches a DecisionSpace"):
        strategy.start(DecisionSpace([]))
    with pytest.raises(ConfigError, match="takes no state"):
        strategy.load_state(strategy.state())


def test_it_leaves_ranking_to_the_experiment() -> None:
    """Unless it has its own."""
    with pytest.raises(NotImplementedError, match="leaves ranking to the experiment"):
        Function(lambda base_model, mutators: None).export_top_models(1)

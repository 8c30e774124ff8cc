"""Search by reinforcement learning; what it shares with every strategy is tested in `test_strategy`."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import retix.strategy
from retix.errors import ConfigError, SpaceError
from retix.objective import Limit, Objective, Objectives
from retix.space import Decision, DecisionSpace, Sample, SearchSpace
from retix.strategy import Random, Strategy
from retix.strategy.policy_based_rl import PolicyBasedRL
from retix.strategy.rl import Policy, Question
from retix.testing import make_trial, search
from retix.trial import Proposal, Trial, TrialState
from tests.strategy.toys import make_flat_space


def start(space: SearchSpace, **settings: Any) -> PolicyBasedRL:
    """A strategy that is ready to be asked."""
    strategy = PolicyBasedRL(**{"seed": 1, **settings})
    strategy.start(space)
    return strategy


def count_matches(sample: Sample) -> float:
    """How many of eight decisions are answered as they should be; 25 of 65,536 samples have seven or more."""
    return sum(int(value) == (3 * index + 1) % 4 for index, value in enumerate(sample.values()))


def trials_until(strategy: Strategy, least: float, most: int) -> int:
    """After how many trials a sample has that many matches, or ``most``."""
    space = make_flat_space(8)
    strategy.start(space)
    for number in range(1, most):
        proposal = strategy.ask()
        assert proposal is not None
        score = count_matches(proposal.sample)
        strategy.tell(make_trial(number, proposal, score))
        if score >= least:
            return number
    return most


@pytest.mark.parametrize(("policy", "collect"), [("lstm", 5), ("lstm", 20), ("mlp", 5)])
def test_it_learns(policy: Any, collect: int) -> None:
    """It comes within one answer of the optimum after a small part of the trials that random search needs (2,600)."""
    assert trials_until(PolicyBasedRL(trial_per_collect=collect, policy=policy, seed=1), 7, 150) < 150
    assert min(trials_until(Random(seed=seed), 7, 300) for seed in range(3)) == 300


def test_it_minimizes() -> None:
    """What is aimed at counts, by its own name and direction, and limits come before it."""
    space = DecisionSpace([Decision("x", tuple(range(8)))])

    def rate(sample: Sample) -> dict[str, float]:
        return {"default": 1.0, "loss": float(sample["x"]), "size": 10.0 - sample["x"]}

    strategy = PolicyBasedRL(20, 5, learning_rate=0.1, seed=1)
    strategy.aim(Objectives([Objective("loss", "minimize")], [Limit("size", at_most=7.0)]))
    strategy.start(space)
    late = Counter(proposal.sample["x"] for proposal in search(strategy, rate, 100)[60:])
    assert late.most_common(1)[0][0] == 3  # the least loss within the limit
    with pytest.raises(ConfigError, match="PolicyBasedRL searches for one objective, and there are 2"):
        PolicyBasedRL().aim(Objectives([Objective(), Objective("loss", "minimize")]))


@pytest.mark.parametrize("mode", ["maximize", "minimize"])
def test_the_mode_counts_where_nothing_is_aimed_at(mode: Any) -> None:
    """Driven by hand, the constructor says the direction."""
    space = DecisionSpace([Decision("x", (0, 1, 2, 3))])
    strategy = start(space, trial_per_collect=4, learning_rate=0.1, optimize_mode=mode)
    late = Counter(p.sample["x"] for p in search(strategy, lambda sample: float(sample["x"]), 80)[40:])
    assert late.most_common(1)[0][0] == (3 if mode == "maximize" else 0)
    assert strategy.optimize_mode == mode


def test_updates_come_with_results() -> None:
    """The policy changes exactly when ``trial_per_collect`` results are in, whatever the order of the trials."""
    strategy = start(make_flat_space(3), trial_per_collect=4)
    proposals = [strategy.ask() for _ in range(10)]
    weights = [json.dumps(strategy.state()["network"])]
    for index in (7, 2, 9, 0, 4, 1, 3, 8):
        proposal = proposals[index]
        assert proposal is not None
        strategy.tell(make_trial(index + 1, proposal, float(index)))
        weights.append(json.dumps(strategy.state()["network"]))
    changed = [index for index in range(1, 9) if weights[index] != weights[index - 1]]
    assert changed == [4, 8]


def test_failures_count_as_the_worst_or_not_at_all() -> None:
    """A failure is a result, unless it is to be ignored; what was stopped from outside is none."""
    for settings, counted in ({"on_failure": "worst"}, 2), ({"on_failure": "ignore"}, 1):
        strategy = start(make_flat_space(2), **settings)
        proposals = [strategy.ask() for _ in range(3)]
        states = (TrialState.FAILED, TrialState.STOPPED, TrialState.PRUNED)
        for number, (proposal, state) in enumerate(zip(proposals, states, strict=True), 1):
            assert proposal is not None
            metrics = {"default": 0.5} if state is TrialState.PRUNED else {}
            strategy.tell(Trial(number, proposal.sample, state, metrics, steps=len(metrics)))
        assert len(strategy.state()["told"]) == counted
        assert strategy.state()["pending"] == {}


def test_it_avoids_what_fails() -> None:
    """An answer with which every trial fails is hardly proposed any more."""
    space = DecisionSpace([Decision("op", ("good", "bad")), *make_flat_space(4).decisions])
    strategy = start(space, trial_per_collect=5, learning_rate=0.05)
    proposals = search(strategy, lambda sample: None if sample["op"] == "bad" else 1.0, 80)
    assert sum(proposal.sample["op"] == "bad" for proposal in proposals[60:]) <= 5


def test_trials_of_others_teach() -> None:
    """A sample that somebody else proposed counts as if the policy had; one of another space is refused."""
    strategy = start(make_flat_space(2), trial_per_collect=3)
    strategy.tell(make_trial(1, Proposal(Sample({"d0": 1, "d1": 3})), 1.0))
    ((step, other),) = (told["steps"] for told in strategy.state()["told"])
    assert (step[1], other[1]) == (1, 3)
    assert step[3] == pytest.approx(-1.386, abs=0.05)  # near one in four
    with pytest.raises(SpaceError, match="'d1' has no answer in a sample that was told"):
        strategy.tell(make_trial(2, Proposal(Sample({"d0": 1})), 1.0))


def test_it_repeats_itself_only_when_it_must() -> None:
    """All samples of a small space come before one comes again, also when the policy has become certain."""
    strategy = start(make_flat_space(2, 3), trial_per_collect=3, learning_rate=0.3, entropy=0.0)
    proposals = search(strategy, lambda sample: float(sample["d0"] == 1), 12)
    assert len({proposal.sample for proposal in proposals[:9]}) >= 8
    assert len(proposals) == 12


def test_it_ends() -> None:
    """After ``max_collect`` times ``trial_per_collect`` proposals there are no more."""
    strategy = start(make_flat_space(4), max_collect=3, trial_per_collect=2)
    assert len(search(strategy, count_matches, 50)) == 6
    assert strategy.exhausted


def test_torch_is_left_alone() -> None:
    """Neither torch's random numbers nor its number of threads change."""
    kept, threads = torch.get_rng_state(), torch.get_num_threads()
    strategy = start(make_flat_space(3), trial_per_collect=2)
    search(strategy, count_matches, 6)
    assert torch.equal(torch.get_rng_state(), kept)
    assert torch.get_num_threads() == threads


class OnlyLast(DecisionSpace):
    """A space that shows everything, and permits one sample of 256."""

    def permits(self, sample: Sample) -> bool:
        return all(value == 3 for value in sample.values())


def test_what_the_space_refuses_is_not_proposed() -> None:
    """Where the policy finds nothing that is permitted, chance does; where there is nothing, it says so."""
    strategy = start(OnlyLast(make_flat_space(4).decisions))
    assert [strategy.ask() for _ in range(2)] == [Proposal(Sample({f"d{i}": 3 for i in range(4)}))] * 2
    nothing = type("Nothing", (DecisionSpace,), {"permits": lambda self, sample: False})
    with pytest.raises(SpaceError, match="refused every model of the space"):
        start(nothing([Decision("x", (1, 2))])).ask()


def test_subsets() -> None:
    """Subsets of few and of many candidates are answered, and learned."""
    space = DecisionSpace(
        [
            Decision("few", tuple("abc"), n_chosen=-1),
            Decision("many", tuple(range(10)), n_chosen=-1),
            Decision("three", tuple(range(10)), n_chosen=3),
        ]
    )
    strategy = start(space, trial_per_collect=10, learning_rate=0.05)
    proposals = search(strategy, lambda sample: len(set(sample["three"]) & {1, 5, 9}) - len(sample["many"]), 80)
    assert all(space.complete(proposal.sample) == proposal.sample for proposal in proposals)

    def mean(part: list[Proposal]) -> float:
        return sum(len(proposal.sample["many"]) for proposal in part) / len(part)

    assert mean(proposals[60:]) < mean(proposals[:20]) - 1.5


def test_priors_are_where_it_begins() -> None:
    """Before anything is learned, answers come by the prior weights of their decision."""
    space = DecisionSpace([Decision("x", (0, 1), weights=(0.9, 0.1)), *make_flat_space(6).decisions])
    strategy = start(space)
    drawn = [proposal.sample["x"] for _ in range(100) if (proposal := strategy.ask())]
    assert 2 <= sum(drawn) <= 22


class Tabular(Policy):
    """A policy that weighs each answer by itself, whatever came before."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.ParameterList()

    def meet(self, question: Question) -> None:
        self.logits.append(nn.Parameter(0.01 * torch.randn(question.size)))

    def begin(self, count: int) -> None:
        return None

    def step(self, state: None, questions: Tensor, previous: Tensor) -> tuple[Tensor, None]:
        widest = max(len(logits) for logits in self.logits)
        table = torch.stack([nn.functional.pad(logits, (0, widest - len(logits))) for logits in self.logits])
        return table[questions], None


def test_a_policy_of_ones_own() -> None:
    """A function makes the policy, from the space; it learns, and its state goes through JSON."""
    spaces = []

    def make(space: SearchSpace) -> Policy:
        spaces.append(space)
        return Tabular()

    space = make_flat_space(8)
    strategy = start(space, trial_per_collect=5, policy_fn=make, learning_rate=0.1)
    proposals = search(strategy, count_matches, 120)
    assert spaces == [space]
    scores = [count_matches(proposal.sample) for proposal in proposals]
    assert sum(scores[100:]) / 20 > sum(scores[:20]) / 20 + 1
    other = start(space, trial_per_collect=5, policy_fn=make, learning_rate=0.1, seed=2)
    other.load_state(json.loads(json.dumps(strategy.state())))
    assert search(other, count_matches, 12, first=121) == search(strategy, count_matches, 12, first=121)


def test_policies_of_tianshou_are_refused() -> None:
    """NNI's functions make something else."""
    with pytest.raises(ConfigError, match="policy_fn has made a Linear"):
        start(make_flat_space(1), policy_fn=lambda env: nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_collect": 0}, "max_collect is 0"),
        ({"trial_per_collect": 0}, "trial_per_collect is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"policy": "gru"}, "policy is 'gru'"),
        ({"on_failure": "retry"}, "on_failure is 'retry'"),
        ({"optimize_mode": "best"}, "mode of 'default' is 'best'"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"clip": -0.1}, "clip is -0.1"),
        ({"entropy": float("nan")}, "entropy is nan"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    """What makes no sense is refused at once."""
    with pytest.raises(ConfigError, match=message):
        PolicyBasedRL(**settings)


def test_a_state_may_be_loaded_before_there_is_a_policy() -> None:
    """States of a strategy that was not started, and of one that was, are loaded before and after start."""
    fresh = PolicyBasedRL(seed=5).state()
    assert fresh["network"] == {}
    loaded = start(make_flat_space(3), seed=9)
    loaded.load_state(fresh)
    again = start(make_flat_space(3), seed=5)
    assert [loaded.ask() for _ in range(3)] == [again.ask() for _ in range(3)]


def test_it_is_found_where_nni_had_it() -> None:
    """By all its paths, with NNI's arguments."""
    assert retix.strategy.PolicyBasedRL is retix.strategy.rl.PolicyBasedRL is PolicyBasedRL
    assert PolicyBasedRL(100, 20, None).optimize_mode is None


def test_an_ask_does_not_look_at_the_whole_space() -> None:
    """A decision of ten thousand answers, and one of a million subsets, are asked like any other."""
    space = DecisionSpace([Decision("x", tuple(range(10_000))), Decision("s", tuple(range(20)), n_chosen=-1)])
    strategy = start(space, trial_per_collect=2)
    assert len(search(strategy, lambda sample: sample["x"] / 10_000, 5)) == 5
    assert len(random.Random(0).sample(strategy.state()["questions"], 5)) == 5

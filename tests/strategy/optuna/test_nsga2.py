"""NSGA-II."""

from __future__ import annotations

import random

import optuna
import pytest

from retix.errors import ConfigError
from retix.objective import Limit, Objective, Objectives
from retix.pareto import rank
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy import NSGA2
from retix.testing import make_trial, search
from retix.trial import Proposal, Trial, TrialState
from tests.strategy.optuna.direct import Direct

LETTERS = 6
TWO = Objectives([Objective(), Objective("size", "minimize")])


def make_letters() -> DecisionSpace:
    """Six decisions of three letters each."""
    return DecisionSpace(Decision(f"d{index}", ("a", "b", "c")) for index in range(LETTERS))


def measure(sample: Sample) -> dict[str, float]:
    """Two metrics, and not both can be best: "a" and "b" are good, but large."""
    letters = list(sample.values())
    good = sum((index + 1) * (letter == "a") for index, letter in enumerate(letters)) + 2 * letters.count("b")
    return {"default": float(good), "size": float(3 * letters.count("a") + letters.count("b"))}


@pytest.mark.parametrize("workers", [1, 3])
def test_proposals_are_optunas(workers: int) -> None:
    """Without care for duplicates it proposes what Optuna does, driven directly, generation after generation."""
    strategy = NSGA2(population_size=4, dedup=False, seed=5)
    strategy.aim(TWO)
    strategy.start(make_letters())
    proposals: list[Proposal] = []
    for _ in range(4):
        proposal = strategy.ask()
        assert proposal is not None
        proposals.append(proposal)
    for number, proposal in enumerate(proposals):
        strategy.tell(make_trial(number, proposal, measure(proposal.sample)))
    seeds = random.Random()
    seeds.setstate(strategy.rng.getstate())
    direct = Direct(
        lambda seed: optuna.samplers.NSGAIISampler(population_size=4, seed=seed),
        seeds,
        LETTERS,
        ("minimize", "minimize"),
    )
    for number, proposal in enumerate(proposals):
        direct.begin(number, proposal.sample)
    for number, proposal in enumerate(proposals):
        direct.tell(number, TWO.costs(measure(proposal.sample)))
    running: list[int] = []
    for number in range(4, 40):
        proposal = strategy.ask()
        assert proposal is not None
        assert direct.ask(number) == proposal.sample
        proposals.append(proposal)
        running.append(number)
        if len(running) == workers:
            ended = running.pop(0)
            metrics = measure(proposals[ended].sample) if ended % 7 else None
            strategy.tell(make_trial(ended, proposals[ended], metrics))
            direct.tell(ended, TWO.costs(metrics) if metrics else None)


def test_it_finds_a_front() -> None:
    """Late generations are nearer to the front of the whole space than random ones are."""
    space = make_letters()
    strategy = NSGA2(seed=0)
    strategy.aim(TWO)
    strategy.start(space)
    samples = [proposal.sample for proposal in search(strategy, measure, 120)]
    ranks = rank([TWO.costs(measure(sample)) for sample in samples])
    early, late = (sum(part) / len(part) for part in (ranks[:30], ranks[-30:]))
    assert late * 1.5 < early


def test_limits_are_kept() -> None:
    """Once it has learned what breaks a limit, it proposes that more rarely."""
    strategy = NSGA2(population_size=8, dedup=False, seed=0)
    strategy.aim(Objectives([Objective()], [Limit("size", at_most=6.0)]))
    strategy.start(make_letters())
    broken = [measure(proposal.sample)["size"] > 6.0 for proposal in search(strategy, measure, 100)]
    assert sum(broken[-60:]) / 60 < 0.6 * sum(broken[:20]) / 20


def test_dormant_decisions_are_crossed() -> None:
    """Decisions that few trials have are learned as well as others: the good answer prevails where it is alive."""
    hidden = [Decision(f"d{i}", ("a", "b", "c", "d"), when=((("op", "deep"),),)) for i in range(4)]
    space = DecisionSpace([Decision("op", ("deep", "flat", "none")), Decision("width", tuple(range(40))), *hidden])
    strategy = NSGA2(population_size=8, seed=1)
    strategy.start(space)

    def score(sample: Sample) -> float:
        return sum(sample.get(f"d{i}") == "a" for i in range(4)) + (sample["op"] == "deep")

    late = [proposal.sample for proposal in search(strategy, score, 120)][-30:]
    deep = [sample for sample in late if sample["op"] == "deep"]
    assert len(deep) > 15
    share = sum(sample[f"d{i}"] == "a" for sample in deep for i in range(4)) / (4 * len(deep))
    assert share > 0.5


def test_pruned_trials_are_members() -> None:
    """A generation ends although most of its trials were pruned."""
    strategy = NSGA2(population_size=4, seed=0)
    strategy.start(make_letters())
    for number in range(12):
        proposal = strategy.ask()
        assert proposal is not None
        metrics = {"default": measure(proposal.sample)["default"]}
        strategy.tell(Trial(number, proposal.sample, TrialState.PRUNED, metrics, steps=1))
    generations = [record["marks"]["NSGAIISampler:generation"] for record in strategy.state()["records"]]
    assert generations == sorted(generations)
    assert generations[-1] == 2


def test_settings_are_checked() -> None:
    """One parent cannot be crossed, and a probability is one."""
    with pytest.raises(ConfigError, match="population_size is 1"):
        NSGA2(population_size=1)
    with pytest.raises(ConfigError, match="mutation_prob is 2"):
        NSGA2(mutation_prob=2.0)

"""Tree-structured Parzen estimation."""

from __future__ import annotations

import random
import statistics
import warnings
from typing import Literal

import optuna
import pytest

from retix.errors import ConfigError
from retix.objective import Limit, Objective, Objectives
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy import TPE, Random
from retix.testing import make_flat_space, make_trial, search
from retix.trial import Proposal, Trial, TrialState
from tests.strategy.optuna.direct import Direct

LETTERS = 5


def make_letters() -> DecisionSpace:
    """Five decisions of three letters each."""
    return DecisionSpace(Decision(f"d{index}", ("a", "b", "c")) for index in range(LETTERS))


def count_a(sample: Sample) -> float:
    """How many answers are "a", the later the more they count."""
    return sum((index + 1) * (letter == "a") for index, letter in enumerate(sample.values())) / 16


def make_sampler(seed: int) -> optuna.samplers.TPESampler:
    """The sampler that `TPE` uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(n_startup_trials=1, multivariate=True, group=True, seed=seed)


def test_proposals_are_optunas() -> None:
    """Where duplicates are let through, it proposes what Optuna does by itself: trials run, fail, are pruned."""
    strategy = TPE(n_startup=4, dedup=False, seed=3)
    strategy.start(make_letters())
    direct: Direct | None = None
    running: list[tuple[int, Proposal]] = []
    startup: list[tuple[int, Proposal]] = []
    compared = 0
    for number in range(1, 25):
        if number == 8:
            seeds = random.Random()
            seeds.setstate(strategy.rng.getstate())
            direct = Direct(make_sampler, seeds, LETTERS)
            for each, proposal in startup:
                direct.begin(each, proposal.sample)
                if (each, proposal) not in running:
                    direct.tell(each, [count_a(proposal.sample)])
        proposal = strategy.ask()
        assert proposal is not None
        running.append((number, proposal))
        if direct is None:
            startup.append((number, proposal))
        else:
            assert direct.ask(number) == proposal.sample
            compared += 1
        if number == 7 or len(running) < 3:
            continue
        ended, proposal = running.pop(0)
        end(strategy, direct, ended, proposal)
    assert compared == 17


def end(strategy: TPE, direct: Direct | None, number: int, proposal: Proposal) -> None:
    """Tell both what became of a trial; those of the random beginning are complete."""
    value = count_a(proposal.sample)
    if direct is not None and number % 5 == 0:
        strategy.tell(make_trial(number, proposal, None))
        direct.tell(number, None)
    elif direct is not None and number % 5 == 1:
        strategy.tell(Trial(number, proposal.sample, TrialState.PRUNED, {"default": value}, steps=number % 3))
        direct.prune(number, number % 3, value)
    else:
        strategy.tell(make_trial(number, proposal, value))
        if direct is not None:
            direct.tell(number, [value])


def trials_to_best(strategy: TPE | Random, sign: float) -> int:
    """How many trials it takes to find the best network, if the metric is `count_a` times ``sign``."""
    strategy.start(make_letters())
    for number in range(1, 244):
        proposal = strategy.ask()
        assert proposal is not None
        if count_a(proposal.sample) >= 15 / 16:
            return number
        strategy.tell(make_trial(number, proposal, sign * count_a(proposal.sample)))
    raise AssertionError("the best network of the space was never proposed")


@pytest.mark.parametrize(("mode", "sign"), [("maximize", 1.0), ("minimize", -1.0)])
def test_it_learns(mode: Literal["maximize", "minimize"], sign: float) -> None:
    """It finds the best network several times sooner than random search does, whichever way it is to go."""
    found = [trials_to_best(TPE(mode, seed=seed), sign) for seed in range(5)]
    blind = [trials_to_best(Random(seed=seed), sign) for seed in range(5)]
    assert statistics.mean(found) * 3 < statistics.mean(blind)


def test_the_mode_is_one_of_two() -> None:
    """Another is refused."""
    with pytest.raises(ConfigError, match="optimize_mode is 'max'"):
        TPE("max")


@pytest.mark.parametrize("name", ["n_startup", "n_candidates"])
def test_numbers_are_positive(name: str) -> None:
    """Zero is refused."""
    with pytest.raises(ConfigError, match=f"{name} is 0"):
        TPE(**{name: 0})


def test_paused_trials_are_learned_from() -> None:
    """What was observed counts as pruned until it is told: answers of those that came far are preferred."""
    counts = []
    for far in "ab":
        strategy = TPE(n_startup=5, dedup=False, seed=0)
        strategy.start(make_letters())
        for number in range(10):
            letter = "ab"[number % 2]
            sample = Sample({f"d{index}": "c" if index == number // 2 else letter for index in range(LETTERS)})
            steps = 3 if letter == far else 1
            strategy.observe(Trial(number, sample, metrics={"default": 0.5}, steps=steps, waits_for="paused"))
        asked = [proposal.sample for _ in range(6) if (proposal := strategy.ask())]
        counts.append(sum(letter == "a" for sample in asked for letter in sample.values()))
    assert counts[0] > 2 * counts[1]


def test_a_limit_turns_the_search() -> None:
    """With a limit on a metric, models that keep it are preferred to better ones that break it."""
    shares = []
    for limits in ((), (Limit("size", at_most=2.0),)):
        strategy = TPE(n_startup=8, seed=1)
        strategy.aim(Objectives([Objective()], limits))
        strategy.start(make_flat_space(5))

        def measure(sample: Sample) -> dict[str, float]:
            return {"default": sum(sample.values()) / 15, "size": float(sample["d0"] + sample["d1"])}

        proposals = search(strategy, measure, 30)[15:]
        shares.append(sum(measure(p.sample)["size"] <= 2.0 for p in proposals))
    assert shares[1] > 2 * shares[0]

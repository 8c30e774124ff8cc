"""The contract that every strategy keeps, as tests that anyone can run on a strategy of their own."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from retix.errors import ConfigError
from retix.objective import Objective, Objectives
from retix.space import Decision, Sample, SearchSpace
from retix.strategy import Strategy
from retix.testing.driving import make_trial, search
from retix.testing.spaces import SPACES, StackSpace, make_flat_space
from retix.trial import Proposal, Trial, TrialState

_TWO = Objectives([Objective(), Objective("parameters", "minimize")])


class StrategyContract:
    """Tests of one strategy; pytest runs them for each subclass whose name begins with ``Test``.

    A subclass says how the strategy is made::

        from retix.testing import StrategyContract


        class TestGreedy(StrategyContract):
            def make(self, seed):
                return Greedy(seed=seed)

    Each test drives the strategy over one of the `spaces`, by `ask` and `tell` alone. What they show stands in
    `Strategy`; a failing test names the sentence that is broken.

    Attributes:
        spaces: Makers of the spaces, by name. A strategy that needs decisions to be known beforehand leaves
            ``dynamic`` and ``picky`` out.
        trials: How many proposals a test asks for; fewer make the tests of a slow strategy faster.
        is_random: Whether another seed makes another search.
        ignores_results: Whether it proposes the same, whatever it is told and whenever.
    """

    spaces: ClassVar[Mapping[str, Callable[[], SearchSpace]]] = SPACES
    trials: ClassVar[int] = 40
    is_random: ClassVar[bool] = True
    ignores_results: ClassVar[bool] = False

    def make(self, seed: int | None) -> Strategy:
        """A new strategy with that seed, always of the same settings; None lets it draw one."""
        raise NotImplementedError(f"{type(self).__name__} needs a method make(self, seed)")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test that takes a space on each of them."""
        if "space" in metafunc.fixturenames and metafunc.cls is not None:
            metafunc.parametrize("space", list(metafunc.cls.spaces), indirect=True)

    @pytest.fixture
    def space(self, request: pytest.FixtureRequest) -> SearchSpace:
        """One of the spaces."""
        return self.spaces[request.param]()

    def start(self, space: SearchSpace, seed: int | None = 1) -> Strategy:
        """A strategy that is ready to be asked."""
        strategy = self.make(seed)
        strategy.start(space)
        return strategy

    def search(self, space: SearchSpace, seed: int | None = 1, workers: int = 3) -> list[Proposal]:
        """What a new strategy proposes in that space."""
        return search(self.start(space, seed), rate, self.trials, workers)

    def test_proposals_are_samples_of_the_space(self, space: SearchSpace) -> None:
        """Every proposal is a permitted sample that its own walk gives back, and something is proposed."""
        proposals = self.search(space)
        assert proposals
        for proposal in proposals:
            assert space.complete(proposal.sample) == proposal.sample
            assert space.permits(proposal.sample)

    def test_parents_were_told(self, space: SearchSpace) -> None:
        """A parent is a trial that was told or observed, and weights are only asked for of possible parents."""
        strategy = self.start(space)
        told: set[int] = set()
        running: deque[Trial] = deque()
        for number in range(1, self.trials + 1):
            possible = strategy.possible_parents()
            assert possible <= told
            proposal = strategy.ask()
            if proposal is None:
                break
            assert proposal.parent is None or proposal.parent in told
            assert not proposal.inherit or proposal.parent in possible
            assert strategy.inherits_weights or not (proposal.inherit or possible)
            running.append(make_trial(number, proposal, rate(proposal.sample)))
            if len(running) == 3:
                told.add(running[0].id)
                strategy.tell(running.popleft())

    def test_exhausted_strategies_stay_silent(self, space: SearchSpace) -> None:
        """Once exhausted, a strategy answers None for good; one that has not proposed anything is not exhausted."""
        strategy = self.start(space)
        is_exhausted = strategy.exhausted
        assert not is_exhausted
        search(strategy, rate, self.trials + 20)
        if strategy.exhausted:
            strategy.tell(make_trial(99, Proposal(space.walk(Decision.first)), 1.0))
            assert [strategy.ask() for _ in range(3)] == [None] * 3
            assert strategy.exhausted

    def test_seeds_reproduce(self, space: SearchSpace) -> None:
        """The same seed and the same answers give the same proposals, even if the state is looked at in between."""
        strategy = self.start(space)
        proposals = []
        running: deque[Trial] = deque()
        for number in range(1, self.trials + 1):
            json.dumps(strategy.state(), allow_nan=False)
            proposal = strategy.ask()
            if proposal is None:
                break
            proposals.append(proposal)
            running.append(make_trial(number, proposal, rate(proposal.sample)))
            if len(running) == 3:
                strategy.tell(running.popleft())
        assert self.search(space)[: len(proposals)] == proposals

    def test_seeds_differ(self) -> None:
        """Another seed gives another search, if there is chance at all."""
        one, other = (self.search(self.spaces.get("flat", lambda: make_flat_space(6))(), seed) for seed in (1, 2))
        assert (one != other) == self.is_random

    def test_results_matter_or_not(self) -> None:
        """What does not learn proposes the same with any number of workers, and whatever the results."""
        if self.ignores_results:
            for make in self.spaces.values():
                alone = self.search(make(), workers=1)
                assert search(self.start(make()), lambda _: 1.0, self.trials, workers=4) == alone

    @pytest.mark.parametrize(("asked", "early"), [(0, False), (12, True)])
    def test_state_continues(self, space: SearchSpace, asked: int, early: bool) -> None:
        """A strategy that loads a state from JSON text, while trials run, goes on as the original does.

        The state may be loaded before `start`, or after it.
        """
        original = self.start(space)
        asked = min(asked, self.trials // 2)
        running = search(original, rate, asked)
        asked = len(running)
        running += [proposal for _ in range(2) if (proposal := original.ask())]
        text = json.dumps(original.state(), allow_nan=False)
        loaded = self.make(2)
        if not early:
            loaded.start(space)
        loaded.load_state(json.loads(text))
        loaded.start(space)
        assert json.dumps(loaded.state()) == text
        for strategy in (original, loaded):
            for index, proposal in list(enumerate(running))[asked:]:
                strategy.tell(make_trial(index + 1, proposal, rate(proposal.sample)))
        rest = search(original, rate, self.trials // 2, first=len(running) + 1)
        assert search(loaded, rate, self.trials // 2, first=len(running) + 1) == rest
        assert loaded.exhausted == original.exhausted
        assert loaded.seed == original.seed

    def test_a_missing_seed_is_drawn_and_kept(self) -> None:
        """Without a seed the search is random, but its seed is known and repeats it."""
        space = self.make_space()
        strategy = self.start(space, None)
        assert self.start(space, None).seed != strategy.seed
        again = self.start(space, strategy.state()["seed"])
        assert search(again, rate, self.trials // 2) == search(strategy, rate, self.trials // 2)

    def test_any_end_of_a_trial_can_be_told(self, space: SearchSpace) -> None:
        """Trials that failed, were stopped or pruned, or carry another's result are told, in any order; it goes on."""
        runs = []
        for _ in range(2):
            strategy = self.start(space)
            proposals: list[Proposal] = []
            while len(proposals) < self.trials:
                batch = [proposal for _ in range(4) if (proposal := strategy.ask()) is not None]
                numbers = range(len(proposals) + 1, len(proposals) + len(batch) + 1)
                for number, proposal in reversed(list(zip(numbers, batch, strict=True))):
                    strategy.tell(_end_somehow(make_trial(number, proposal, rate(proposal.sample) or 0.0)))
                proposals += batch
                if not batch:
                    break
            assert all(space.complete(p.sample) == p.sample and space.permits(p.sample) for p in proposals)
            json.dumps(strategy.state(), allow_nan=False)
            runs.append(proposals)
        assert runs[0]
        assert runs[0] == runs[1]

    def test_paused_trials_are_observed(self, space: SearchSpace) -> None:
        """Paused trials are observed, again and again, and told in the end; the state holds what was observed."""
        original, loaded = self.start(space), self.make(3)
        proposals = [proposal for _ in range(self.trials // 4) if (proposal := original.ask()) is not None]
        for steps in (1, 3):
            for number, proposal in enumerate(proposals, 1):
                metrics = {"default": (rate(proposal.sample) or 0.5) * steps / 4}
                original.observe(Trial(number, proposal.sample, metrics=metrics, steps=steps, waits_for="paused"))
        loaded.load_state(json.loads(json.dumps(original.state(), allow_nan=False)))
        loaded.start(space)
        rest = []
        for strategy in (original, loaded):
            for number, proposal in enumerate(proposals, 1):
                trial = make_trial(number, proposal, rate(proposal.sample))
                strategy.tell(replace(trial, state=TrialState.PRUNED, steps=4) if number % 2 else trial)
            rest.append(search(strategy, rate, self.trials // 4, first=len(proposals) + 1))
        assert rest[0] == rest[1]
        assert all(space.permits(proposal.sample) for proposal in rest[0])

    def test_trials_of_others_can_be_told(self, space: SearchSpace) -> None:
        """A user's sample or an earlier result may come under any id; parents are ids that were told."""
        strategy = self.start(space)
        told: set[int] = set()
        for number in range(self.trials):
            if number % 5 == 0:
                foreign = make_trial(-1 - number, Proposal(space.walk(_pick_last)), rate_always(number))
                if space.permits(foreign.sample):
                    strategy.tell(foreign)
                    told.add(foreign.id)
            proposal = strategy.ask()
            if proposal is None:
                break
            assert space.complete(proposal.sample) == proposal.sample
            assert proposal.parent is None or proposal.parent in told
            strategy.tell(make_trial(1000 + 7 * number, proposal, rate(proposal.sample)))
            told.add(1000 + 7 * number)
        assert told
        json.dumps(strategy.state(), allow_nan=False)

    def test_several_objectives(self, space: SearchSpace) -> None:
        """It takes several objectives if it says that it is for them, and refuses them before the search if not."""
        strategy = self.make(1)
        if not strategy.is_multi_objective:
            with pytest.raises(ConfigError, match="one objective"):
                strategy.aim(_TWO)
            return
        loaded = self.make(2)
        proposals = []
        for each in (strategy, loaded):
            each.aim(_TWO)
            each.start(space)
        for number in range(1, self.trials + 1):
            if number == self.trials // 2:
                loaded.load_state(json.loads(json.dumps(strategy.state(), allow_nan=False)))
                strategy = loaded
            proposal = strategy.ask()
            if proposal is None:
                break
            assert space.complete(proposal.sample) == proposal.sample
            assert space.permits(proposal.sample)
            value = rate(proposal.sample)
            metrics = None if value is None else {"default": value, "parameters": float(len(proposal.sample))}
            trial = make_trial(number, proposal, metrics)
            strategy.tell(replace(trial, metrics={"default": 0.5}) if number % 11 == 0 else trial)
            proposals.append(proposal)
        assert proposals

    @pytest.mark.parametrize("mode", ["maximize", "minimize"])
    def test_one_objective_is_taken(self, mode: Any) -> None:
        """Every strategy takes one objective, whichever way it goes."""
        strategy = self.make(1)
        strategy.aim(Objectives([Objective("default", mode)]))
        strategy.start(self.make_space())
        assert search(strategy, rate, self.trials // 2, workers=2)

    def test_ask_before_start_is_refused(self) -> None:
        """Without a space there is nothing to propose."""
        with pytest.raises(ConfigError, match="searches no space yet"):
            self.make(1).ask()

    def test_start_binds_once(self) -> None:
        """The same space may be started again, another one may not."""
        space = self.make_space()
        strategy = self.start(space)
        strategy.start(space)
        with pytest.raises(ConfigError, match="already searches another space"):
            strategy.start(self.make_space())

    def test_open_trials_are_refused(self) -> None:
        """Only what has ended can be told."""
        strategy = self.start(self.make_space())
        for state in (TrialState.WAITING, TrialState.RUNNING):
            with pytest.raises(ConfigError, match=f"trial 7 was told .* while it is {state}"):
                strategy.tell(Trial(7, Sample(), state))

    def test_foreign_states_are_refused(self) -> None:
        """The state of another kind of strategy is no state."""
        state = {**self.start(self.make_space()).state(), "strategy": "Oracle"}
        with pytest.raises(ConfigError, match="a state of Oracle was given to"):
            self.make(1).load_state(state)

    def make_space(self) -> SearchSpace:
        """The first of the spaces, for what does not depend on the space."""
        return next(iter(self.spaces.values()))() if self.spaces else StackSpace()


def rate(sample: Sample) -> float | None:
    """A metric that looks arbitrary; every fifth kind of sample fails."""
    number = sum(sample.key.encode()) % 97
    return None if number % 5 == 0 else number / 97


def rate_always(number: int) -> float:
    """A metric that looks arbitrary."""
    return (37 * number % 101) / 101


def _pick_last(decision: Decision) -> Any:
    """The last answer to a decision."""
    return list(decision.options())[-1]


def _end_somehow(trial: Trial) -> Trial:
    """A trial in one of the states that it may end in, chosen by its number."""
    kinds = [
        trial,
        replace(trial, state=TrialState.PRUNED, steps=2),
        replace(trial, state=TrialState.PRUNED, metrics={}, steps=0),
        replace(trial, state=TrialState.STOPPED, metrics={}),
        replace(trial, metrics={"default": math.nan}),
        replace(trial, metrics={"default": math.inf}),
        replace(trial, state=TrialState.DUPLICATE, duplicate_of=1),
        make_trial(trial.id, Proposal(trial.sample, trial.parent), None),
    ]
    return kinds[trial.id % len(kinds)]

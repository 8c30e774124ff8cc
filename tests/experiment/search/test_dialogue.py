"""What strategies are asked and told, in which order, and the journal of it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from retix.errors import ConfigError
from retix.experiment.search.dialogue import Dialogue, can_be_restored
from retix.experiment.search.limits import Limits
from retix.experiment.user_strategy import UserStrategy
from retix.space import Sample
from retix.store import Store, StoreReader
from retix.strategy import BaseStrategy, Dedup, GridSearch, Random, RegularizedEvolution, Strategy
from retix.trial import Trial, TrialState
from tests.experiment.nets import Chain
from tests.experiment.scores import score_width
from tests.experiment.searching import Scripted, make_search, make_space, make_store, never
from tests.experiment.slots import ShuffledEngine
from tests.strategy.toys import make_flat_space


def converse(dialogue: Dialogue, trials: int, order: random.Random, slots: int) -> list[Sample]:
    """Let trials end in any order, with ``slots`` of them running, and return what was proposed."""
    running: list[Trial] = []
    samples: list[Sample] = []
    while len(samples) < trials or running:
        while len(running) < slots and len(samples) < trials and dialogue.may_ask:
            proposal = dialogue.ask(len(samples) + 1)
            assert proposal is not None
            samples.append(proposal.sample)
            running.append(Trial(len(samples), proposal.sample, parent=proposal.parent))
        if not running:
            break
        trial = running.pop(order.randrange(len(running)))
        metric = float(sum(int(str(choice)) for choice in trial.sample.values()))
        ended = Trial(trial.id, trial.sample, TrialState.SUCCEEDED, {"default": metric}, parent=trial.parent)
        dialogue.ended(ended)
        dialogue.deliver()
    return samples


def evolve() -> RegularizedEvolution:
    """Evolution that learns early."""
    strategy = RegularizedEvolution(population_size=4, sample_size=2, seed=5)
    strategy.start(make_flat_space(6))
    return strategy


def test_a_window_makes_proposals_independent_of_time(tmp_path: Path) -> None:
    """Whatever ends first, a strategy that learns proposes the same; without a window it does not."""
    with make_store(tmp_path) as store:
        for window, count in ((3, 1), (None, 8)):
            runs = [tuple(converse(Dialogue(evolve(), store, window), 40, random.Random(seed), 3)) for seed in range(8)]
            assert len(set(runs)) == count


def test_fewer_slots_propose_the_same_with_one_window(tmp_path: Path) -> None:
    """What decides is the window, not how many trials really ran at a time."""
    with make_store(tmp_path) as store:
        runs = [tuple(converse(Dialogue(evolve(), store, 3), 40, random.Random(0), slots)) for slots in (1, 2, 3)]
    # With fewer slots a strategy is told no sooner than its window says.
    assert len(set(runs)) == 1


def test_a_window_tells_in_order(tmp_path: Path) -> None:
    """A trial that ends early is told when all before it were, and only once the window is full."""
    strategy = Scripted(*({"width": width} for width in range(1, 6)))
    with make_store(tmp_path) as store:
        dialogue = Dialogue(strategy, store, 2)
        for number in (1, 2):
            assert dialogue.ask(number) is not None
        assert not dialogue.may_ask
        dialogue.ended(Trial(2, Sample({}), TrialState.SUCCEEDED))
        assert dialogue.deliver() == []
        dialogue.ended(Trial(1, Sample({}), TrialState.SUCCEEDED))
        assert [trial.id for trial in dialogue.deliver()] == [1]
        assert dialogue.may_ask
        assert [trial.id for trial in strategy.told] == [1]
        dialogue.write()
        steps = [(step.kind, step.trial) for step in StoreReader(store.directory).steps()]
        assert steps == [("ask", 1), ("ask", 2), ("tell", 1)]


def test_whom_a_state_brings_back() -> None:
    """A class that learns something new and has no state of its own is replayed from the beginning."""

    class Plain(Random):
        """Adds nothing."""

    class Learner(Random):
        def tell(self, trial: Trial) -> None:
            super().tell(trial)

    class Whole(Learner):
        def state(self) -> dict[str, Any]:
            return super().state()

        def load_state(self, state: Any) -> None:
            super().load_state(state)

    class Function(BaseStrategy):
        def run(self, base_model: Any, applied_mutators: Any) -> None:
            """Nothing."""

    class Observer(RegularizedEvolution):
        def observe(self, trial: Trial) -> None:
            super().observe(trial)

    trusted: list[Strategy] = [Random(), GridSearch(), RegularizedEvolution(), Plain(), Whole(), Dedup(Whole())]
    assert all(map(can_be_restored, trusted))
    assert not any(
        map(can_be_restored, [Learner(), Observer(), Scripted(), UserStrategy(Function()), Dedup(Scripted())])
    )


def test_paused_trials_are_observed_in_their_turn(tmp_path: Path) -> None:
    """Between those that are told, as the journal has it; whoever had nothing to propose is asked again then."""

    class Listening(Scripted):
        def tell(self, trial: Trial) -> None:
            super().tell(trial)
            heard.append(("tell", trial.id, trial.steps))

        def observe(self, trial: Trial) -> None:
            heard.append(("observe", trial.id, trial.steps))

    heard: list[Any] = []
    with make_store(tmp_path) as store:
        dialogue = Dialogue(Listening({"width": 1}, {"width": 2}), store, None)
        assert [dialogue.ask(number) is None for number in (1, 2, 3)] == [False, False, True]
        assert dialogue.is_stuck
        for trial in (Trial(2, Sample({}), steps=1), Trial(1, Sample({}), TrialState.SUCCEEDED, steps=4)):
            (dialogue.ended if trial.state.is_final else dialogue.paused)(trial)
        dialogue.write()
        assert [trial.id for trial in dialogue.deliver()] == [1]
        assert not dialogue.is_stuck
        dialogue.promoted(Trial(2, Sample({}), steps=1))
        dialogue.write()
        steps = [(step.kind, step.trial, step.data) for step in StoreReader(store.directory).steps()][3:]
    assert heard == [("observe", 2, 1), ("tell", 1, 4)]
    assert steps == [("pause", 2, {"steps": 1, "metrics": {}}), ("tell", 1, None), ("promote", 2, {"steps": 1})]


def test_a_deterministic_search(tmp_path: Path) -> None:
    """With three slots, and trials that end in any order, the same samples come as each time before."""
    space, found = make_space(Chain()), set()
    limits = Limits(trials=6, patience=60, deterministic=True)
    for seed in range(4):
        strategy = RegularizedEvolution(population_size=2, sample_size=1, seed=7)
        with make_store(tmp_path) as store:
            search, reader = make_search(space, strategy, ShuffledEngine(3, seed), store, score_width, limits=limits)
            search.run(never)
            found.add(tuple((trial.sample, trial.parent) for trial in reader.trials()))
            told = [step.trial for step in reader.steps() if step.kind == "tell"]
            assert told == sorted(told, key=lambda number: number or 0)
    assert len(found) == 1


def test_a_deterministic_search_goes_on_with_more_budget(tmp_path: Path) -> None:
    """It proposes what a search that had all of the budget at once would have proposed."""
    space = make_space(Chain())

    def search(budgets: tuple[int, ...], root: Path) -> list[Any]:
        for index, budget in enumerate(budgets):
            strategy = RegularizedEvolution(population_size=2, sample_size=1, seed=7)
            (id,) = [path.name for path in root.iterdir()] if index else [""]
            with Store.open(root, id) if index else make_store(root) as store:
                limits = Limits(trials=budget, patience=60, deterministic=True)
                run, reader = make_search(space, strategy, ShuffledEngine(3), store, score_width, limits=limits)
                if index:
                    run.restore(reader)
                run.run(never)
                found = [(trial.sample, trial.parent) for trial in reader.trials()]
        return found

    assert search((3, 4, 6), tmp_path / "parts") == search((6,), tmp_path / "whole")


def test_a_users_function_is_not_deterministic(tmp_path: Path) -> None:
    """It is refused before anything begins."""

    class Function(BaseStrategy):
        def run(self, base_model: Any, applied_mutators: Any) -> None:
            """Nothing."""

    with make_store(tmp_path) as store, pytest.raises(ConfigError, match="thread of its own"):
        make_search(
            make_space(Chain()),
            UserStrategy(Function()),
            ShuffledEngine(2),
            store,
            score_width,
            limits=Limits(deterministic=True),
        )

"""Strategies around strategies in whole searches: real models, built and trained, recorded and looked at."""

from __future__ import annotations

from pathlib import Path

from retix.execution import InlineEngine
from retix.experiment.search.loop import EndReason, Limits
from retix.objective import Limit
from retix.strategy import Chain, Constrained, Dedup, Random, Ranked, RegularizedEvolution, Strategy, WarmStart
from retix.trial import Trial, TrialState
from tests.experiment import nets
from tests.experiment.scores import score_width
from tests.experiment.searching import make_search, make_space, make_store, never


def run(
    strategy: Strategy, folder: Path, trials: int, model: type = nets.Chain, known: str = ""
) -> tuple[EndReason, list[Trial], list[int]]:
    """Search: why it ended, its trials, and the widths that were trained."""
    log = folder / f"log{known}"
    with make_store(folder / f"experiments{known}") as store:
        search, reader = make_search(
            make_space(model()),
            strategy,
            InlineEngine(),
            store,
            score_width if model is nets.Chain else lambda model_cls: 0.5,
            limits=Limits(trials=trials),
            arguments={"log": log} if model is nets.Chain else {},
        )
        reason = search.run(never)
        return reason, reader.trials(), [int(line) for line in log.read_text().split()] if log.exists() else []


def test_each_network_is_tried_once(tmp_path: Path) -> None:
    """Of twelve samples that make three networks, three are tried, none is a duplicate, and then the search ends."""
    reason, trials, _ = run(Dedup(Random(dedup=False, seed=1)), tmp_path, 20, nets.Gated)
    assert reason is EndReason.EXHAUSTED
    assert len({trial.digest for trial in trials}) == len(trials) == 3
    assert {trial.state for trial in trials} == {TrialState.SUCCEEDED}


def test_nothing_beyond_a_limit_is_trained(tmp_path: Path) -> None:
    """Widths that have too many parameters are neither proposed nor trained; the search ends when the others were."""
    evolution = RegularizedEvolution(population_size=3, sample_size=2, seed=1)
    strategy = Constrained(Dedup(evolution), Limit("parameters", at_most=4 * 3 + 3 + 3 * 2 + 2))
    reason, _, trained = run(strategy, tmp_path, 20)
    assert reason is EndReason.EXHAUSTED
    assert sorted(trained) == [1, 2, 3]


def test_an_earlier_search_is_gone_on_with(tmp_path: Path) -> None:
    """What an earlier search has trained is not trained again; the largest of the others comes first, by its rank."""
    _, earlier, trained = run(Chain(Random(seed=1), 2, Random(seed=2)), tmp_path, 3)
    assert len(set(trained)) == 3
    strategy = WarmStart(Dedup(Ranked(Random(dedup=False, seed=3), "parameters", candidates=6, keep=1)), earlier)
    reason, trials, rest = run(strategy, tmp_path, 20, known=" again")
    assert reason is EndReason.EXHAUSTED
    assert sorted(trained + rest) == [1, 2, 3, 4, 5, 6]
    assert rest[0] == max(rest)
    assert [trial.parent for trial in trials] == [None] * 3

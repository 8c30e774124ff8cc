"""A search that begins with the models that look best without training."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, TypeAlias

from retix.errors import ConfigError, SpaceError
from retix.objective import Objective
from retix.space import Sample, SearchSpace
from retix.strategy.sampler import Sampler
from retix.strategy.screened_space import Ranking, ScreenedSpace, measure_costs
from retix.strategy.strategy import Strategy
from retix.strategy.wrapper import Wrapper
from retix.trial import Proposal, Trial

Measures: TypeAlias = "str | Objective | Sequence[str | Objective]"


class Ranked(Wrapper):
    """Ranks many models by measures that need no training, has the best trained first, and the search go on from them.

    A number of different networks are drawn, measured by ``space.measure`` and ordered; none of it costs a trial. The
    best of them are proposed one after the other, and the strategy inside is told of them like of its own::

        Ranked(RegularizedEvolution(population_size=20), "naswot", candidates=500, keep=20)
        Ranked(TPE(), ["synflow", "naswot"], keep=10)
        Constrained(Ranked(RegularizedEvolution(), "zico"), Limit("parameters", at_most=50_000))

    Several measures are joined by the sum of ranks, as by Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS
    (ICLR 2021), who found warm-up with hundreds of candidates to help evolution most. A higher measure is taken for
    better; ``Objective("flops", "minimize")`` says otherwise.

    With ``screen``, models that rank worse than most candidates are never proposed, also later on: the strategy inside
    searches a space without them. That is worth it where the measure is known to fit the task.

    Measuring takes place at the first `ask`, and what came of it is part of the state, so that a resumed search does
    not measure again. It proposes by itself, so `Constrained` goes around it, not inside.

    Args:
        strategy: The strategy inside.
        measure: The measure, or several: names, or objectives where lower is better.
        candidates: How many networks are drawn and measured; fewer where the space has no more.
        keep: How many of them are proposed.
        screen: The share of the candidates that are too bad to be tried: 0.5 leaves out what ranks in the worse half.

    Raises:
        ConfigError: A number makes no sense, no measure is given, or there is a `Constrained` inside.
    """

    def __init__(
        self,
        strategy: Strategy,
        measure: Measures = "naswot",
        candidates: int = 200,
        keep: int = 10,
        screen: float = 0.0,
    ) -> None:
        super().__init__(strategy)
        self.refuse_limits_inside()
        given = [measure] if isinstance(measure, (str, Objective)) else list(measure)
        self.measures = tuple(Objective(each) if isinstance(each, str) else each for each in given)
        if not self.measures:
            raise ConfigError("Ranked has no measure to rank by", fix="name one, such as 'naswot'")
        if not 1 <= keep <= candidates:
            raise ConfigError(
                f"Ranked would keep {keep} of {candidates} candidates", fix="keep at least 1, and at most all of them"
            )
        if not 0 <= screen < 1:
            raise ConfigError(f"screen is {screen!r}", fix="give a share of at least 0 and below 1")
        self._candidates = candidates
        self._keep = keep
        self._screen = screen
        self._screened: ScreenedSpace | None = None
        # Samples with their networks; None before the ranking was made.
        self._queue: deque[tuple[Sample, str]] | None = None
        # Networks that others have tried before the ranking was made.
        self._tried: set[str] = set()
        # With a screen, from the ranking on: what later models are compared with.
        self._ranking: Ranking | None = None
        self._threshold = math.inf

    def start(self, space: SearchSpace) -> None:
        Strategy.start(self, space)
        if self._screened is None:
            self._screened = ScreenedSpace(space)
            self._set_screen()
        self.inner.start(self._screened if self._screen else space)

    def ask(self) -> Proposal | None:
        queue = self._rank() if self._queue is None else self._queue
        return Proposal(queue.popleft()[0]) if queue else self.inner.ask()

    @property
    def exhausted(self) -> bool:
        return self._queue is not None and not self._queue and self.inner.exhausted

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self._note(trial)

    def observe(self, trial: Trial) -> None:
        super().observe(trial)
        self._note(trial)

    def state(self) -> dict[str, Any]:
        queue = None if self._queue is None else [[sample.to_json(), network] for sample, network in self._queue]
        return {
            **super().state(),
            "queue": queue,
            "tried": sorted(self._tried),
            "screen": None if self._ranking is None else [self._ranking.to_json(), self._threshold],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        queue = state["queue"]
        self._queue = None if queue is None else deque((Sample(sample), network) for sample, network in queue)
        self._tried = set(state["tried"])
        if state["screen"] is not None:
            ranking, self._threshold = state["screen"]
            self._ranking = Ranking.from_json(self.measures, ranking)
            self._set_screen()

    def _note(self, trial: Trial) -> None:
        """Note that a network is tried already, so that the ranking does not have it tried again."""
        if self._queue == deque():
            return
        with suppress(SpaceError):
            network = self.space.fingerprint(trial.sample)
            if self._queue is None:
                self._tried.add(network)
            else:
                self._queue = deque(item for item in self._queue if item[1] != network)

    def _rank(self) -> deque[tuple[Sample, str]]:
        """Draw and measure the candidates, and queue the best."""
        space = self.space
        sampler = Sampler(dedup=True)
        drawn = iter(lambda: sampler.draw(space, self.rng), None)
        samples = list(islice(drawn, self._candidates))
        costs = [measure_costs(space, sample, self.measures) for sample in samples]
        self._check_measured(costs)
        ranking = Ranking(self.measures, zip(*costs, strict=True))
        scores = [ranking.score(each) for each in costs]
        order = sorted(range(len(samples)), key=scores.__getitem__)
        networks = ((samples[index], space.fingerprint(samples[index])) for index in order)
        self._queue = deque(islice((item for item in networks if item[1] not in self._tried), self._keep))
        self._tried.clear()
        if self._screen:
            self._ranking = ranking
            self._threshold = scores[order[max(0, math.ceil(len(order) * (1 - self._screen)) - 1)]]
            self._set_screen()
        return self._queue

    def _set_screen(self) -> None:
        """Let the strategy inside see the threshold."""
        if self._screened is not None and self._ranking is not None:
            self._screened.set_threshold(self._ranking, self._threshold)

    def _check_measured(self, costs: Sequence[Sequence[float]]) -> None:
        for index, measure in enumerate(self.measures):
            if not any(math.isfinite(each[index]) for each in costs):
                raise ConfigError(
                    f"the models cannot be ranked by {measure.name!r}: none of {len(costs)} drawn has a value",
                    why="what it measures is not in these models, or they cannot be built",
                    fix="rank by another measure; space.measure(sample, name) shows what a model has",
                )

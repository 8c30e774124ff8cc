"""Local search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from retix.objective import Objective, Objectives
from retix.space import SearchSpace, freeze
from retix.strategy.member import Member, find_best, is_better
from retix.strategy.mutation import change
from retix.strategy.neighbourhood import Move, list_moves
from retix.strategy.sampler import ModelFilter, Sampler
from retix.strategy.settings import check_known, check_least
from retix.strategy.strategy import Strategy
from retix.strategy.tries import Tries
from retix.trial import Proposal, Trial


class LocalSearch(Strategy):
    """Climbs: tries the neighbours of the best model so far, and moves on to one that is better.

    White, Nolen and Savani, Local Search is State of the Art for Neural Architecture Search Benchmarks, UAI 2021 (arXiv
    2005.02960), algorithm 1, which moves to the best of all neighbours, and its variant that moves as soon as a
    neighbour is better. A neighbour differs in one live decision; decisions that come alive with it are drawn. Where no
    neighbour is better, the search begins again elsewhere. Of the neighbours, those come first whose answers changes
    have led to least often (`Tries`), otherwise their order is random.

    No network is proposed twice: a climb that crosses an earlier one uses what is known. It is asynchronous: while the
    last neighbours of a model are being tried, `ask` already proposes models to begin the next climb at, and any trial
    that turns out better than the model in the centre becomes the centre, whoever proposed it. A trial that early
    stopping has paused counts by what it has shown.

    Args:
        optimize_mode: ``maximize`` or ``minimize``, for the metric ``default``; an experiment's objective goes first.
        starts: Random models that are tried before a climb, which begins at the best of them.
        move_to: ``first`` moves on as soon as a neighbour is better, ``best`` once all were tried, to the best of them.
        neighbours: How many neighbours of a model are tried before the search begins elsewhere, drawn at random; None
            tries all, or 500 where there are more.
        model_filter: Samples for which it returns False are never proposed.
        seed: See `Strategy`.

    Raises:
        ConfigError: A number is below 1, or a mode is unknown.
    """

    def __init__(
        self,
        optimize_mode: Literal["maximize", "minimize"] = "maximize",
        starts: int = 1,
        move_to: Literal["first", "best"] = "first",
        neighbours: int | None = None,
        model_filter: ModelFilter | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        check_known("optimize_mode", optimize_mode, ("maximize", "minimize"))
        check_known("move_to", move_to, ("first", "best"))
        check_least("starts", starts, 1)
        if neighbours is not None:
            check_least("neighbours", neighbours, 1)
        self.optimize_mode = optimize_mode
        self.objectives = Objectives((Objective(mode=optimize_mode),))
        self._needed = starts
        self._moves_at_once = move_to == "first"
        self._neighbours = neighbours
        self._sampler = Sampler(True, model_filter)
        self._known: dict[str, Member] = {}
        # By their keys in what is known:
        self._starts: list[str] = []
        self._centre: str | None = None
        self._rival: str | None = None  # the best that is better than the centre, not moved to yet
        self._moves: list[Move] = []  # from the last to the first
        self._tries = Tries()
        self._climbing: set[str] = set()  # the centre's neighbours that were proposed and not answered

    def ask(self) -> Proposal | None:
        space = self.space
        while not self.exhausted:
            if self._centre is None and not self._begin_climb(space):
                return self._propose_start(space)
            if (proposal := self._propose_neighbour(space)) is not None:
                return proposal
            if self._climbing:
                return self._propose_start(space)
            # All neighbours were tried: on to the best of them, or this is the top.
            self._move(space, self._rival)
        return None

    @property
    def exhausted(self) -> bool:
        return self._sampler.exhausted

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        if self._space is not None:
            self._sampler.note(self._space, trial.sample)
        self._learn(trial)

    def observe(self, trial: Trial) -> None:
        super().observe(trial)
        self._learn(trial)

    def _learn(self, trial: Trial) -> None:
        key = trial.sample.key
        is_neighbour = key in self._climbing
        self._climbing.discard(key)
        member = Member.of(trial, self.objectives)
        if not member.is_rated:
            return
        is_new = key not in self._known
        self._known[key] = member
        if not self._challenge(key) and is_new and not is_neighbour:
            self._starts.append(key)

    def _challenge(self, key: str) -> bool:
        """Whether a known model is the centre, or better than it; the best of these will be moved to."""
        if self._centre is None or key == self._centre:
            return self._centre is not None
        if key == self._rival:
            self._rival = None  # what it has shown since may be worse
        if is_better(self._known[key], self._known[self._rival or self._centre]):
            self._rival = key
        return key == self._rival

    def _begin_climb(self, space: SearchSpace) -> bool:
        """Take the best start as the centre, if there are enough."""
        if len(self._starts) < self._needed:
            return False
        best = find_best([self._known[key] for key in self._starts])
        self._move(space, best.sample.key)
        self._starts.clear()
        return True

    def _move(self, space: SearchSpace, centre: str | None) -> None:
        """Go to another centre, or to none."""
        if self._centre is not None and centre is not None:
            self._tries.praise(self._known[self._centre].sample, self._known[centre].sample)
        self._centre, self._rival = centre, None
        self._climbing.clear()
        self._moves = []
        if centre is not None:
            moves = list_moves(space, self._known[centre].sample, self.rng)[: self._neighbours]
            self._moves = self._tries.sort(moves)[::-1]

    def _propose_start(self, space: SearchSpace) -> Proposal | None:
        sample = self._sampler.draw(space, self.rng)
        return None if sample is None else Proposal(sample)

    def _propose_neighbour(self, space: SearchSpace) -> Proposal | None:
        """The next neighbour that was not tried before, or None if there is none."""
        while self._centre is not None:
            if self._rival is not None and self._moves_at_once:
                self._move(space, self._rival)
            if not self._moves:
                return None
            label, answer = self._moves.pop()
            centre = self._known[self._centre]
            sample = change(space, centre.sample, label, answer, self.rng)
            if self._sampler.accept(space, sample):
                self._climbing.add(sample.key)
                self._tries.note(centre.sample, sample)
                return Proposal(sample, centre.trial)
            if sample.key in self._known:
                self._challenge(sample.key)
        return None

    def state(self) -> dict[str, Any]:
        return {
            **super().state(),
            "sampler": self._sampler.state(),
            "known": [member.to_json() for member in self._known.values()],
            "starts": list(self._starts),
            "centre": self._centre,
            "rival": self._rival,
            "tries": self._tries.state(),
            "moves": [list(move) for move in self._moves],
            "climbing": sorted(self._climbing),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._sampler.load_state(state["sampler"])
        self._known = {member.sample.key: member for member in map(Member.from_json, state["known"])}
        self._starts = list(state["starts"])
        self._centre, self._rival = state["centre"], state["rival"]
        self._tries.load_state(state["tries"])
        self._moves = [(label, freeze(answer)) for label, answer in state["moves"]]
        self._climbing = set(state["climbing"])

"""A network once, whatever the strategy inside proposes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from retix.errors import ConfigError, SpaceError
from retix.space import Sample
from retix.strategy.strategy import Strategy
from retix.strategy.unexplored import Unexplored
from retix.strategy.wrapper import Wrapper
from retix.trial import Proposal, Trial, TrialState

_LOOKS = 5_000
_ALIASES = 10_000


class Dedup(Wrapper):
    """Proposes no network twice, and answers the strategy inside with what is known instead.

    Networks are told apart by ``space.fingerprint``. If the strategy proposes one that was proposed before, or that was
    told from elsewhere, it is told the result at once, or as soon as there is one, as of a trial that is a `DUPLICATE`;
    so it learns from its own repetitions and moves on, and they cost nothing. It is asked again ``retries`` times;
    after that, the next network is drawn at random.

    It is exhausted when every sample of the space was proposed by somebody. So each network of the space comes once,
    and then nothing more::

        Dedup(PolicyBasedRL(...))
        Dedup(Chain(Random(dedup=False), 20, RegularizedEvolution()))

    It proposes by itself, so `Constrained` goes around it, not inside.

    Args:
        strategy: The strategy inside.
        retries: How often it is asked again after a duplicate.
        explore: Whether a network is then drawn at random. If not, there is nothing to propose until more was told.

    Raises:
        ConfigError: ``retries`` is below 0, or there is a `Constrained` inside.
    """

    def __init__(self, strategy: Strategy, retries: int = 50, explore: bool = True) -> None:
        super().__init__(strategy)
        self.refuse_limits_inside()
        if retries < 0:
            raise ConfigError(f"retries is {retries!r}", fix="give a number of at least 0")
        self._retries = retries
        self._explores = explore
        self._unexplored = Unexplored()
        # By network: None while nobody knows its result, else the trial that has it, as JSON values.
        self._results: dict[str, dict[str, Any] | None] = {}
        # Of networks without a result: what the strategy inside has proposed beside the first.
        self._owed: dict[str, list[Proposal]] = {}
        self._aliases: dict[int, int] = {}
        self._made = 0

    def ask(self) -> Proposal | None:
        _ = self.space
        for _ in range(1 + self._retries):
            if self.exhausted:
                return None
            proposal = self.inner.ask()
            if proposal is None:
                return None
            network = self._see(proposal.sample)
            if network not in self._results:
                self._results[network] = None
                return self._name_parent(proposal)
            self._answer(network, proposal)
        return self._draw() if self._explores else None

    @property
    def exhausted(self) -> bool:
        return self.inner.exhausted or self._unexplored.empty

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        try:
            network = self._see(trial.sample)
        except SpaceError:
            return  # a trial of another space, which says nothing of a network of this one
        known = self._results.get(network)
        if known is None or trial.state is not TrialState.DUPLICATE:
            self._results[network] = _note(trial)
        for proposal in self._owed.pop(network, ()):
            self._answer(network, proposal)

    def observe(self, trial: Trial) -> None:
        super().observe(trial)
        with suppress(SpaceError):
            self._results.setdefault(self._see(trial.sample), None)

    def possible_parents(self) -> frozenset[int]:
        # What is told again may descend from a trial whose weights are no longer kept.
        return frozenset(number for number in self.inner.possible_parents() if number not in self._aliases)

    def state(self) -> dict[str, Any]:
        owed = {network: [_write(proposal) for proposal in owed] for network, owed in self._owed.items()}
        return {
            **super().state(),
            "unexplored": self._unexplored.state(),
            "results": self._results,
            "owed": owed,
            "aliases": list(map(list, self._aliases.items())),
            "made": self._made,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._unexplored.load_state(state["unexplored"])
        self._results = dict(state["results"])
        self._owed = {network: [_read(item) for item in owed] for network, owed in state["owed"].items()}
        self._aliases = dict(state["aliases"])
        self._made = state["made"]

    def _see(self, sample: Sample) -> str:
        """Note that a sample came; returns its network.

        Raises:
            SpaceError: It is no sample of the space.
        """
        self._unexplored.close(self.space, sample)
        return hashlib.blake2b(self.space.fingerprint(sample).encode(), digest_size=16).hexdigest()

    def _draw(self) -> Proposal | None:
        """A network that nobody has proposed, at random."""
        for _ in range(_LOOKS):
            sample = self._unexplored.draw(self.space, self.rng)
            if sample is None:
                return None
            network = self._see(sample)
            if network not in self._results and self.space.permits(sample):
                self._results[network] = None
                return Proposal(sample)
        return None

    def _answer(self, network: str, proposal: Proposal) -> None:
        """Tell the strategy inside what is known of a duplicate, or owe it the answer."""
        known = self._results[network]
        if known is None:
            self._owed.setdefault(network, []).append(proposal)
            return
        self._made += 1
        alias = self.make_number(self._made)
        self._aliases[alias] = known["trial"]
        if len(self._aliases) > _ALIASES:
            del self._aliases[next(iter(self._aliases))]
        self.inner.tell(
            Trial(
                alias,
                proposal.sample,
                TrialState.DUPLICATE,
                known["metrics"],
                parent=proposal.parent,
                duplicate_of=known["trial"],
                steps=known["steps"],
            )
        )

    def _name_parent(self, proposal: Proposal) -> Proposal:
        """The proposal with a parent that was told from outside."""
        parent = proposal.parent
        if parent is None or not self.is_own_number(parent):
            return proposal
        return Proposal(proposal.sample, self._aliases.get(parent))


def _note(trial: Trial) -> dict[str, Any]:
    """What is told of a trial's duplicates; a metric that is no number is none."""
    metrics = {name: value for name, value in trial.metrics.items() if math.isfinite(value)}
    return {"trial": trial.id, "metrics": metrics, "steps": trial.steps}


def _write(proposal: Proposal) -> dict[str, Any]:
    return {"sample": proposal.sample.to_json(), "parent": proposal.parent}


def _read(data: Mapping[str, Any]) -> Proposal:
    return Proposal(Sample(data["sample"]), data["parent"])

"""Random search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retix.errors import ConfigError
from retix.strategy.sampler import ModelFilter, Sampler
from retix.strategy.strategy import Strategy
from retix.trial import Proposal, Trial


class Random(Strategy):
    """Draws each decision at random, by its prior weights where it has any.

    Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13 (2012). What is proposed does not
    depend on how trials end. With ``dedup``, trials that others propose in the same search are not proposed again.

    Args:
        variational: NNI's option of sampling without a list of choices; only False is meaningful, because every space
            is sampled that way here.
        dedup: Whether no network is proposed twice. The strategy is then exhausted once every network of the space
            was proposed; in a space where 5,000 further samples bring no new one, `ask` answers None although it
            cannot prove that. With False, an experiment answers a network that comes again with the result it has, and
            counts no trial for it.
        model_filter: Samples for which it returns False are never proposed.
        seed: See `Strategy`.

    Raises:
        ConfigError: ``variational`` is True.
    """

    def __init__(
        self,
        variational: bool = False,
        dedup: bool = True,
        model_filter: ModelFilter | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        if variational:
            raise ConfigError(
                "Random(variational=True) is not supported",
                why="it let NNI sample spaces that it could not list; here every space is sampled without a list",
                fix="leave variational out",
            )
        self._sampler = Sampler(dedup, model_filter)

    def ask(self) -> Proposal | None:
        sample = self._sampler.draw(self.space, self.rng)
        return None if sample is None else Proposal(sample)

    @property
    def is_multi_objective(self) -> bool:
        return True

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        if self._space is not None:
            self._sampler.note(self._space, trial.sample)

    @property
    def exhausted(self) -> bool:
        return self._sampler.exhausted

    def state(self) -> dict[str, Any]:
        return {**super().state(), "sampler": self._sampler.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._sampler.load_state(state["sampler"])

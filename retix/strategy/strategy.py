"""The contract between a strategy and whoever runs what it proposes."""

from __future__ import annotations

import random
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from retix.errors import ConfigError
from retix.objective import Objectives
from retix.space import SearchSpace
from retix.trial import Proposal, Trial


class Strategy(ABC):
    """Proposes samples of a space and learns from what became of them.

    The contract, which one test suite holds for every strategy:

    - `aim` says what the search is after, if that is more than the metric ``default``; then comes `start`. After it,
      `ask` and `tell` come in whatever order trials begin and end.
    - `tell` brings a trial with the sample of a proposal and an id, which says nothing but which trial it is. Each is
      told once. A strategy is also told of trials that it has not proposed: a user's, those of an earlier search, or of
      another strategy in the same one. ``Proposal.parent`` only ever names an id that was told or observed. If the
      proposal is to inherit its parent's weights, the parent was among `possible_parents` before `ask`.
    - A strategy never sleeps, polls, submits or measures time, and sees no graph, model or engine. It meets the space
      by ``space.walk`` alone, so that conditions and decisions invented on the way need no code here, and it
      recognises equal networks by ``space.fingerprint``.
    - The same seed, space and sequence of `ask` and `tell` give the same proposals. After a crash, repeating the
      recorded sequence on a new strategy of the same settings therefore leads to the proposal that would have come
      next; so does `load_state` of a `state`, followed by what came after it.

    A subclass implements `ask` and `exhausted`, takes all its randomness from ``self.rng``, and extends `tell`,
    `state` and `load_state` through ``super()`` where it learns.

    Args:
        seed: Where the random numbers start. None draws a seed, once, and keeps it in `seed` and in the state.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = secrets.randbits(32) if seed is None else seed
        self.rng = random.Random(self.seed)
        self.objectives = Objectives()
        self._space: SearchSpace | None = None

    @property
    def is_multi_objective(self) -> bool:
        """Whether it can search for several objectives at once; the base class cannot."""
        return False

    def aim(self, objectives: Objectives) -> None:
        """Take what the search is after; called before `start`, by whoever runs the search.

        Raises:
            ConfigError: There are several objectives, and the strategy is for one.
        """
        if len(objectives) > 1 and not self.is_multi_objective:
            raise ConfigError(
                f"{type(self).__name__} searches for one objective, and there are {len(objectives)}",
                fix="use NSGA2, RegularizedEvolution, Random or GridSearch, or make the others limits",
            )
        self.objectives = objectives

    @property
    def space(self) -> SearchSpace:
        """The space that is searched.

        Raises:
            ConfigError: The strategy was not started.
        """
        if self._space is None:
            raise ConfigError(f"{type(self).__name__} searches no space yet", fix="call start(space) first")
        return self._space

    def start(self, space: SearchSpace) -> None:
        """Bind the strategy to its space.

        Raises:
            ConfigError: It is bound to another space already.
        """
        if self._space is not None and self._space is not space:
            raise ConfigError(
                f"this {type(self).__name__} already searches another space",
                why="what a strategy has learned holds for one space only",
                fix="make a new strategy for each experiment",
            )
        self._space = space

    @abstractmethod
    def ask(self) -> Proposal | None:
        """Propose what to try next, or None if there is nothing to propose now.

        After None there may be more once further trials were told, unless the strategy is `exhausted`.

        Raises:
            ConfigError: The strategy was not started.
            SpaceError: The space holds nothing that may be proposed.
        """

    @property
    @abstractmethod
    def exhausted(self) -> bool:
        """Whether `ask` will never again propose anything, whatever is told."""

    def tell(self, trial: Trial) -> None:
        """Learn what became of a trial; each is told once, in any order. The base class learns nothing.

        Raises:
            ConfigError: The trial is still waiting or running.
        """
        if not trial.state.is_final:
            raise ConfigError(
                f"trial {trial.id} was told to {type(self).__name__} while it is {trial.state}",
                fix="tell a trial once it has succeeded, failed, been stopped or been found a duplicate",
            )

    def observe(self, trial: Trial) -> None:
        """Learn how far a trial has come that early stopping has paused; it may go on, and is told when it has ended.

        Args:
            trial: Waiting, with the metrics of its last intermediate result, and their number in ``trial.steps``. A
                trial that is paused again is observed again. The base class learns nothing.
        """
        return

    @property
    def inherits_weights(self) -> bool:
        """Whether a proposal may start from its parent's weights; the base class's never do."""
        return False

    def possible_parents(self) -> frozenset[int]:
        """The trials that a later proposal may inherit weights from, if nothing more is told; here none.

        What is not among them need not be kept.
        """
        return frozenset()

    def state(self) -> dict[str, Any]:
        """Everything that the next proposals depend on, apart from space and settings, as JSON values.

        Where equal networks are recognised, it grows with the number of proposals.
        """
        version, words, gauss = self.rng.getstate()
        return {"strategy": type(self).__name__, "seed": self.seed, "rng": [version, list(words), gauss]}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, in a strategy of the same settings; before or after `start`.

        Raises:
            ConfigError: Another kind of strategy wrote it.
        """
        if state["strategy"] != type(self).__name__:
            raise ConfigError(
                f"a state of {state['strategy']} was given to {type(self).__name__}",
                fix=f"go on with {state['strategy']}, or begin a new experiment",
            )
        version, words, gauss = state["rng"]
        self.seed = state["seed"]
        self.rng.setstate((version, tuple(words), gauss))

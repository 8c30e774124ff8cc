"""Search by reinforcement learning."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from retix.errors import ConfigError
from retix.objective import Objective, Objectives
from retix.space import Choice, Sample, SearchSpace
from retix.strategy.policy import (
    PPO,
    Cost,
    Episode,
    LSTMPolicy,
    MLPPolicy,
    Policy,
    Question,
    Rewards,
    Vocabulary,
    Walker,
    one_thread,
    seeded,
)
from retix.strategy.sampler import Sampler
from retix.strategy.settings import check_known, check_least
from retix.strategy.strategy import Strategy
from retix.trial import Proposal, Trial, TrialState

_TRIES = 16
_MOST_PENDING = 10_000


def make_lstm(space: SearchSpace) -> Policy:
    """The policy by default, for any space."""
    return LSTMPolicy()


def make_mlp(space: SearchSpace) -> Policy:
    """The policy that does not look at the order of answers, for any space."""
    return MLPPolicy()


_POLICIES: dict[str, Callable[[SearchSpace], Policy]] = {"lstm": make_lstm, "mlp": make_mlp}


class PolicyBasedRL(Strategy):
    """A policy network answers the decisions of a space one after the other, and learns which answers were good.

    Proximal policy optimization (Schulman et al., arXiv 1707.06347) of an LSTM that is fed its own answers (Zoph and
    Le, arXiv 1611.01578). Questions are met as the space asks them, so that conditions, answers that constraints rule
    out, and decisions that are invented on the way need nothing special.

    It is asynchronous: `ask` never waits. As soon as ``trial_per_collect`` results are in, the policy learns from them;
    what was proposed before and ends later counts as what an older policy did. A result counts by its rank among
    recent ones (`Rewards`), so that the scale of the metric does not matter. Trials that early stopping ended count by
    what they showed, those that another strategy or the user proposed as if the policy had. A trial that was stopped
    from outside teaches nothing.

    What was proposed before is avoided, but not ruled out: in a small space, or once every network it can think of was
    tried, it repeats itself. An `ask` takes some 2 ms in a space of ten decisions. The same seed gives the same
    proposals on machines of one kind; processors whose floating-point kernels differ may part ways in time.

    Args:
        max_collect: How often the policy learns. ``max_collect * trial_per_collect`` proposals are made in all.
        trial_per_collect: Results per update. With a budget of less than some hundred trials, 5 learns faster.
        policy_fn: Makes the policy, given the space: an instance of `retix.strategy.rl.Policy`. NNI's functions, which
            make a policy of tianshou's from an environment, do not fit.
        policy: ``lstm`` or ``mlp``, where no function is given. An LSTM remembers the answers in their order, the MLP
            only which they were.
        learning_rate: The step size of Adam.
        clip: See `PPO`, and so for the next two.
        entropy: The weight of the entropy of answers.
        epochs: Steps per update.
        on_failure: Whether a trial without a finite metric counts as the ``worst`` of the recent, or is left out
            (``ignore``).
        optimize_mode: ``maximize`` or ``minimize``, for the metric ``default``; None follows the search's objective,
            and maximizes without one.
        seed: See `Strategy`.

    Raises:
        ConfigError: A number is out of its range, or a name is unknown.
    """

    def __init__(
        self,
        max_collect: int = 100,
        trial_per_collect: int = 20,
        policy_fn: Callable[[SearchSpace], Policy] | None = None,
        *,
        policy: Literal["lstm", "mlp"] = "lstm",
        learning_rate: float = 0.01,
        clip: float = 0.2,
        entropy: float = 0.05,
        epochs: int = 4,
        on_failure: Literal["worst", "ignore"] = "worst",
        optimize_mode: Literal["maximize", "minimize"] | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        for name, value in ("max_collect", max_collect), ("trial_per_collect", trial_per_collect), ("epochs", epochs):
            check_least(name, value, 1)
        _check_positive(learning_rate=learning_rate, clip=clip)
        if not 0 <= entropy < math.inf:
            raise ConfigError(f"entropy is {entropy!r}", fix="give a weight of 0 or more")
        check_known("policy", policy, tuple(_POLICIES))
        check_known("on_failure", on_failure, ("worst", "ignore"))
        if optimize_mode is not None:
            self.objectives = Objectives((Objective("default", optimize_mode),))
        self.optimize_mode = optimize_mode
        self._make_policy = policy_fn or _POLICIES[policy]
        self._settings = learning_rate, clip, entropy, epochs
        self._collect = trial_per_collect
        self._most = max_collect * trial_per_collect
        self._ignores_failures = on_failure == "ignore"
        self._sampler = Sampler(dedup=False)
        self._rewards = Rewards(window=5 * trial_per_collect)
        self._proposed = 0
        self._known: set[str] = set()
        self._pending: dict[str, list[Episode]] = {}
        self._told: list[Episode] = []
        self._loaded: Mapping[str, Any] | None = None
        self._vocabulary = Vocabulary(self._meet)
        self._ppo: PPO | None = None

    def start(self, space: SearchSpace) -> None:
        super().start(space)
        if self._ppo is None:
            with seeded(self.seed % 2**63):
                made = self._make_policy(space)
            if not isinstance(made, Policy):
                raise ConfigError(
                    f"policy_fn has made a {type(made).__name__}",
                    why="policies of tianshou, which NNI used, do not fit",
                    fix="let it return an instance of a subclass of retix.strategy.rl.Policy",
                )
            self._ppo = PPO(made, *self._settings)
        if self._loaded is not None:
            self._vocabulary.read(self._loaded["questions"])
            if self._loaded["network"]:  # empty, if it was written before the strategy was started
                self._ppo.load_state(self._loaded["network"])
            self._loaded = None

    def ask(self) -> Proposal | None:
        space = self.space
        if self.exhausted:
            return None
        sample, episode = self._draw(space)
        self._proposed += 1
        self._known.add(_shorten(sample))
        self._pending.setdefault(sample.key, []).append(episode)
        if len(self._pending) > _MOST_PENDING:  # those that a wrapper has refused are never told
            del self._pending[next(iter(self._pending))]
        return Proposal(sample)

    @property
    def exhausted(self) -> bool:
        return self._proposed >= self._most

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self._known.add(_shorten(trial.sample))
        episode = self._take(trial.sample)
        cost = self._rate(trial)
        if cost is None:
            return
        self._rewards.add(cost)
        self._told.append(replace(episode or self._retrace(trial.sample), cost=cost))
        if len(self._told) >= self._collect:
            self._learn()

    def state(self) -> dict[str, Any]:
        if self._loaded is not None:
            return dict(self._loaded)
        return {
            **super().state(),
            "proposed": self._proposed,
            "pending": {key: [episode.to_json() for episode in kept] for key, kept in self._pending.items()},
            "told": [episode.to_json() for episode in self._told],
            "known": sorted(self._known),
            "rewards": self._rewards.state(),
            "questions": self._vocabulary.to_json(),
            "network": {} if self._ppo is None else self._ppo.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._proposed = state["proposed"]
        self._pending = {key: [Episode.from_json(item) for item in kept] for key, kept in state["pending"].items()}
        self._told = [Episode.from_json(item) for item in state["told"]]
        self._known = set(state["known"])
        self._rewards.load_state(state["rewards"])
        self._loaded = state
        self._ppo = None
        self._vocabulary = Vocabulary(self._meet)
        if self._space is not None:
            self.start(self._space)

    def _meet(self, question: Question) -> None:
        assert self._ppo is not None  # questions come from a space, which `start` has bound
        with seeded((self.seed + 1 + question.number) % 2**63):
            self._ppo.policy.meet(question)

    def _draw(self, space: SearchSpace) -> tuple[Sample, Episode]:
        """A sample by the policy; one by chance where it finds none that the space permits.

        What was tried before is drawn again, each time more evenly, so that a policy that has become certain looks
        around instead of repeating itself.
        """
        again = None
        for attempt in range(_TRIES):
            sample, episode = self._follow(space, temperature=1.5**attempt)
            if not space.permits(sample):
                continue
            if _shorten(sample) not in self._known:
                return sample, episode
            again = again or (sample, episode)
        if again is not None:
            return again
        drawn = self._sampler.draw(space, self.rng)
        assert drawn is not None  # without dedup, a sampler finds one or raises
        return drawn, self._retrace(drawn)

    def _retrace(self, sample: Sample) -> Episode:
        """The episode in which the policy, as it is, would have come to ``sample``."""
        return self._follow(self.space, sample)[1]

    def _follow(
        self, space: SearchSpace, known: Mapping[str, Choice] | None = None, temperature: float = 1.0
    ) -> tuple[Sample, Episode]:
        assert self._ppo is not None  # as above
        walker = Walker(self._ppo.policy, self.rng, temperature)
        with one_thread():
            sample = space.walk(lambda decision: self._vocabulary.decide(decision, walker.choose, known))
        return sample, Episode(tuple(walker.steps))

    def _take(self, sample: Sample) -> Episode | None:
        """The oldest episode that ended with a proposal of ``sample`` and was not told yet."""
        kept = self._pending.get(sample.key)
        if kept is None:
            return None
        episode = kept.pop(0)
        if not kept:
            del self._pending[sample.key]
        return episode

    def _rate(self, trial: Trial) -> Cost | None:
        """What became of a trial, or None if it is to teach nothing."""
        if trial.state is TrialState.STOPPED:
            return None
        cost = self.objectives.costs(trial.metrics)[0]
        if not math.isfinite(cost) and self._ignores_failures:
            return None
        return self.objectives.violation(trial.metrics) if math.isfinite(cost) else math.inf, cost

    def _learn(self) -> None:
        assert self._ppo is not None  # as above
        told, self._told = self._told, []
        advantages = [self._rewards.rate(episode.cost) for episode in told if episode.cost is not None]
        self._ppo.update(self._vocabulary.questions, told, advantages)


def _shorten(sample: Sample) -> str:
    return hashlib.blake2b(sample.key.encode(), digest_size=8).hexdigest()


def _check_positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if not 0 < value < math.inf:
            raise ConfigError(f"{name} is {value!r}", fix="give a number above 0")

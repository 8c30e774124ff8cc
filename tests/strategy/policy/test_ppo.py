"""How policies learn."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
import torch

from retix.strategy.policy import (
    PPO,
    Episode,
    LSTMPolicy,
    MLPPolicy,
    Policy,
    Question,
    Step,
    Walker,
    one_thread,
    seeded,
)

QUESTIONS = [Question(0, "a", 3, 0), Question(1, "b", 5, 3), Question(2, "c", 2, 8)]


def make(policy: type[Policy] = LSTMPolicy, questions: Sequence[Question] = QUESTIONS, **settings: float) -> PPO:
    """A policy that has met the questions, and what teaches it."""
    with seeded(1):
        made = policy()
        for question in questions:
            made.meet(question)
    arguments: Any = {"learning_rate": 0.05, "clip": 0.2, "entropy": 0.0, "epochs": 3, **settings}
    return PPO(made, **arguments)


def walk(ppo: PPO, answers: Sequence[int], allowed: tuple[int, ...] | None = None) -> Episode:
    """The episode of given answers to the first questions; ``allowed`` holds for the last one."""
    walker = Walker(ppo.policy, random.Random(0))
    for question, answer in zip(QUESTIONS, answers, strict=False):
        walker.choose(question, allowed if question.number == len(answers) - 1 else None, answer)
    return Episode(tuple(walker.steps))


def probability(ppo: PPO, answers: Sequence[int]) -> float:
    """How probable the answers are, together."""
    return math.exp(sum(step.log_prob for step in walk(ppo, answers).steps))


@pytest.mark.parametrize("policy", [LSTMPolicy, MLPPolicy])
def test_what_is_good_becomes_likely(policy: type[Policy]) -> None:
    """Answers of a good episode become more probable, those of a bad one less; they begin near uniform."""
    ppo = make(policy)
    good, bad = (1, 4, 0), (2, 0, 1)
    before = probability(ppo, good), probability(ppo, bad)
    assert before == pytest.approx((1 / 30, 1 / 30), rel=0.2)
    for _ in range(10):
        ppo.update(QUESTIONS, [walk(ppo, good), walk(ppo, bad)], [1.0, -1.0])
    assert probability(ppo, good) > 5 * before[0]
    assert probability(ppo, bad) < before[1] / 5


def test_steps_are_clipped() -> None:
    """Once the ratio of probabilities has left the clip, an update pushes it no further, but for Adam's momentum."""
    moved = []
    for epochs, clip in ((1, 0.2), (150, 0.2), (150, 10.0)):
        ppo = make(epochs=epochs, clip=clip, learning_rate=0.002)
        episode = walk(ppo, (1,))
        ppo.update(QUESTIONS, [episode], [1.0])
        moved.append(math.exp(walk(ppo, (1,)).steps[0].log_prob - episode.steps[0].log_prob))
    assert 1.0 < moved[0] < 1.2 < moved[1] < 1.8 < 2.2 < moved[2]


def test_entropy_spreads_answers() -> None:
    """Where nothing is better than anything, the bonus makes answers equally probable again."""
    ppo = make()
    for _ in range(4):
        ppo.update(QUESTIONS, [walk(ppo, (0, 0, 0))], [1.0])
    certain = probability(ppo, (0, 0, 0))
    spreading = PPO(ppo.policy, 0.05, 0.2, 1.0, 20)
    spreading.update(QUESTIONS, [walk(ppo, (0, 0, 0))] * 2, [0.0, 0.0])
    assert probability(ppo, (0, 0, 0)) < 0.7 * certain


def test_walks_and_updates_agree() -> None:
    """Episodes of different length and of answers that were left: what the walk saw is what the update starts from."""
    ppo = make(learning_rate=1e-12, epochs=1)
    episodes = [walk(ppo, (2, 3, 1)), walk(ppo, (0,)), walk(ppo, (1, 4), allowed=(0, 4)), Episode(())]
    ratios = []
    for advantages in ([1.0, 1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, -1.0]):
        gradients = _gradients_of(ppo, episodes, advantages)
        ratios.append(gradients)
    assert all(torch.allclose(one, -other, atol=1e-6) for one, other in zip(*ratios, strict=True))
    assert sum(step.log_prob for step in episodes[2].steps[1:]) == pytest.approx(math.log(0.5), abs=0.05)


def _gradients_of(ppo: PPO, episodes: Sequence[Episode], advantages: Sequence[float]) -> list[torch.Tensor]:
    ppo.update(QUESTIONS, episodes, advantages)
    return [parameter.grad.clone() for parameter in ppo.policy.parameters() if parameter.grad is not None]


def test_what_is_not_allowed_is_never_drawn() -> None:
    """Answers that constraints rule out have no probability, however much the policy likes them."""
    ppo = make()
    for _ in range(10):
        ppo.update(QUESTIONS, [walk(ppo, (0,))], [1.0])
    drawn = {Walker(ppo.policy, random.Random(i)).choose(QUESTIONS[0], (1, 2), None) for i in range(30)}
    assert drawn == {1, 2}


def test_temperature_evens_out() -> None:
    """A hot walker draws what the policy hardly would, and remembers the policy's own probability."""
    ppo = make()
    for _ in range(6):
        ppo.update(QUESTIONS, [walk(ppo, (0,))], [1.0])
    counts = []
    for temperature in (1.0, 100.0):
        walkers = [Walker(ppo.policy, random.Random(i), temperature) for i in range(60)]
        counts.append(sum(walker.choose(QUESTIONS[0], None, None) != 0 for walker in walkers))
    assert counts[0] <= 6 < 25 <= counts[1]
    others = probability(ppo, (1,)) + probability(ppo, (2,))
    assert math.exp(walk(ppo, (0,)).steps[0].log_prob) == pytest.approx(1 - others, abs=1e-6)


def test_the_state_is_exact() -> None:
    """Weights and moments go through JSON bit by bit; further updates are the same, with questions that join later."""
    ppo = make(questions=QUESTIONS[:2])
    episodes = [walk(ppo, (1, 2)), walk(ppo, (0, 4))]
    ppo.update(QUESTIONS[:2], episodes, [1.0, -0.5])
    with seeded(3):
        ppo.policy.meet(QUESTIONS[2])
    text = json.dumps(ppo.state())
    again = make()
    again.load_state(json.loads(text))
    assert json.dumps(again.state()) == text
    for each in (ppo, again):
        each.update(QUESTIONS, [walk(each, (1, 2, 1))], [1.0])
    assert json.dumps(again.state()) == json.dumps(ppo.state()) != text


def test_nothing_asked_nothing_learned() -> None:
    """Episodes of spaces without a decision change nothing."""
    ppo = make()
    before = json.dumps(ppo.state())
    ppo.update(QUESTIONS, [Episode(()), Episode(())], [1.0, -1.0])
    assert json.dumps(ppo.state()) == before


def test_torch_is_put_back() -> None:
    """Threads and random numbers are torch's own again afterwards, also after an error."""
    threads, kept = torch.get_num_threads(), torch.get_rng_state()
    with suppress(KeyError), one_thread(), seeded(5):
        assert torch.get_num_threads() == 1
        torch.rand(3)
        raise KeyError
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), kept)


def test_steps_go_through_json() -> None:
    """An episode is the same afterwards, failures included."""
    steps = (Step(0, 1, None, -1.25), Step(3, 0, (0, 2), -0.1))
    for cost in (None, (0.0, -1.5), (math.inf, math.inf)):
        episode = Episode(steps, cost)
        assert Episode.from_json(json.loads(json.dumps(episode.to_json(), allow_nan=False))) == episode

"""Asking a policy one question after another."""

from __future__ import annotations

import random

import torch

from retix.strategy.policy.episode import Step
from retix.strategy.policy.network import Policy, mask
from retix.strategy.policy.question import Question


class Walker:
    """Lets a policy answer the questions of one walk, by chance as it weighs them.

    Args:
        policy: It has met each question before it is asked here.
        rng: One number is drawn per answer.
        temperature: Above 1, answers are drawn more evenly than the policy weighs them; what is remembered of a step
            is the policy's own probability all the same.
    """

    def __init__(self, policy: Policy, rng: random.Random, temperature: float = 1.0) -> None:
        self._policy = policy
        self._rng = rng
        self._temperature = temperature
        self._state = policy.begin(1)
        self._token = 0
        self.steps: list[Step] = []

    def choose(self, question: Question, allowed: tuple[int, ...] | None, target: int | None) -> int:
        """The index of the answer: ``target``, if it is given."""
        with torch.no_grad():
            number, token = torch.tensor([question.number]), torch.tensor([self._token])
            logits, self._state = self._policy.step(self._state, number, token)
        left = torch.zeros((1, question.size), dtype=torch.bool)
        left[0, list(allowed) if allowed is not None else slice(None)] = True
        log_probs = mask(logits[:, : question.size], left).log_softmax(1)[0]
        answer = target
        if answer is None:
            weights = (log_probs / self._temperature).exp().tolist()
            answer = self._rng.choices(range(question.size), weights)[0]
        self.steps.append(Step(question.number, answer, allowed, log_probs[answer].item()))
        self._token = 1 + question.first + answer
        return answer

"""Proximal policy optimization."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from retix.strategy.policy.episode import Episode
from retix.strategy.policy.network import Policy, mask
from retix.strategy.policy.question import Question


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: the networks are small, and sums come out the same on every machine's count."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let what is made inside draw from ``seed``; torch's own numbers go on afterwards as if nothing was."""
    kept = torch.default_generator.get_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.default_generator.set_state(kept)


class PPO:
    """Makes good answers more likely, by the clipped objective of Schulman et al. (arXiv 1707.06347), equation 7.

    There is one reward, at the end of an episode, which counts for each of its steps. An entropy bonus, as a share of
    the entropy of a uniform choice, keeps answers from becoming certain too early.

    Args:
        policy: What learns.
        learning_rate: The step size of Adam.
        clip: How far the probability of an answer may move in one update, as a ratio.
        entropy: The weight of the entropy.
        epochs: How many steps of Adam one update makes, each on all episodes.
    """

    def __init__(self, policy: Policy, learning_rate: float, clip: float, entropy: float, epochs: int) -> None:
        self.policy = policy
        self._clip = clip
        self._entropy = entropy
        self._epochs = epochs
        self._learning_rate = learning_rate
        self._adam: torch.optim.Adam | None = None

    def update(self, questions: Sequence[Question], episodes: Sequence[Episode], advantages: Sequence[float]) -> None:
        """Learn from episodes.

        Args:
            questions: All that the policy has met.
            episodes: What it did.
            advantages: How much better each episode turned out than was to be expected.
        """
        batch = _Batch.collate(questions, episodes, advantages)
        if batch is None:
            return
        adam = self._find_adam()
        with one_thread():
            for _ in range(self._epochs):
                adam.zero_grad()
                self._loss(batch).backward()  # type: ignore[no-untyped-call]  # torch has no type for it
                adam.step()

    def _loss(self, batch: _Batch) -> Tensor:
        logs, entropies = [], []
        state = self.policy.begin(len(batch.valid))
        for t in range(batch.valid.shape[1]):
            logits, state = self.policy.step(state, batch.questions[:, t], batch.previous[:, t])
            allowed = batch.allowed[:, t]
            width = min(logits.shape[1], allowed.shape[1])
            log_probs = mask(logits[:, :width], allowed[:, :width]).log_softmax(1)
            logs.append(log_probs.gather(1, batch.answers[:, t, None])[:, 0])
            entropies.append(-(log_probs.exp() * log_probs * allowed[:, :width]).sum(1))
        ratio = (torch.stack(logs, 1) - batch.log_probs).exp()
        advantages = batch.advantages[:, None]
        gain = torch.minimum(ratio * advantages, ratio.clamp(1 - self._clip, 1 + self._clip) * advantages)
        gain = gain + self._entropy * torch.stack(entropies, 1) / batch.allowed.sum(2).clamp(min=2).log()
        return -(gain * batch.valid).sum() / batch.valid.sum()

    def _find_adam(self) -> torch.optim.Adam:
        """Adam over all parameters, those included that have joined since."""
        parameters = list(self.policy.parameters())
        if self._adam is None:
            self._adam = torch.optim.Adam(parameters, self._learning_rate, foreach=True)
        group = self._adam.param_groups[0]
        known = {id(parameter) for parameter in group["params"]}
        group["params"] += [parameter for parameter in parameters if id(parameter) not in known]
        return self._adam

    def state(self) -> dict[str, Any]:
        """Weights and what Adam keeps of each, exactly, as JSON values."""
        kept = self._adam.state if self._adam is not None else {}
        return {
            name: [_write(parameter.detach()), *(_write(kept[parameter][key]) for key in _MOMENTS if parameter in kept)]
            for name, parameter in self.policy.named_parameters()
        }

    def load_state(self, state: Mapping[str, Sequence[str]]) -> None:
        """Go on from what `state` returned; the policy has met the same questions."""
        adam = self._find_adam()
        for name, parameter in self.policy.named_parameters():
            weight, *moments = state[name]
            with torch.no_grad():
                parameter.copy_(_read(weight, parameter.shape))
            if moments:
                shapes = {"step": torch.Size(()), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
                adam.state[parameter] = {
                    key: _read(text, shapes[key]) for key, text in zip(_MOMENTS, moments, strict=True)
                }


_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True, slots=True)
class _Batch:
    """Episodes as tensors: ``(episodes, steps)``, short ones padded; `allowed` has an axis of answers more."""

    questions: Tensor
    previous: Tensor
    answers: Tensor
    log_probs: Tensor
    valid: Tensor
    allowed: Tensor
    advantages: Tensor

    @classmethod
    def collate(
        cls, questions: Sequence[Question], episodes: Sequence[Episode], advantages: Sequence[float]
    ) -> _Batch | None:
        """The batch, or None if nothing was asked in any episode."""
        steps = max(len(episode.steps) for episode in episodes)
        if steps == 0:
            return None
        shape = len(episodes), steps
        most = max(questions[step.question].size for episode in episodes for step in episode.steps)
        asked, previous, answers = (torch.zeros(shape, dtype=torch.int64) for _ in range(3))
        log_probs, valid = torch.zeros(shape), torch.zeros(shape)
        allowed = torch.zeros((*shape, most), dtype=torch.bool)
        allowed[:, :, 0] = True  # for what pads
        for row, episode in enumerate(episodes):
            token = 0
            for column, step in enumerate(episode.steps):
                question = questions[step.question]
                asked[row, column], previous[row, column], answers[row, column] = question.number, token, step.answer
                log_probs[row, column], valid[row, column] = step.log_prob, 1.0
                allowed[row, column] = False
                allowed[row, column, list(step.allowed) if step.allowed is not None else slice(question.size)] = True
                token = 1 + question.first + step.answer
        return cls(asked, previous, answers, log_probs, valid, allowed, torch.tensor(advantages))


def _write(tensor: Tensor) -> str:
    return base64.b64encode(tensor.to(torch.float32).contiguous().numpy().astype("<f4").tobytes()).decode()


def _read(text: str, shape: torch.Size) -> Tensor:
    numbers = torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.float32)
    return numbers.clone().reshape(shape)
